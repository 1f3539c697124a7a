#include "engine/check.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include "core/error.hpp"
#include "data/data_set.hpp"
#include "engine/requests.hpp"
#include "engine/sampler.hpp"
#include "engine/stages.hpp"

namespace tessera {

namespace {

int64_t parameter_count(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

std::string plugin_of(const Json& settings, const char* section) { return settings.at(section).at("plugin"); }

}  // namespace

Json check_settings(const Json& settings, PluginFactory& plugins) {
  Json answer{{"ok", true}}, errors = Json::array();
  auto fail = [&](const std::string& key, const std::string& text) { errors.push_back({{"key", key}, {"text", text}}); };
  try {
    // Data: facts without decoding an image.
    auto values = plugins.section("data");
    auto data_options = bind_options<DataOptions>(values);
    auto facts = data_source(data_options.source).inspect(values);
    int64_t classes = data_options.classes ? facts.classes : 0;
    answer["image"] = {{"channels", facts.image.channels}, {"height", facts.image.height}, {"width", facts.image.width}};
    answer["classes"] = classes;
    answer["data"] = {{"fingerprint", facts.fingerprint}, {"watch", Json::array()}};
    for (const auto& path : facts.watch) answer["data"]["watch"].push_back(path.string());

    // Tokenizer, prior and strategy, as the stages will make them.
    auto tokenizer = make_tokenizer(plugins, facts.image, 0);
    for (const auto& grid : tokenizer->grids())
      answer["latents"].push_back({{"height", grid.height}, {"width", grid.width}, {"depth", grid.depth}, {"spatial", grid.spatial}});
    for (const auto& plane : tokenizer->layout().planes())
      answer["layout"].push_back(
          {{"height", plane.height}, {"width", plane.width}, {"vocabulary", plane.vocabulary}, {"spatial", plane.spatial}});
    int64_t quantizers = 0;
    for (const auto& quantizer : tokenizer->quantizers()) quantizers += parameter_count(*quantizer);
    auto prior = make_prior(plugins, {tokenizer->layout(), classes, frozen_quantizer(*tokenizer)}, 0);
    auto order = prior->order();
    answer["order"] = order.any_order() ? "any" : order.ranks() == tokenizer->layout().length() ? "raster" : "ranked";
    answer["parameters"] = {
        {"encoder", parameter_count(tokenizer->encoder())}, {"quantizer", quantizers}, {"prior", parameter_count(*prior)}};
    auto strategy = plugins.sampling();
    auto why = refusal(strategy->needs(tokenizer->layout()), order, tokenizer->layout());
    if (!why.empty()) {
      fail("sampling.plugin",
           fmt::format("sampling '{}' cannot run on prior '{}': {}", plugin_of(settings, "sampling"), plugin_of(settings, "prior"), why));
      errors.back()["other"] = "prior.plugin";  // the front adds where that one stands
    }

    if (double scale = bind_options<LogitsOptions>(plugins.section("sampling.logits")).guidance; scale != 1 && classes == 0)
      fail("sampling.logits.guidance",
           fmt::format("found {}, expected 1: without classes both halves of guidance are the same (data.classes)", scale));

    // What is asked of it.
    auto sampling = bind_options<SamplingOptions>(plugins.section("sampling"));
    for (const auto& request : sampling.requests) try {
        known_mask_N(request, tokenizer->layout(), 0);
      } catch (const std::invalid_argument& error) {
        fail("sampling.requests", error.what());
      }
    try {
      sample_labels(sampling.labels, torch::zeros({1}, torch::kLong), classes, torch::arange(static_cast<int64_t>(sampling.labels.size())),
                    0);
    } catch (const std::invalid_argument& error) {
      fail("sampling.labels", error.what());
    }
  } catch (const PluginRefusal& refused) {
    fail(refused.key(), refused.what());
  } catch (const DataError& error) {
    fail("data." + error.option(), error.what());
  } catch (const Error& error) {
    fail("data", error.what());
  } catch (const c10::Error& error) {
    fail("", error.what_without_backtrace());
  } catch (const std::exception& error) {
    fail("", error.what());
  }
  if (errors.empty()) return answer;
  // A refusal holds as long as the data are what they were; of data that could not be read nothing is known.
  Json refused = {{"ok", false}, {"errors", errors}};
  if (answer.contains("data"))
    refused["data"] = answer["data"];
  else
    refused["unsettled"] = true;
  return refused;
}

}  // namespace tessera
