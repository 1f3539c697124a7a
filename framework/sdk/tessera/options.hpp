// Options are declared once, by one visitor: name, member, doc, range or choices, effect. From it come the TOML binding,
// defaults, `plugins describe`, the reference documents and the stage key. Torch-free.
//
//   struct Options {
//     int64_t codes = 512;
//     template <class Visitor> void visit(Visitor& v) {
//       v("codes", codes, "Number of codes K.", Effect::architecture, range(2, 1 << 20));
//     }
//   };
#pragma once
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "tessera/api.hpp"
#include "tessera/descriptor.h"

namespace tessera {

// What a change of the option changes: the network's shape, how it is trained, or only how it is used.
enum class Effect { architecture, training, inference };
TESSERA_API const char* to_string(Effect effect);

// A file whose content enters the stage key; read through Host::tensors(option).
struct File {
  std::string path;
};

// Bounds are inclusive. Choices apply to std::string and std::vector<std::string>.
struct Constraint {
  std::optional<double> min, max;
  std::vector<std::string> choices;
};
inline Constraint range(double min, double max) { return {min, max, {}}; }
inline Constraint at_least(double min) { return {min, std::nullopt, {}}; }
inline Constraint one_of(std::vector<std::string> choices) { return {std::nullopt, std::nullopt, std::move(choices)}; }

using OptionValue = std::variant<bool, int64_t, double, std::string, std::vector<bool>, std::vector<int64_t>, std::vector<double>,
                                 std::vector<std::string>>;

// Of members that are options; File besides. `int` or `float` would not hold what a file may say.
template <class T>
inline constexpr bool is_option_type =
    std::is_same_v<T, File> || std::is_same_v<T, bool> || std::is_same_v<T, int64_t> || std::is_same_v<T, double> ||
    std::is_same_v<T, std::string> || std::is_same_v<T, std::vector<bool>> || std::is_same_v<T, std::vector<int64_t>> ||
    std::is_same_v<T, std::vector<double>> || std::is_same_v<T, std::vector<std::string>>;

// Values of a plugin's options, all present and already checked against its table.
class TESSERA_API OptionValues {
 public:
  void set(const std::string& name, OptionValue value) { values_[name] = std::move(value); }
  bool has(const std::string& name) const { return values_.count(name) != 0; }
  // Throws std::out_of_range when the name is absent.
  const OptionValue& at(const std::string& name) const;
  const std::map<std::string, OptionValue>& all() const { return values_; }

 private:
  std::map<std::string, OptionValue> values_;
};

// Visitor that builds a C option table which lives as long as this object.
class TESSERA_API OptionTable {
 public:
  template <class T>
  void operator()(const char* name, T& member, const char* doc, Effect effect, Constraint constraint = {}) {
    static_assert(is_option_type<T>, "an option is a bool, int64_t, double, std::string or File, or a vector of one of the first four");
    add(name, type_name<T>(constraint), doc, to_json(member), effect, std::move(constraint));
  }
  // Valid until the next option is added.
  const tessera_option* data() const { return table_.data(); }
  size_t size() const { return table_.size(); }

 private:
  template <class T>
  static std::string type_name(const Constraint& c) {
    if constexpr (std::is_same_v<T, bool>) return "bool";
    if constexpr (std::is_same_v<T, int64_t>) return "int";
    if constexpr (std::is_same_v<T, double>) return "float";
    if constexpr (std::is_same_v<T, std::string>) return c.choices.empty() ? "string" : "choice";
    if constexpr (std::is_same_v<T, File>) return "file";
    if constexpr (std::is_same_v<T, std::vector<bool>>) return "bool[]";
    if constexpr (std::is_same_v<T, std::vector<int64_t>>) return "int[]";
    if constexpr (std::is_same_v<T, std::vector<double>>) return "float[]";
    if constexpr (std::is_same_v<T, std::vector<std::string>>) return c.choices.empty() ? "string[]" : "choice[]";
  }
  static std::string to_json(const OptionValue& value);
  static std::string to_json(const File& file) { return to_json(OptionValue(file.path)); }
  void add(const char* name, std::string type, const char* doc, std::string json, Effect effect, Constraint constraint);

  struct Text;
  std::vector<std::shared_ptr<Text>> texts_;
  std::vector<tessera_option> table_;
};

// Visitor that copies values into the members of an options struct.
class OptionBinder {
 public:
  explicit OptionBinder(const OptionValues& values) : values_(values) {}
  template <class T>
  void operator()(const char* name, T& member, const char*, Effect, const Constraint& = {}) {
    if (!values_.has(name)) return;
    if constexpr (std::is_same_v<T, File>)
      member.path = std::get<std::string>(values_.at(name));
    else
      member = std::get<T>(values_.at(name));
  }

 private:
  const OptionValues& values_;
};

template <class OptionsStruct>
OptionsStruct bind_options(const OptionValues& values) {
  OptionsStruct options;
  OptionBinder binder(values);
  options.visit(binder);
  return options;
}

}  // namespace tessera
