// The laws of a plugin kind, checked on real plugins: by our tests over every plugin found, and by `tessera plugins check`.
// A law that a plugin cannot break by its nature (a KV cache of an any-order prior) throws NotApplicable: shown, not failed.
#pragma once
#include <torch/torch.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tessera/plugin.hpp"

namespace tessera {

// Host of a plugin under test: keeps what it is told, has no files.
class LawHost : public Host {
 public:
  void log(LogLevel level, std::string_view text) override;
  void metric(std::string_view name, double value) override { metrics[std::string(name)] = value; }
  at::Device device() const override { return at::kCPU; }
  bool cancelled() const override { return false; }
  void fail(std::string_view option, std::string_view text) override;
  std::map<std::string, at::Tensor> tensors(std::string_view option) override;

  std::vector<std::string> logs;
  std::map<std::string, double> metrics;
  std::string failure;   // "option: text" of the last fail()
  bool refused = false;  // it was an OptionError
};

// One plugin with one setting of its options. Laws make as many instances of it as they need, on what it takes: a plugin may refuse
// (OptionError) images, latents or classes that it was not written for.
struct Subject {
  std::string name;  // what the matrix prints: "gpt", "mutant=batch_size"
  const tessera_descriptor* descriptor = nullptr;
  OptionValues values;
  std::shared_ptr<LawHost> host = std::make_shared<LawHost>();
  ImageShape image{3, 32, 32};  // of an encoder's laws
  int64_t depth = 8;            // of the latents of a quantizer's laws, which lie on 4 x 4
  int64_t classes = 3;          // of a prior's laws; 0 where it takes none
};

// The first image size, latent depth or number of classes that the plugin takes; unchanged where it refuses all that are tried.
Subject fitted(Subject subject);

// The plugin's declared defaults, and what `changes` (name -> value) says instead. Throws std::runtime_error for a value that its
// declared type cannot hold.
OptionValues option_values(const tessera_descriptor& descriptor, const nlohmann::json& changes = nlohmann::json::object());
Subject default_subject(const tessera_descriptor& descriptor);

// An instance; throws std::runtime_error with the plugin's own words where create() fails. torch's generator is seeded first.
template <class Kind>
std::shared_ptr<Kind> make(const Subject& subject, const typename KindTraits<Kind>::Spec& spec, uint64_t seed = 0) {
  torch::manual_seed(seed);
  std::shared_ptr<Kind> made;
  subject.host->failure.clear();
  subject.host->refused = false;
  if (!subject.descriptor->create(subject.host.get(), &subject.values, &spec, &made))
    throw std::runtime_error("create failed: " + subject.host->failure);
  return made;
}

struct NotApplicable {
  std::string why;
};

// Whether the plugin can be made for `spec`: false where it refused it by an OptionError. What fails in another way counts as taken
// and fails the laws.
template <class Kind>
bool takes(const Subject& subject, const typename KindTraits<Kind>::Spec& spec) {
  try {
    make<Kind>(subject, spec);
  } catch (const std::runtime_error&) {
    return !subject.host->refused;
  }
  return true;
}

// Empty = the law holds; else what was found and what was expected.
using Failure = std::optional<std::string>;

struct Law {
  std::string id;    // snake_case; also the name of the mutant that breaks it
  std::string what;  // one sentence
  std::function<Failure(const Subject&)> check;
};

// One list a kind.
std::vector<Law> encoder_laws();
std::vector<Law> quantizer_laws();
std::vector<Law> prior_laws();
std::vector<Law> sampling_laws();

struct Outcome {
  enum State { held, failed, not_applicable } state = held;
  std::string text;  // of a failure, or why the law does not apply
};
// Anything thrown is a failure. Restores torch's generator, grad mode and thread count.
Outcome check_law(const Law& law, const Subject& subject);

// outcome[law][subject]
struct LawMatrix {
  std::vector<Law> laws;
  std::vector<std::string> subjects;
  std::vector<std::vector<Outcome>> outcomes;
  bool all_held() const;
  std::string table() const;     // law x subject: "+" held, "F" failed, "." does not apply
  std::string failures() const;  // one line each
};
LawMatrix check_laws(const std::vector<Law>& laws, const std::vector<Subject>& subjects);

}  // namespace tessera
