// The laws of a plugin kind, checked on real plugins: by our tests over every plugin found, and by `tessera plugins check`.
// A law that a plugin cannot break by its nature (a KV cache of an any-order prior) throws NotApplicable: shown, not failed.
#pragma once
#include <torch/torch.h>

#include <functional>
#include <map>
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
  std::string failure;  // "option: text" of the last fail()
};

// One plugin with one setting of its options. Laws make as many instances of it as they need.
struct Subject {
  std::string name;  // what the matrix prints: "gpt", "mutant=batch_size"
  const tessera_descriptor* descriptor = nullptr;
  OptionValues values;
  std::shared_ptr<LawHost> host = std::make_shared<LawHost>();
};

// The plugin's declared defaults. Throws std::runtime_error for a default that its declared type cannot hold.
OptionValues default_values(const tessera_descriptor& descriptor);
Subject default_subject(const tessera_descriptor& descriptor);

// An instance; throws std::runtime_error with the plugin's own words where create() fails. torch's generator is seeded first.
template <class Kind>
std::shared_ptr<Kind> make(const Subject& subject, const typename KindTraits<Kind>::Spec& spec, uint64_t seed = 0) {
  torch::manual_seed(seed);
  std::shared_ptr<Kind> made;
  subject.host->failure.clear();
  if (!subject.descriptor->create(subject.host.get(), &subject.values, &spec, &made))
    throw std::runtime_error("create failed: " + subject.host->failure);
  return made;
}

struct NotApplicable {
  std::string why;
};

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
