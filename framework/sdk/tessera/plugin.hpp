// The export macro. At the end of a plugin's one source file:
//
//   TESSERA_EXPORT(Quantizer, Fsq, "fsq", {.version = "1.0", .revision = 1, .summary = "…", .paper = "2309.15505"})
//
// Fsq has a nested struct Options with visit(), and a constructor Fsq(const Options&, const QuantizerSpec&, Host&).
#pragma once
#include <exception>
#include <memory>

#include "tessera/descriptor.h"
#include "tessera/encoder.hpp"
#include "tessera/fingerprint.h"
#include "tessera/options.hpp"
#include "tessera/prior.hpp"
#include "tessera/quantizer.hpp"
#include "tessera/sampling.hpp"

namespace tessera {

template <class Kind>
struct KindTraits;
template <>
struct KindTraits<Encoder> {
  using Spec = EncoderSpec;
  static constexpr const char* name = "encoder";
};
template <>
struct KindTraits<Quantizer> {
  using Spec = QuantizerSpec;
  static constexpr const char* name = "quantizer";
};
template <>
struct KindTraits<Prior> {
  using Spec = PriorSpec;
  static constexpr const char* name = "prior";
};
template <>
struct KindTraits<SamplingStrategy> {
  using Spec = SamplingSpec;
  static constexpr const char* name = "sampling";
};
inline constexpr uint32_t kInterfaceRevision = 1;

struct PluginInfo {
  const char* version = "0.1";
  uint32_t revision = 0;  // of its numerics; raise it when results change. 0: the file's hash stands in
  const char* summary = "";
  const char* paper = "";
};

template <class Kind, class Plugin>
bool create_plugin(void* host_pointer, const void* values, const void* spec, void* out) noexcept {
  auto& host = *static_cast<Host*>(host_pointer);
  try {
    auto options = bind_options<typename Plugin::Options>(*static_cast<const OptionValues*>(values));
    *static_cast<std::shared_ptr<Kind>*>(out) =
        std::make_shared<Plugin>(options, *static_cast<const typename KindTraits<Kind>::Spec*>(spec), host);
    return true;
  } catch (const OptionError& error) {
    host.fail(error.option(), error.what());
  } catch (const c10::Error& error) {
    host.fail("", error.what_without_backtrace());
  } catch (const std::exception& error) {
    host.fail("", error.what());
  } catch (...) {
    host.fail("", "the plugin threw something that is no std::exception");
  }
  return false;
}

template <class Kind, class Plugin>
const tessera_descriptor& describe_plugin(const char* id, PluginInfo info) {
  static OptionTable table = [] {
    OptionTable t;
    typename Plugin::Options options;
    options.visit(t);
    return t;
  }();
  static tessera_descriptor descriptor = [&] {
    tessera_descriptor d{};
    d.magic = TESSERA_MAGIC;
    d.struct_size = sizeof d;
    d.abi = TESSERA_ABI;
    d.fingerprint = TESSERA_FINGERPRINT;
    d.kind = KindTraits<Kind>::name;
    d.interface_revision = kInterfaceRevision;
    d.revision = info.revision;
    d.id = id;
    d.version = info.version;
    d.summary = info.summary;
    d.paper = info.paper;
    d.options = table.data();
    d.option_count = table.size();
    d.create = &create_plugin<Kind, Plugin>;
    return d;
  }();
  return descriptor;
}

}  // namespace tessera

// One plugin a library. The variadic part is a braced PluginInfo.
#define TESSERA_EXPORT(Kind, Class, Id, ...)                                                                   \
  extern "C" __attribute__((visibility("default"))) const tessera_descriptor* tessera_plugins(size_t* count) { \
    *count = 1;                                                                                                \
    return &tessera::describe_plugin<tessera::Kind, Class>(Id, tessera::PluginInfo __VA_ARGS__);               \
  }
