// Trains a tokenizer: reconstruction loss plus the quantizers' own. Validation loss = reconstruction loss on validation images.
#include <fmt/format.h>

#include "data/batch.hpp"
#include "data/data_set.hpp"
#include "engine/reconstruction_loss.hpp"
#include "engine/stages.hpp"
#include "engine/trainer.hpp"

namespace tessera {

namespace {

class TokenizerTask : public TrainTask {
 public:
  TokenizerTask(std::shared_ptr<Tokenizer> tokenizer, const DataSet& data, const DataOptions& data_options,
                const ReconstructionOptions& loss, int64_t batch, at::Device device)
      : tokenizer_(std::move(tokenizer)), data_(data), data_options_(data_options), options_(loss), batch_(batch), device_(device),
        loss_(loss, loss.divide_by_variance ? to_float(data.train.images_MCHW).var().item<double>() : 1.0) {}

  torch::nn::Module& module() override { return *tokenizer_; }
  int64_t rows() const override { return data_.train.size(); }

  void start(const Noise& noise) override {
    // Up to 4096 images are plenty for k-means over all their positions.
    auto rows = noise.permutation(data_.train.size(), "start images").slice(0, 0, 4096);
    tokenizer_->start(gather_images(data_.train, rows).to(device_), noise, batch_);
  }

  Result micro_batch(const at::Tensor& rows_B, const StepContext& step) override {
    auto x_BCHW = augment(gather_images(data_.train, rows_B), data_options_, step.noise).to(device_);
    auto pass = tokenizer_->pass(x_BCHW, step);
    auto terms = loss_(x_BCHW, pass.x_BCHW, tokenizer_->encoder().last_layer());
    auto total = terms.total;
    if (pass.loss.defined()) total = total + options_.quantizer * pass.loss;
    Result result;
    result.weight = static_cast<double>(rows_B.size(0));
    result.total = total * result.weight;
    result.parts = std::move(terms.parts);
    for (auto& [name, value] : pass.parts) result.parts["quantizer." + name] = value;
    if (pass.loss.defined()) result.parts["quantizer.loss"] = pass.loss.detach();
    return result;
  }

  void after_step(const StepContext& step) override { tokenizer_->after_step(step); }

  std::map<std::string, double> validate() override {
    double loss = 0, squared = 0;
    int64_t n = data_.validation.size();
    StepContext step{0, 1, Noise(0, "validate")};
    for (int64_t begin = 0; begin < n; begin += batch_) {
      auto rows = torch::arange(begin, std::min(begin + batch_, n), torch::kLong);
      auto x_BCHW = gather_images(data_.validation, rows).to(device_);
      auto y_BCHW = tokenizer_->pass(x_BCHW, step).x_BCHW;
      loss += loss_(x_BCHW, y_BCHW, {}).total.item<double>() * static_cast<double>(rows.size(0));
      squared += (y_BCHW.clamp(-1, 1) - x_BCHW).square().mean({1, 2, 3}).sum().item<double>();
    }
    return {{"validation_loss", loss / static_cast<double>(n)}, {"validation_mse", squared / static_cast<double>(n)}};
  }

 private:
  std::shared_ptr<Tokenizer> tokenizer_;
  const DataSet& data_;
  const DataOptions& data_options_;
  ReconstructionOptions options_;
  int64_t batch_;
  at::Device device_;
  ReconstructionLoss loss_;
};

}  // namespace

std::shared_ptr<Tokenizer> make_tokenizer(PluginFactory& plugins, ImageShape image, uint64_t seed) {
  Noise noise(seed, "create");
  torch::manual_seed(noise.bits("encoder"));
  auto encoder = plugins.encoder({image});
  std::vector<std::shared_ptr<Quantizer>> quantizers;
  for (const auto& grid : encoder->latents(image)) {
    torch::manual_seed(noise.at(static_cast<int64_t>(quantizers.size())).bits("quantizer"));
    quantizers.push_back(plugins.quantizer({grid}));
  }
  return std::make_shared<Tokenizer>(image, encoder, quantizers);
}

std::shared_ptr<Tokenizer> load_tokenizer(StageRun& run, PluginFactory& plugins) {
  auto file = load_tensors(run.input("tokenizer", "tokenizer.safetensors"));
  auto shape = Json::parse(metadata_of(file, "image"));
  auto tokenizer = make_tokenizer(plugins, {shape.at("channels"), shape.at("height"), shape.at("width")}, 0);
  load_state(*tokenizer, file);
  tokenizer->to(run.device());
  tokenizer->eval();
  return tokenizer;
}

void compute_tokenizer(StageRun& run, PluginFactory& plugins) {
  auto data = load_data_set(run.input("data", "images.safetensors"));
  auto data_options = bind_options<DataOptions>(plugins.section("data"));
  auto train = bind_options<TrainOptions>(plugins.section("tokenizer.train"));
  auto loss = bind_options<ReconstructionOptions>(plugins.section("tokenizer.loss"));
  auto tokenizer = make_tokenizer(plugins, data.image(), run.seed());
  tokenizer->to(run.device());
  TokenizerTask task(tokenizer, data, data_options, loss, train.batch, run.device());
  Trainer(task, train, run).train("tokenizer");
  Json shape{{"channels", data.image().channels}, {"height", data.image().height}, {"width", data.image().width}};
  save_state(run.output("tokenizer.safetensors"), module_state(*tokenizer),
             {{"layout", tokenizer->layout().describe()}, {"image", canonical(shape)}});
}

}  // namespace tessera
