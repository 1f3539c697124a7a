// tokens.safetensors: the ids of every training image under each view, and of validation under identity.
#pragma once
#include "engine/state_dict.hpp"
#include "tessera/layout.hpp"

namespace tessera {

struct TokenSet {
  at::Tensor train_ids_VMN, validation_ids_VMN;    // int32
  at::Tensor train_labels_M, validation_labels_M;  // int64
  TokenLayout layout;
  std::vector<std::string> views;
  int64_t classes = 0;
};

void save_token_set(const TokenSet& tokens, const std::filesystem::path& path);
// Throws Error(run_failed) for missing tensors and for ids outside the layout.
TokenSet load_token_set(const std::filesystem::path& path);

}  // namespace tessera
