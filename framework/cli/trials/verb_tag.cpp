// tag: a name on a trial, a cell, an experiment or a stage; `ls tag=NAME` finds it.
#include "cli/trials/marking.hpp"

namespace tessera {

int verb_tag(const Verb& verb, const std::vector<std::string>& arguments) { return mark(verb, "tag", arguments); }

}  // namespace tessera
