#include <fmt/format.h>

#include "data/data_set.hpp"
#include "engine/stages.hpp"

namespace tessera {

void compute_data(StageRun& run, PluginFactory& plugins) {
  auto values = plugins.section("data");
  auto options = bind_options<DataOptions>(values);
  auto data = make_data_set(data_source(options.source), values, options);
  save_data_set(data, run.output("images.safetensors"));
  run.step(0, {{"train_images", static_cast<double>(data.train.size())},
               {"validation_images", static_cast<double>(data.validation.size())},
               {"test_images", static_cast<double>(data.test.size())},
               {"groups", static_cast<double>(data.groups)},
               {"classes", static_cast<double>(data.classes())}});
}

}  // namespace tessera
