#include "nn/transformer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "nn/dropout.hpp"

namespace tessera {

namespace {

// Rotates the pairs (i, i + d/2) of the last axis; tables are T x d/2.
at::Tensor rotate(const at::Tensor& x_BHTD, const at::Tensor& cosine_TD, const at::Tensor& sine_TD) {
  auto halves = x_BHTD.chunk(2, -1);
  auto cosine = cosine_TD.to(x_BHTD.scalar_type()), sine = sine_TD.to(x_BHTD.scalar_type());
  return torch::cat({halves[0] * cosine - halves[1] * sine, halves[0] * sine + halves[1] * cosine}, -1);
}

at::Tensor index_tensor(const std::vector<int64_t>& values, at::Device device) { return torch::tensor(values, torch::kLong).to(device); }

// Slots of a causal prior: cell by cell where planes share a grid (residual codes of a cell belong together), else as laid out.
std::vector<int64_t> causal_slots(const TokenLayout& layout) {
  std::vector<int64_t> slots(static_cast<size_t>(layout.length()));
  std::iota(slots.begin(), slots.end(), 0);
  if (!layout.same_grid()) return slots;
  auto planes = static_cast<int64_t>(layout.planes().size()), cells = layout.length() / planes;
  for (int64_t slot = 0; slot < layout.length(); ++slot) slots[static_cast<size_t>(slot)] = slot % planes * cells + slot / planes;
  return slots;
}

}  // namespace

KvCache::KvCache(const TransformerOptions& options, int64_t rows, int64_t slots, at::TensorOptions tensors) {
  for (int64_t layer = 0; layer < options.layers; ++layer)
    for (auto* list : {&keys_BHTD, &values_BHTD})
      list->push_back(torch::empty({rows, options.heads, slots, options.width / options.heads}, tensors));
}

SelfAttention::SelfAttention(int64_t width, int64_t heads) : heads_(heads) {
  qkv = register_module("qkv", torch::nn::Linear(width, 3 * width));
  out = register_module("out", torch::nn::Linear(width, width));
}

at::Tensor SelfAttention::forward(const at::Tensor& x_BTD, const AttentionCall& call) {
  int64_t rows = x_BTD.size(0), slots = x_BTD.size(1), width = x_BTD.size(2);
  if (counts_tokens) cost_meter().token_forwards += rows * slots;
  auto parts = qkv->forward(x_BTD).view({rows, slots, 3, heads_, width / heads_}).permute({2, 0, 3, 1, 4}).unbind(0);
  auto query = parts[0], key = parts[1], value = parts[2];
  if (call.cosine_TD.defined()) {
    query = rotate(query, call.cosine_TD, call.sine_TD);
    key = rotate(key, call.key_cosine_TD, call.key_sine_TD);
  }
  int64_t total = call.first + slots;
  if (call.keys_BHTD) {
    call.keys_BHTD->narrow(2, call.first, slots).copy_(key);
    call.values_BHTD->narrow(2, call.first, slots).copy_(value);
    if (call.first > 0) {
      key = call.keys_BHTD->narrow(2, 0, total);
      value = call.values_BHTD->narrow(2, 0, total);
      query = query.to(key.scalar_type());
    }
  }
  // is_causal aligns the first query with the first key: right from slot 0 only. One slot sees all before it: no mask at all.
  bool from_start = total == slots;
  c10::optional<at::Tensor> mask;
  if (call.causal && !from_start && slots > 1) mask = torch::ones({slots, total}, x_BTD.options().dtype(torch::kBool)).tril(call.first);
  auto mixed = at::scaled_dot_product_attention(query, key, value, mask, 0.0, call.causal && from_start && slots > 1);
  return out->forward(mixed.transpose(1, 2).reshape({rows, slots, width}));
}

TransformerBlock::TransformerBlock(int64_t width, int64_t heads, double dropout) : dropout_(dropout) {
  attention_norm = register_module("attention_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
  attention = register_module("attention", std::make_shared<SelfAttention>(width, heads));
  mlp_norm = register_module("mlp_norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
  up = register_module("up", torch::nn::Linear(width, 4 * width));
  down = register_module("down", torch::nn::Linear(4 * width, width));
}

at::Tensor TransformerBlock::forward(const at::Tensor& x_BTD, const AttentionCall& call) {
  auto dropped = [this](const at::Tensor& added) { return dropout_ > 0 && is_training() ? dropout(added, dropout_) : added; };
  auto middle = x_BTD + dropped(attention->forward(attention_norm->forward(x_BTD), call));
  return middle + dropped(down->forward(at::gelu(up->forward(mlp_norm->forward(middle)))));
}

Transformer::Transformer(const TransformerOptions& options, const TokenLayout& layout, int64_t classes, Sight sight)
    : options_(options), layout_(layout), classes_(classes), sight_(sight), slots_(causal_slots(layout)) {
  if (options.heads < 1 || options.width % options.heads != 0)
    throw OptionError("heads",
                      "found " + std::to_string(options.heads) + ", expected a divisor of the width " + std::to_string(options.width));
  if (options.positions == "rotary" && options.width / options.heads % 4 != 0)
    throw OptionError("heads", "found " + std::to_string(options.heads) + " (" + std::to_string(options.width / options.heads) +
                                   " channels each), expected heads of a multiple of 4 channels for rotary positions");
  int64_t vocabularies = 0, width = options.width;
  for (const auto& plane : layout.planes()) vocabularies += plane.vocabulary;
  auto parameter = [this](const char* name, int64_t rows) { return register_parameter(name, torch::empty({rows, options_.width})); };
  token_ = parameter("token", vocabularies);
  condition_ = parameter("condition", classes + 1);  // the last row is the null label
  if (sight == Sight::bidirectional) mask_ = parameter("mask", 1);
  if (options.positions == "learned") position_ = parameter("position", layout.length());
  if (layout.planes().size() > 1) plane_ = parameter("plane", static_cast<int64_t>(layout.planes().size()));
  for (int64_t layer = 0; layer < options.layers; ++layer)
    blocks_.push_back(
        register_module("block_" + std::to_string(layer), std::make_shared<TransformerBlock>(width, options.heads, options.dropout)));
  if (!blocks_.empty()) blocks_[0]->attention->counts_tokens = true;
  norm_ = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({width})));
  head_ = register_module("head", torch::nn::Linear(width, vocabularies));
  initialise();
}

void Transformer::initialise() {
  // Normal(0, .02), biases 0; what adds to the residual stream is scaled by its number of summands (GPT-2).
  torch::NoGradGuard no_grad;
  constexpr double kSpread = 0.02;
  for (auto& table : {token_, condition_, mask_, position_, plane_})
    if (table.defined()) table.data().normal_(0, kSpread);
  auto linear = [](torch::nn::Linear& layer, double spread) {
    layer->weight.normal_(0, spread);
    layer->bias.zero_();
  };
  double residual = kSpread / std::sqrt(2.0 * static_cast<double>(std::max<int64_t>(1, options_.layers)));
  for (auto& block : blocks_) {
    linear(block->attention->qkv, kSpread);
    linear(block->attention->out, residual);
    linear(block->up, kSpread);
    linear(block->down, residual);
  }
  linear(head_, kSpread);
}

std::vector<int64_t> Transformer::ranks() const {
  std::vector<int64_t> ranks(slots_.size());
  for (size_t slot = 0; slot < slots_.size(); ++slot) ranks[static_cast<size_t>(slots_[slot])] = static_cast<int64_t>(slot);
  return ranks;
}

void Transformer::follow_device() {
  auto at = device();
  if (slots_N_.defined() && slots_N_.device() == at) return;
  slots_N_ = index_tensor(slots_, at);
  all_N_ = torch::arange(layout_.length(), torch::kLong).to(at);
  std::vector<int64_t> first_row, plane, offset;
  int64_t rows = 0;
  for (const auto& p : layout_.planes()) {
    first_row.push_back(rows);
    rows += p.vocabulary;
  }
  for (int64_t position = 0; position < layout_.length(); ++position) {
    plane.push_back(layout_.place(position).plane);
    offset.push_back(first_row[static_cast<size_t>(plane.back())]);
  }
  plane_N_ = index_tensor(plane, at);
  token_offset_N_ = index_tensor(offset, at);
  if (options_.positions == "rotary") build_rotary(at);
}

void Transformer::build_rotary(at::Device device) {
  // Half of a head's pairs turn with the row, half with the column, both measured on the finest plane's grid; 1-D tokens
  // are one row of columns. The condition's own slot is not turned.
  int64_t pairs = options_.width / options_.heads / 2, along = pairs / 2, tallest = 1, widest = 1;
  for (const auto& plane : layout_.planes()) {
    tallest = std::max(tallest, plane.height);
    widest = std::max(widest, plane.width);
  }
  auto angle = torch::zeros({layout_.length(), pairs}, torch::kDouble);
  auto angles = angle.accessor<double, 2>();
  for (int64_t position = 0; position < layout_.length(); ++position) {
    auto place = layout_.place(position);
    const auto& plane = layout_.planes()[static_cast<size_t>(place.plane)];
    double row = (static_cast<double>(place.row) + 0.5) * static_cast<double>(tallest) / static_cast<double>(plane.height) - 0.5;
    double column = (static_cast<double>(place.column) + 0.5) * static_cast<double>(widest) / static_cast<double>(plane.width) - 0.5;
    for (int64_t i = 0; i < along; ++i) {
      double frequency = std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(along));
      angles[position][i] = row * frequency;
      angles[position][along + i] = column * frequency;
    }
  }
  cosine_TD_ = angle.cos().to(device, torch::kFloat);
  sine_TD_ = angle.sin().to(device, torch::kFloat);
}

