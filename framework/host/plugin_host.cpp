#include "host/plugin_host.hpp"

#include "engine/state_dict.hpp"

namespace tessera {

void PluginHost::log(LogLevel level, std::string_view text) {
  static constexpr const char* kNames[] = {"debug", "info", "warning"};
  if (run_) run_->event(kNames[static_cast<int>(level)], slot_ + ": " + std::string(text));
}

void PluginHost::metric(std::string_view name, double value) {
  if (run_) run_->plugin_metric(std::string(name), value);
}

void PluginHost::fail(std::string_view option, std::string_view text) {
  failed_key_ = option.empty() ? slot_ + ".plugin" : slot_ + "." + std::string(option);
  failed_text_ = text;
}

std::map<std::string, at::Tensor> PluginHost::tensors(std::string_view option) {
  return load_tensors(std::get<std::string>(values_.at(std::string(option)))).tensors;
}

}  // namespace tessera
