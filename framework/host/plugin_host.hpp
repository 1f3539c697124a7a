// The host as a plugin sees it.
#pragma once
#include "core/json.hpp"
#include "engine/stage_run.hpp"
#include "tessera/host.hpp"
#include "tessera/options.hpp"

namespace tessera {

class PluginHost : public Host {
 public:
  // `slot`: the section of the experiment file that this plugin's options stand in, e.g. "tokenizer.quantizer".
  // `run` may be null (--check): then logs and metrics go nowhere.
  PluginHost(std::string slot, OptionValues values, StageRun* run) : slot_(std::move(slot)), values_(std::move(values)), run_(run) {}

  void log(LogLevel level, std::string_view text) override;
  void metric(std::string_view name, double value) override;
  at::Device device() const override { return run_ ? run_->device() : at::Device(at::kCPU); }
  bool cancelled() const override { return cancel_requested() > 0; }
  void fail(std::string_view option, std::string_view text) override;
  std::map<std::string, at::Tensor> tensors(std::string_view option) override;

  const std::string& failed_key() const { return failed_key_; }
  const std::string& failed_text() const { return failed_text_; }

 private:
  std::string slot_, failed_key_, failed_text_;
  OptionValues values_;
  StageRun* run_;
};

}  // namespace tessera
