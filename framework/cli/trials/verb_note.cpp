// note: a sentence on a trial, a cell, an experiment or a stage; `show` prints it.
#include "cli/trials/marking.hpp"

namespace tessera {

int verb_note(const Verb& verb, const std::vector<std::string>& arguments) { return mark(verb, "note", arguments); }

}  // namespace tessera
