// What a plugin gets from its host. A plugin prints nothing, opens no file, reads no environment, changes no global state.
#pragma once
#include <ATen/core/Tensor.h>

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tessera/api.hpp"

namespace tessera {

enum class LogLevel { debug, info, warning };

// [trial thread] Outlives every plugin object made with it.
class TESSERA_API Host {
 public:
  virtual ~Host();
  virtual void log(LogLevel level, std::string_view text) = 0;
  // A scalar of the current training step; journaled with it. Ignored outside a step.
  virtual void metric(std::string_view name, double value) = 0;
  virtual at::Device device() const = 0;
  // True once the run is asked to stop; long loops return early.
  virtual bool cancelled() const = 0;
  // Says why create() fails; `option` may be empty. The text gets the option's file, line and column.
  virtual void fail(std::string_view option, std::string_view text) = 0;
  // Tensors of the safetensors file that a `file` option names. Throws std::runtime_error when it cannot be read.
  virtual std::map<std::string, at::Tensor> tensors(std::string_view option) = 0;
};

// Thrown by a constructor: create() turns it into Host::fail.
class TESSERA_API OptionError : public std::runtime_error {
 public:
  OptionError(std::string option, const std::string& text) : std::runtime_error(text), option_(std::move(option)) {}
  ~OptionError() override;
  const std::string& option() const { return option_; }

 private:
  std::string option_;
};

}  // namespace tessera
