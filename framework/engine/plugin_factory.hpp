// How the engine gets plugin objects: the host implements it over the catalog's loader, tests over test doubles.
#pragma once
#include <memory>
#include <string>

#include "core/json.hpp"
#include "tessera/encoder.hpp"
#include "tessera/options.hpp"
#include "tessera/prior.hpp"
#include "tessera/quantizer.hpp"
#include "tessera/sampling.hpp"

namespace tessera {

// Why a plugin refused to be made: `option` may be empty. Key = <section of the slot>.<option>.
class PluginRefusal : public std::runtime_error {
 public:
  PluginRefusal(std::string key, const std::string& text) : std::runtime_error(text), key_(std::move(key)) {}
  const std::string& key() const { return key_; }

 private:
  std::string key_;
};

// Throws PluginRefusal where create() fails.
class PluginFactory {
 public:
  virtual ~PluginFactory() = default;
  virtual std::shared_ptr<Encoder> encoder(const EncoderSpec& spec) = 0;
  virtual std::shared_ptr<Quantizer> quantizer(const QuantizerSpec& spec) = 0;
  virtual std::shared_ptr<Prior> prior(const PriorSpec& spec) = 0;
  virtual std::shared_ptr<SamplingStrategy> sampling() = 0;
  // The values in force for the engine's own sections, e.g. section("prior.train").
  virtual OptionValues section(const std::string& name) = 0;
};

}  // namespace tessera
