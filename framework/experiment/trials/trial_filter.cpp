#include "experiment/trials/trial_filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>

#include "core/error.hpp"

namespace tessera {
namespace {

constexpr size_t kDeepest = 100;  // parentheses within one another

struct Symbol {
  const char* text;
  FilterOperator op;
};
// The longer ones first.
constexpr Symbol kSymbols[] = {{"==", FilterOperator::equal},    {"!=", FilterOperator::differs}, {"<=", FilterOperator::at_most},
                               {">=", FilterOperator::at_least}, {"=", FilterOperator::equal},    {"<", FilterOperator::less},
                               {">", FilterOperator::greater},   {"~", FilterOperator::contains}};
constexpr const char* kOperators = "one of = != < <= > >= ~";

bool is_ordering(FilterOperator op) {
  return op == FilterOperator::less || op == FilterOperator::at_most || op == FilterOperator::greater || op == FilterOperator::at_least;
}

std::optional<double> number_of(const std::string& text) {
  double number = 0;
  const char *begin = text.data(), *end = begin + text.size();
  if (begin != end && *begin == '+') ++begin;
  const auto read = std::from_chars(begin, end, number);
  // NaN equals nothing and has no order.
  if (begin == end || read.ec != std::errc() || read.ptr != end || std::isnan(number)) return std::nullopt;
  return number;
}

bool compares(FilterOperator op, double left, double right) {
  switch (op) {
    case FilterOperator::less: return left < right;
    case FilterOperator::at_most: return left <= right;
    case FilterOperator::greater: return left > right;
    case FilterOperator::at_least: return left >= right;
    default: return left == right;
  }
}

std::string text_of(const FilterValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* integer = std::get_if<int64_t>(&value)) return std::to_string(*integer);
  return fmt::format("{}", std::get<double>(value));
}

// Booleans among options are 0 and 1.
std::optional<double> wanted_number(const FilterTerm& term) {
  if (term.value == "true") return 1;
  if (term.value == "false") return 0;
  return term.number;
}

bool holds_for(const FilterTerm& term, const FilterValue& value) {
  if (term.op == FilterOperator::contains) return text_of(value).find(term.value) != std::string::npos;
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (!is_ordering(term.op)) return *text == term.value;
    const auto number = number_of(*text);
    return number && compares(term.op, *number, *term.number);
  }
  const auto* integer = std::get_if<int64_t>(&value);
  const double number = integer ? static_cast<double>(*integer) : std::get<double>(value);
  const auto wanted = wanted_number(term);
  return wanted && compares(term.op, number, *wanted);
}

}  // namespace

bool FilterTerm::holds(const FilterValues& values) const {
  const bool any = std::any_of(values.begin(), values.end(), [&](const FilterValue& one) { return holds_for(*this, one); });
  return op == FilterOperator::differs ? !any : any;
}

struct TrialFilter::Node {
  enum Kind { term, negation, all, any } kind = term;
  size_t index = 0;  // of the term
  std::vector<Node> parts;
};

// Recursive descent over the text; words are read as they come.
class FilterParser {
 public:
  explicit FilterParser(TrialFilter& filter) : filter_(filter), text_(filter.text_) {}

  TrialFilter::Node whole() {
    auto node = either();
    if (at_ < text_.size()) expected("and, or, or the end");
    return node;
  }

 private:
  using Node = TrialFilter::Node;

