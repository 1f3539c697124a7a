// What every plugin must leave alone, compared before and after it was called. A plugin that reseeds torch's generator or
// changes the number of threads would change the results of all others, silently.
#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace tessera {

class GlobalState {
 public:
  GlobalState();  // as it stands now
  // Throws Error(bad_plugin) "<who> changed …: found …, expected …; a plugin leaves global state alone", after putting threads,
  // grad mode and default dtype back.
  void expect_unchanged(const std::string& who) const;

 private:
  uint64_t generator_seed_;
  int threads_;
  bool grad_;
  at::ScalarType dtype_;
};

}  // namespace tessera
