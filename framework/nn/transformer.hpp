// Pre-norm transformer over a token layout (2005.14165; GELU MLP of 4x), one for causal and for masked priors: equal width,
// depth, heads and parameters but for the mask embedding, so that a comparison of the two compares training and order alone.
//
// Slots. Causal: slot s holds the token *before* position slots()[s] (slot 0: the condition) and predicts that position, so a
// token never sees itself. Bidirectional: the condition stands in a slot of its own, before N slots of tokens, never masked.
// Several planes: causal slots go cell by cell where all planes have one grid, else plane after plane.
#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "tessera/cost.hpp"
#include "tessera/host.hpp"
#include "tessera/layout.hpp"

namespace tessera {

struct TransformerOptions {
  int64_t width = 128, layers = 4, heads = 4;
  double dropout = 0.1;               // of embeddings and of what each block adds; attention weights are not dropped (flash path)
  std::string positions = "learned";  // learned | rotary
};

// Keys and values of the slots fed so far: preallocated, so that a step copies its own slots only.
struct KvCache {
  KvCache(const TransformerOptions& options, int64_t rows, int64_t slots, at::TensorOptions tensors);
  std::vector<at::Tensor> keys_BHTD, values_BHTD;  // one a layer
  int64_t length = 0;                              // slots fed
};

// What an attention block needs beside its input: slots [first, first + T) of a row.
struct AttentionCall {
  bool causal = false;
  int64_t first = 0;
  at::Tensor cosine_TD, sine_TD;                            // rotary tables of queries; undefined = none
  at::Tensor key_cosine_TD, key_sine_TD;                    // of keys
  at::Tensor *keys_BHTD = nullptr, *values_BHTD = nullptr;  // cache of this layer
};

class SelfAttention : public torch::nn::Module {
 public:
  SelfAttention(int64_t width, int64_t heads);
  at::Tensor forward(const at::Tensor& x_BTD, const AttentionCall& call);
  torch::nn::Linear qkv{nullptr}, out{nullptr};
  bool counts_tokens = false;  // true in the first block of a prior: adds rows x tokens to the cost meter

 private:
  int64_t heads_;
};

class TransformerBlock : public torch::nn::Module {
 public:
  TransformerBlock(int64_t width, int64_t heads, double dropout);
  at::Tensor forward(const at::Tensor& x_BTD, const AttentionCall& call);
  std::shared_ptr<SelfAttention> attention;
  torch::nn::LayerNorm attention_norm{nullptr}, mlp_norm{nullptr};
  torch::nn::Linear up{nullptr}, down{nullptr};

 private:
  double dropout_;
};

struct TokenLoss {
  at::Tensor total;  // sum over tokens, nats, label smoothing included
  at::Tensor nll;    // the same without smoothing, detached
};

class Transformer : public torch::nn::Module {
 public:
  enum class Sight { causal, bidirectional };
  // Throws OptionError for sizes that do not fit.
  Transformer(const TransformerOptions& options, const TokenLayout& layout, int64_t classes, Sight sight);

  // Causal: hidden_BTD of slots [first, last); ids before `last` must be there, others may be -1. With a cache, first must be its length.
  at::Tensor causal(const at::Tensor& ids_BN, const at::Tensor& label_B, int64_t first, int64_t last, KvCache* cache = nullptr);
  // Bidirectional: hidden_BND of all positions; -1 = masked.
  at::Tensor bidirectional(const at::Tensor& ids_BN, const at::Tensor& label_B);
  // BQK, K the largest vocabulary, -inf outside that of the position's plane. Padded positions (-1) count as plane 0.
  at::Tensor logits(const at::Tensor& hidden_BQD, const at::Tensor& positions_BQ);
  // Cross entropy of ids_M; position_M (CPU) says which plane each row belongs to.
  TokenLoss score(const at::Tensor& hidden_MD, const at::Tensor& ids_M, const at::Tensor& position_M, double label_smoothing);

  // Causal: the position that each slot predicts, and its inverse as an Order's ranks.
  const std::vector<int64_t>& slots() const { return slots_; }
  std::vector<int64_t> ranks() const;
  const TokenLayout& layout() const { return layout_; }
  const TransformerOptions& options() const { return options_; }
  at::Device device() const { return token_.device(); }
  at::TensorOptions tensors() const { return token_.options(); }

 private:
  at::Tensor embed_tokens(const at::Tensor& ids_BN, const at::Tensor& positions_N);
  at::Tensor embed_condition(const at::Tensor& label_B);
  at::Tensor add_places(const at::Tensor& x_BTD, const at::Tensor& positions_T);
  at::Tensor run(at::Tensor x_BTD, AttentionCall call, KvCache* cache);
  void initialise();
  void build_rotary(at::Device device);

  TransformerOptions options_;
  TokenLayout layout_;
  int64_t classes_;
  Sight sight_;
  std::vector<int64_t> slots_;
  // Constants that follow the weights' device; no buffers, for they are no state.
  at::Tensor slots_N_, plane_N_, token_offset_N_, all_N_;
  at::Tensor cosine_TD_, sine_TD_;
  void follow_device();

  at::Tensor token_, condition_, mask_, position_, plane_;
  std::vector<std::shared_ptr<TransformerBlock>> blocks_;
  torch::nn::LayerNorm norm_{nullptr};
  torch::nn::Linear head_{nullptr};
};

}  // namespace tessera