at::Tensor Transformer::embed_tokens(const at::Tensor& ids_BN, const at::Tensor& positions_N) {
  auto rows = plane_.defined() ? ids_BN + token_offset_N_.index_select(0, positions_N) : ids_BN;
  return torch::embedding(token_, rows);
}

at::Tensor Transformer::embed_condition(const at::Tensor& label_B) {
  return torch::embedding(condition_, torch::where(label_B < 0, classes_, label_B)).unsqueeze(1);
}

at::Tensor Transformer::add_places(const at::Tensor& x_BTD, const at::Tensor& positions_T) {
  auto x = x_BTD;
  if (position_.defined()) x = x + position_.index_select(0, positions_T);
  if (plane_.defined()) x = x + plane_.index_select(0, plane_N_.index_select(0, positions_T));
  return x;
}

at::Tensor Transformer::run(at::Tensor x_BTD, AttentionCall call, KvCache* cache) {
  ++cost_meter().evaluations;
  if (options_.dropout > 0 && is_training()) x_BTD = dropout(x_BTD, options_.dropout);
  for (size_t layer = 0; layer < blocks_.size(); ++layer) {
    if (cache) {
      call.keys_BHTD = &cache->keys_BHTD[layer];
      call.values_BHTD = &cache->values_BHTD[layer];
    }
    x_BTD = blocks_[layer]->forward(x_BTD, call);
  }
  if (cache) cache->length = call.first + x_BTD.size(1);
  return norm_->forward(x_BTD);
}

