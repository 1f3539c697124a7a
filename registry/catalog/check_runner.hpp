// Answers of `tessera-host --check`: what settings are (latents, layout, order, parameter counts) or why they cannot be. All
// that the cache does not know go to one child; the one it dies on is blamed, and a new child goes on behind it.
#pragma once
#include <vector>

#include "core/json.hpp"
#include "registry/catalog/search_path.hpp"

namespace tessera {

class CheckRunner {
 public:
  explicit CheckRunner(CatalogSettings settings) : settings_(std::move(settings)) {}

  // Requests {"settings": SETTINGS, "plugins": PLUGINS}; answers in the same order: {"type":"answer","ok":true,…} or
  // {"type":"answer","ok":false,"errors":[{"key","text"}]}. Cached by host, plugin hashes, settings, and by size and times of
  // the paths that the answer's data.watch names; not where it says "unsettled". Throws Error(run_failed) where the host itself does not
  // start.
  std::vector<Json> run(const std::vector<Json>& requests) const;

 private:
  std::vector<Json> ask(const std::vector<Json>& requests) const;

  CatalogSettings settings_;
};

}  // namespace tessera
