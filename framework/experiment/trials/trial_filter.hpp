// The filter language of `ls`: prior=maskgit and (frechet<20 or not state=done).
//
//   filter     = both { "or" both }
//   both       = one { "and" one }
//   one        = "not" one | "(" filter ")" | comparison
//   comparison = name ( "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" ) value
//
// Names and values are bare words or stand in quotes, single or double. "~" asks whether the value is contained. A comparison with
// something that a trial lacks does not hold; "!=" holds wherever "=" does not.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace tessera {

// What a trial has under a name. Empty: nothing. More than one: tags; any of them may hold.
using FilterValue = std::variant<int64_t, double, std::string>;
using FilterValues = std::vector<FilterValue>;

enum class FilterOperator { equal, differs, less, at_most, greater, at_least, contains };

struct FilterTerm {
  std::string name;
  size_t name_at = 0;  // byte in the filter's text
  FilterOperator op = FilterOperator::equal;
  std::string value;
  size_t value_at = 0;
  std::optional<double> number;  // of the value, where it is one and not quoted

  bool holds(const FilterValues& values) const;
};

class TrialFilter {
 public:
  // Throws Error(bad_config): what was found and expected, and below it the filter with a caret at the place.
  explicit TrialFilter(std::string text);
  ~TrialFilter();
  TrialFilter(TrialFilter&&) noexcept;

  // In the order of the text.
  const std::vector<FilterTerm>& terms() const { return terms_; }
  // `holds` is asked by index into terms(), only for those that decide.
  bool matches(const std::function<bool(size_t term)>& holds) const;
  // Error(bad_config) "filter: <what>", the filter and a caret at the byte.
  [[noreturn]] void refuse(size_t at, const std::string& what) const;

 private:
  friend class FilterParser;
  struct Node;

  std::string text_;
  std::vector<FilterTerm> terms_;
  std::unique_ptr<Node> root_;
};

}  // namespace tessera
