// The engine's plugin factory over real libraries: files and option values as a spec or a check request names them.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/plugin_factory.hpp"
#include "host/plugin_host.hpp"
#include "tessera/descriptor.h"

namespace tessera {

class LoadedPlugins : public PluginFactory {
 public:
  // settings, plugins: SETTINGS and PLUGINS of the front. `run` may be null.
  LoadedPlugins(Json settings, Json plugins) : settings_(std::move(settings)), plugins_(std::move(plugins)) {}
  void attach(StageRun& run) { run_ = &run; }
  // Called with "the constructor of prior 'gpt'" before it is called, with "" when it has come back.
  void announce(std::function<void(const std::string&)> announce) { announce_ = std::move(announce); }

  std::shared_ptr<Encoder> encoder(const EncoderSpec& spec) override;
  std::shared_ptr<Quantizer> quantizer(const QuantizerSpec& spec) override;
  std::shared_ptr<Prior> prior(const PriorSpec& spec) override;
  std::shared_ptr<SamplingStrategy> sampling() override;
  OptionValues section(const std::string& name) override;

 private:
  template <class Kind, class Spec>
  std::shared_ptr<Kind> create(const char* kind, const char* slot, const Spec& spec);

  Json settings_, plugins_;
  StageRun* run_ = nullptr;
  std::function<void(const std::string&)> announce_ = [](const std::string&) {};
  std::vector<std::unique_ptr<PluginHost>> hosts_;  // outlive every plugin made with them
};

}  // namespace tessera
