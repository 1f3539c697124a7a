#include "conformance/suite.hpp"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace tessera {

void LawHost::log(LogLevel, std::string_view text) { logs.emplace_back(text); }
void LawHost::fail(std::string_view option, std::string_view text) {
  failure = option.empty() ? std::string(text) : fmt::format("{}: {}", option, text);
  refused = !option.empty();
}
std::map<std::string, at::Tensor> LawHost::tensors(std::string_view option) {
  throw std::runtime_error(fmt::format("option '{}' names a file; there are none in a conformance check", option));
}

namespace {

OptionValue value_of(const std::string& type, const nlohmann::json& json) {
  bool list = type.size() > 2 && type.compare(type.size() - 2, 2, "[]") == 0;
  std::string base = list ? type.substr(0, type.size() - 2) : type;
  if (base == "bool") return list ? OptionValue(json.get<std::vector<bool>>()) : OptionValue(json.get<bool>());
  if (base == "int") return list ? OptionValue(json.get<std::vector<int64_t>>()) : OptionValue(json.get<int64_t>());
  if (base == "float") return list ? OptionValue(json.get<std::vector<double>>()) : OptionValue(json.get<double>());
  return list ? OptionValue(json.get<std::vector<std::string>>()) : OptionValue(json.get<std::string>());
}

}  // namespace

OptionValues option_values(const tessera_descriptor& descriptor, const nlohmann::json& changes) {
  OptionValues values;
  for (size_t i = 0; i < descriptor.option_count; ++i) {
    const auto& option = descriptor.options[i];
    try {
      values.set(option.name, value_of(option.type, changes.contains(option.name) ? changes.at(option.name)
                                                                                  : nlohmann::json::parse(option.default_json)));
    } catch (const nlohmann::json::exception&) {
      throw std::runtime_error(fmt::format("option '{}' of type {} has the value {}", option.name, option.type,
                                           changes.contains(option.name) ? changes.at(option.name).dump() : option.default_json));
    }
  }
  return values;
}

Subject default_subject(const tessera_descriptor& descriptor) {
  Subject subject;
  subject.name = descriptor.id;
  subject.descriptor = &descriptor;
  subject.values = option_values(descriptor);
  return subject;
}

namespace {

// A grid of positions that can tell rows from columns.
bool has_room(const Subject& subject, const ImageShape& image) {
  try {
    const auto grid = make<Encoder>(subject, {image})->latents(image).at(0);
    return !grid.spatial || (grid.height >= 3 && grid.width >= 3);
  } catch (const std::exception&) {
    return true;
  }
}

}  // namespace

Subject fitted(Subject subject) {
  const std::string kind = subject.descriptor->kind;
  if (kind == "encoder") {
    std::optional<ImageShape> small;
    for (int64_t side : {32, 28, 48, 56, 64, 96, 112, 128, 160, 192, 224, 256}) {
      const ImageShape image{3, side, side};
      if (!takes<Encoder>(subject, {image})) continue;
      if (!small) small = image;
      if (!has_room(subject, image)) continue;
      subject.image = image;
      return subject;
    }
    if (small) subject.image = *small;
  } else if (kind == "quantizer") {
    std::vector<int64_t> depths{8};
    for (int64_t depth = 1; depth <= 64; ++depth) depths.push_back(depth);
    depths.insert(depths.end(), {128, 256, 512, 768, 1024});
    for (int64_t depth : depths)
      if (takes<Quantizer>(subject, {{4, 4, depth, true}})) {
        subject.depth = depth;
        break;
      }
  } else if (kind == "prior") {
    const TokenLayout layout({{2, 3, 5, true}});
    if (!takes<Prior>(subject, {layout, subject.classes, nullptr}) && takes<Prior>(subject, {layout, 0, nullptr})) subject.classes = 0;
  }
  return subject;
}

Outcome check_law(const Law& law, const Subject& subject) {
  // A plugin that changes global state must not spoil the next law.
  auto generator = at::globalContext().defaultGenerator(at::kCPU);
  auto state = generator.get_state();
  bool grad = torch::GradMode::is_enabled();
  int threads = at::get_num_threads();
  Outcome outcome;
  try {
    if (auto failure = law.check(subject)) outcome = {Outcome::failed, *failure};
  } catch (const NotApplicable& reason) {
    outcome = {Outcome::not_applicable, reason.why};
  } catch (const c10::Error& error) {
    outcome = {Outcome::failed, std::string("threw: ") + error.what_without_backtrace()};
  } catch (const std::exception& error) {
    outcome = {Outcome::failed, std::string("threw: ") + error.what()};
  } catch (...) {
    outcome = {Outcome::failed, "threw something that is no std::exception"};
  }
  generator.set_state(state);
  torch::GradMode::set_enabled(grad);
  if (at::get_num_threads() != threads) at::set_num_threads(threads);
  return outcome;
}

LawMatrix check_laws(const std::vector<Law>& laws, const std::vector<Subject>& subjects) {
  LawMatrix matrix{laws, {}, {}};
  std::vector<Subject> fit;
  for (const auto& subject : subjects) {
    matrix.subjects.push_back(subject.name);
    fit.push_back(fitted(subject));
  }
  for (const auto& law : laws) {
    auto& row = matrix.outcomes.emplace_back();
    for (const auto& subject : fit) row.push_back(check_law(law, subject));
  }
  return matrix;
}

bool LawMatrix::all_held() const {
  for (const auto& row : outcomes)
    for (const auto& outcome : row)
      if (outcome.state == Outcome::failed) return false;
  return true;
}

std::string LawMatrix::table() const {
  // Columns are numbered, their names stand below: two dozen mutants would not fit side by side.
  std::string text = fmt::format("{:<28}", "law");
  for (size_t s = 0; s < subjects.size(); ++s) text += fmt::format("{:>3}", s + 1);
  text += '\n';
  for (size_t l = 0; l < laws.size(); ++l) {
    text += fmt::format("{:<28}", laws[l].id);
    for (const auto& outcome : outcomes[l]) text += fmt::format("{:>3}", "+F."[outcome.state]);
    text += '\n';
  }
  for (size_t s = 0; s < subjects.size(); ++s) text += fmt::format("{:>3} {}\n", s + 1, subjects[s]);
  return text;
}

std::string LawMatrix::failures() const {
  std::string text;
  for (size_t l = 0; l < laws.size(); ++l)
    for (size_t s = 0; s < subjects.size(); ++s)
      if (outcomes[l][s].state == Outcome::failed) text += fmt::format("{}: {}: {}\n", subjects[s], laws[l].id, outcomes[l][s].text);
  return text;
}

}  // namespace tessera
