#include "host/loaded_plugins.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "engine/global_state.hpp"
#include "engine/manifest.hpp"
#include "engine/option_values.hpp"
#include "registry/catalog/loader.hpp"
#include "tessera/plugin.hpp"

namespace tessera {

namespace {

const Json* find_section(const Json& settings, const std::string& name) {
  const Json* node = &settings;
  size_t begin = 0;
  while (begin < name.size()) {
    size_t end = std::min(name.find('.', begin), name.size());
    auto found = node->find(name.substr(begin, end - begin));
    if (found == node->end()) return nullptr;
    node = &*found;
    begin = end + 1;
  }
  return node;
}

}  // namespace

OptionValues LoadedPlugins::section(const std::string& name) {
  const Json* node = find_section(settings_, name);
  if (!node) throw Error(ExitCode::bad_config, fmt::format("settings have no section '{}'", name));
  static const Json manifest = engine_manifest();
  Json options = manifest.at("sections").at(name);
  if (name == "data")
    for (const auto& option : manifest.at("data_sources").at(node->at("source").get<std::string>()).at("options"))
      options.push_back(option);
  return option_values(options, *node);
}

template <class Kind, class Spec>
std::shared_ptr<Kind> LoadedPlugins::create(const char* kind, const char* slot, const Spec& spec) {
  const auto& entry = plugins_.at(kind);
  const auto& descriptor = load_plugin(entry.at("file").get<std::string>(), entry.at("sha256").get<std::string>());
  Json options = Json::array();
  for (size_t i = 0; i < descriptor.option_count; ++i) options.push_back(option_json(descriptor.options[i]));
  const Json* node = find_section(settings_, slot);
  if (!node) throw Error(ExitCode::bad_config, fmt::format("settings have no section '{}'", slot));
  auto values = option_values(options, *node);
  hosts_.push_back(std::make_unique<PluginHost>(slot, values, run_));
  std::shared_ptr<Kind> made;
  const GlobalState before;
  announce_(fmt::format("the constructor of {} '{}'", kind, descriptor.id));  // whom to blame, should it not come back
  const bool created = descriptor.create(hosts_.back().get(), &values, &spec, &made);
  announce_("");
  if (!created) throw PluginRefusal(hosts_.back()->failed_key(), hosts_.back()->failed_text());
  if (!made) throw PluginRefusal(std::string(slot) + ".plugin", fmt::format("{} '{}': create gave no object", kind, descriptor.id));
  try {
    before.expect_unchanged(fmt::format("the constructor of {} '{}'", kind, descriptor.id));
  } catch (const Error& error) {
    throw PluginRefusal(std::string(slot) + ".plugin", error.what());
  }
  return made;
}

std::shared_ptr<Encoder> LoadedPlugins::encoder(const EncoderSpec& spec) { return create<Encoder>("encoder", "tokenizer.encoder", spec); }
std::shared_ptr<Quantizer> LoadedPlugins::quantizer(const QuantizerSpec& spec) {
  return create<Quantizer>("quantizer", "tokenizer.quantizer", spec);
}
std::shared_ptr<Prior> LoadedPlugins::prior(const PriorSpec& spec) { return create<Prior>("prior", "prior", spec); }
std::shared_ptr<SamplingStrategy> LoadedPlugins::sampling() { return create<SamplingStrategy>("sampling", "sampling", SamplingSpec{}); }

}  // namespace tessera
