#include <fmt/format.h>

#include "core/error.hpp"
#include "data/data_set.hpp"
#include "engine/stages.hpp"

namespace tessera {

void compute_data(StageRun& run, PluginFactory& plugins) {
  AtWork at_work;
  auto values = plugins.section("data");
  auto options = bind_options<DataOptions>(values);
  // The key was made from what the files held when the run was planned; another content has another key.
  const auto& source = data_source(options.source);
  auto found = source.inspect(values).fingerprint;
  auto expected = run.spec().value("parts", Json::object()).value("fingerprint", found);
  if (found != expected)
    throw Error(ExitCode::bad_config, fmt::format("data.source {}: its files changed since the run was planned: found fingerprint {}, "
                                                  "expected {}; run again",
                                                  options.source, found, expected));
  auto data = make_data_set(source, values, options);
  save_data_set(data, run.output("images.safetensors"));
  run.step(0, {{"train_images", static_cast<double>(data.train.size())},
               {"validation_images", static_cast<double>(data.validation.size())},
               {"test_images", static_cast<double>(data.test.size())},
               {"groups", static_cast<double>(data.groups)},
               {"classes", static_cast<double>(data.classes())}});
}

}  // namespace tessera
