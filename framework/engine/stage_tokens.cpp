#include <fmt/format.h>

#include "data/batch.hpp"
#include "data/data_set.hpp"
#include "engine/stages.hpp"
#include "engine/token_file.hpp"

namespace tessera {

void compute_tokens(StageRun& run, PluginFactory& plugins) {
  constexpr int64_t kBatch = 64;
  auto data = load_data_set(run.input("data", "images.safetensors"));
  auto options = bind_options<DataOptions>(plugins.section("data"));
  auto tokenizer = load_tokenizer(run, plugins);

  auto encode = [&](const Subset& subset, const std::string& view) {
    std::vector<at::Tensor> ids;
    for (int64_t begin = 0; begin < subset.size(); begin += kBatch) {
      auto rows = torch::arange(begin, std::min(begin + kBatch, subset.size()), torch::kLong);
      ids.push_back(tokenizer->encode(view_of(gather_images(subset, rows), view).to(run.device())).to(torch::kCPU, torch::kInt));
      run.beat();
    }
    return torch::cat(ids);
  };
  TokenSet tokens;
  std::vector<at::Tensor> views;
  for (const auto& view : options.views) views.push_back(encode(data.train, view));
  tokens.train_ids_VMN = torch::stack(views);
  tokens.validation_ids_VMN = encode(data.validation, "identity").unsqueeze(0);
  tokens.train_labels_M = data.train.labels_M;
  tokens.validation_labels_M = data.validation.labels_M;
  tokens.layout = tokenizer->layout();
  tokens.views = options.views;
  tokens.classes = data.classes();
  save_token_set(tokens, run.output("tokens.safetensors"));
  run.step(0, {{"train_sequences", static_cast<double>(tokens.train_ids_VMN.size(0) * tokens.train_ids_VMN.size(1))},
               {"validation_sequences", static_cast<double>(tokens.validation_ids_VMN.size(1))},
               {"tokens_per_image", static_cast<double>(tokens.layout.length())}});
}

}  // namespace tessera