at::Tensor Transformer::causal(const at::Tensor& ids_BN, const at::Tensor& label_B, int64_t first, int64_t last, KvCache* cache) {
  if (sight_ != Sight::causal) throw std::logic_error("transformer: causal() of a bidirectional network");
  if (cache ? cache->length != first : first != 0)
    throw std::logic_error("transformer: slots must be fed in order, from slot " + std::to_string(cache ? cache->length : 0));
  follow_device();
  // Shift right: slot s holds the token of slot s - 1.
  std::vector<at::Tensor> inputs;
  if (first == 0) inputs.push_back(embed_condition(label_B));
  int64_t from = std::max<int64_t>(first, 1) - 1, count = last - 1 - from;
  if (count > 0) {
    auto before_T = slots_N_.narrow(0, from, count);
    inputs.push_back(embed_tokens(ids_BN.index_select(1, before_T), before_T));
  }
  auto predicted_T = slots_N_.narrow(0, first, last - first);
  auto x_BTD = add_places(inputs.size() == 1 ? inputs[0] : torch::cat(inputs, 1), predicted_T);

  AttentionCall call{.causal = true, .first = first};
  if (cosine_TD_.defined()) {
    // A query stands where it predicts, a key where the token lies that it holds (2411.00776): the token above is above at the end of
    // a row, too. The condition lies nowhere.
    call.cosine_TD = cosine_TD_.index_select(0, predicted_T);
    call.sine_TD = sine_TD_.index_select(0, predicted_T);
    auto held_T = slots_N_.narrow(0, from, std::max<int64_t>(count, 0));
    call.key_cosine_TD = cosine_TD_.index_select(0, held_T);
    call.key_sine_TD = sine_TD_.index_select(0, held_T);
    if (first == 0) {
      call.key_cosine_TD = torch::cat({torch::ones_like(cosine_TD_.narrow(0, 0, 1)), call.key_cosine_TD});
      call.key_sine_TD = torch::cat({torch::zeros_like(sine_TD_.narrow(0, 0, 1)), call.key_sine_TD});
    }
  }
  return run(x_BTD, call, cache);
}