  void skip_spaces() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  }

  bool is_word(size_t i) const {
    return i < text_.size() && !std::isspace(static_cast<unsigned char>(text_[i])) && !std::strchr("()=!<>~\"'", text_[i]);
  }

  // The bare word at the place, which stays.
  std::string peek() {
    skip_spaces();
    size_t end = at_;
    while (is_word(end)) ++end;
    return text_.substr(at_, end - at_);
  }

  bool take(const char* keyword) {
    if (peek() != keyword) return false;
    at_ += std::strlen(keyword);
    skip_spaces();
    return true;
  }

  [[noreturn]] void expected(const std::string& what) {
    skip_spaces();
    std::string found = peek();
    if (found.empty() && at_ < text_.size()) found = text_.substr(at_, 1);
    filter_.refuse(at_, fmt::format("found {}, expected {}", at_ < text_.size() ? "'" + found + "'" : "the end", what));
  }

  Node either() {
    return joined("or", Node::any, [this] { return both(); });
  }
  Node both() {
    return joined("and", Node::all, [this] { return one(); });
  }

  template <class Part>
  Node joined(const char* word, Node::Kind kind, Part part) {
    Node node = part();
    if (peek() != word) return node;
    Node list{kind, 0, {}};
    list.parts.push_back(std::move(node));
    while (take(word)) list.parts.push_back(part());
    return list;
  }

  Node one() {
    skip_spaces();
    if (++depth_ > kDeepest) filter_.refuse(at_, fmt::format("found more than {} parentheses within one another", kDeepest));
    Node node;
    if (take("not")) {
      node.kind = Node::negation;
      node.parts.push_back(one());
    } else if (at_ < text_.size() && text_[at_] == '(') {
      const size_t opened = at_++;
      node = either();
      if (at_ >= text_.size() || text_[at_] != ')')
        expected(fmt::format("and, or, or the ) of the parenthesis at character {}", opened + 1));
      ++at_;
      skip_spaces();
    } else {
      node.index = filter_.terms_.size();
      auto term = comparison();
      filter_.terms_.push_back(std::move(term));
    }
    --depth_;
    return node;
  }

  FilterTerm comparison() {
    FilterTerm term;
    term.name_at = at_;
    term.name = word("a name, such as prior, frechet or state").first;
    skip_spaces();
    const auto* symbol = std::find_if(std::begin(kSymbols), std::end(kSymbols),
                                      [&](const Symbol& one) { return text_.compare(at_, std::strlen(one.text), one.text) == 0; });
    if (symbol == std::end(kSymbols)) expected(fmt::format("{} behind '{}'", kOperators, term.name));
    at_ += std::strlen(symbol->text);
    term.op = symbol->op;
    skip_spaces();
    term.value_at = at_;
    const auto [value, quoted] = word(fmt::format("a value behind '{}{}'", term.name, symbol->text));
    term.value = value;
    if (!quoted) term.number = number_of(value);
    if (is_ordering(term.op) && !term.number)
      filter_.refuse(term.value_at, fmt::format("found '{}', expected a number behind '{}{}'", value, term.name, symbol->text));
    skip_spaces();
    return term;
  }

  // A word and whether it stood in quotes.
  std::pair<std::string, bool> word(const std::string& what) {
    skip_spaces();
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      const size_t end = text_.find(text_[at_], at_ + 1);
      if (end == std::string::npos) filter_.refuse(at_, fmt::format("found no {} that ends the text from here on", text_[at_]));
      auto quoted = text_.substr(at_ + 1, end - at_ - 1);
      at_ = end + 1;
      return {quoted, true};
    }
    const auto bare = peek();
    if (bare.empty() || bare == "and" || bare == "or" || bare == "not") expected(what);
    at_ += bare.size();
    return {bare, false};
  }

  TrialFilter& filter_;
  const std::string& text_;
  size_t at_ = 0, depth_ = 0;
};

TrialFilter::TrialFilter(std::string text) : text_(std::move(text)) { root_ = std::make_unique<Node>(FilterParser(*this).whole()); }
TrialFilter::~TrialFilter() = default;
TrialFilter::TrialFilter(TrialFilter&&) noexcept = default;

bool TrialFilter::matches(const std::function<bool(size_t)>& holds) const {
  const auto ask = [&](const auto& self, const Node& node) -> bool {
    const auto part = [&](const Node& one) { return self(self, one); };
    switch (node.kind) {
      case Node::negation: return !part(node.parts[0]);
      case Node::all: return std::all_of(node.parts.begin(), node.parts.end(), part);
      case Node::any: return std::any_of(node.parts.begin(), node.parts.end(), part);
      default: return holds(node.index);
    }
  };
  return ask(ask, *root_);
}

void TrialFilter::refuse(size_t at, const std::string& what) const {
  // The caret counts characters, not bytes.
  const auto before = std::count_if(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(std::min(at, text_.size())),
                                    [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  std::string line = text_;
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' '; }, ' ');
  throw Error(ExitCode::bad_config, fmt::format("filter: {}\n  {}\n  {}^", what, line, std::string(static_cast<size_t>(before), ' ')));
}

}  // namespace tessera