at::Tensor Transformer::bidirectional(const at::Tensor& ids_BN, const at::Tensor& label_B) {
  if (sight_ != Sight::bidirectional) throw std::logic_error("transformer: bidirectional() of a causal network");
  follow_device();
  auto tokens_BND = torch::where((ids_BN < 0).unsqueeze(-1), mask_, embed_tokens(ids_BN.clamp_min(0), all_N_));
  auto x_BTD = torch::cat({embed_condition(label_B), add_places(tokens_BND, all_N_)}, 1);
  AttentionCall call;
  if (cosine_TD_.defined()) {
    call.cosine_TD = torch::cat({torch::ones_like(cosine_TD_.narrow(0, 0, 1)), cosine_TD_});
    call.sine_TD = torch::cat({torch::zeros_like(sine_TD_.narrow(0, 0, 1)), sine_TD_});
    call.key_cosine_TD = call.cosine_TD;
    call.key_sine_TD = call.sine_TD;
  }
  return run(x_BTD, call, nullptr).narrow(1, 1, layout_.length());
}

at::Tensor Transformer::logits(const at::Tensor& hidden_BQD, const at::Tensor& positions_BQ) {
  if (!plane_.defined()) return head_->forward(hidden_BQD);
  // Each plane has its own rows of the head.
  follow_device();
  auto plane_BQ1 = plane_N_.index_select(0, positions_BQ.to(device()).clamp_min(0).flatten()).view_as(positions_BQ).unsqueeze(-1);
  at::Tensor logits_BQK;
  int64_t row = 0, index = 0;
  for (const auto& plane : layout_.planes()) {
    auto own = at::linear(hidden_BQD, head_->weight.narrow(0, row, plane.vocabulary), head_->bias.narrow(0, row, plane.vocabulary));
    own = at::constant_pad_nd(own, {0, layout_.max_vocabulary() - plane.vocabulary}, -std::numeric_limits<float>::infinity());
    logits_BQK = index == 0 ? own : torch::where(plane_BQ1 == index, own, logits_BQK);
    row += plane.vocabulary;
    ++index;
  }
  return logits_BQK;
}

TokenLoss Transformer::score(const at::Tensor& hidden_MD, const at::Tensor& ids_M, const at::Tensor& position_M, double label_smoothing) {
  TokenLoss loss;
  int64_t row = 0;
  for (size_t index = 0; index < layout_.planes().size(); ++index) {
    const auto& plane = layout_.planes()[index];
    auto hidden = hidden_MD;
    auto ids = ids_M;
    if (plane_.defined()) {
      int64_t begin = layout_.offset(static_cast<int64_t>(index)), end = begin + plane.positions();
      auto own = ((position_M >= begin) & (position_M < end)).nonzero().squeeze(1).to(hidden_MD.device());
      hidden = hidden_MD.index_select(0, own);
      ids = ids_M.index_select(0, own);
    }
    auto weight = head_->weight.narrow(0, row, plane.vocabulary), bias = head_->bias.narrow(0, row, plane.vocabulary);
    auto log_p = at::linear(hidden, weight, bias).to(torch::kFloat).log_softmax(-1);
    auto nll = at::nll_loss(log_p, ids, {}, at::Reduction::Sum);
    auto total = nll;
    if (label_smoothing > 0) total = (1 - label_smoothing) * nll - label_smoothing / static_cast<double>(plane.vocabulary) * log_p.sum();
    loss.total = loss.total.defined() ? loss.total + total : total;
    loss.nll = loss.nll.defined() ? loss.nll + nll.detach() : nll.detach();
    row += plane.vocabulary;
  }
  return loss;
}

}  // namespace tessera
