// One writer for two uses: canonical text (strict) and journal lines (lenient).
#include "core/json.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/error.hpp"

namespace tessera {
namespace {

constexpr int kMaxDepth = 64;
constexpr const char* kReplacement = "\xEF\xBF\xBD";

// Length of the valid UTF-8 sequence at `at`, 0 where there is none (Unicode 15, table 3-7).
size_t sequence_length(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0u; };
  auto tail = [&](size_t i) { return (byte(i) & 0xC0u) == 0x80u; };
  unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    unsigned low = first == 0xE0 ? 0xA0u : 0x80u, high = first == 0xED ? 0x9Fu : 0xBFu;
    return byte(1) >= low && byte(1) <= high && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    unsigned low = first == 0xF0 ? 0x90u : 0x80u, high = first == 0xF4 ? 0x8Fu : 0xBFu;
    return byte(1) >= low && byte(1) <= high && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

class Writer {
 public:
  explicit Writer(bool strict) : strict_(strict) {}

  void value(const Json& json) {
    switch (json.type()) {
      case Json::value_t::object: object(json); break;
      case Json::value_t::array: array(json); break;
      case Json::value_t::string: string(json.get_ref<const std::string&>()); break;
      case Json::value_t::boolean: out += json.get<bool>() ? "true" : "false"; break;
      case Json::value_t::number_integer: integer(json.get<int64_t>()); break;
      case Json::value_t::number_unsigned: integer(json.get<uint64_t>()); break;
      case Json::value_t::number_float: number(json.get<double>()); break;
      default: out += "null";
    }
  }

  std::string out;

 private:
  void object(const Json& json) {
    out += '{';
    bool first = true;
    for (auto item = json.begin(); item != json.end(); ++item) {  // std::map: sorted by bytes
      if (!first) out += ',';
      first = false;
      string(item.key());
      out += ':';
      value(item.value());
    }
    out += '}';
  }

  void array(const Json& json) {
    out += '[';
    for (size_t i = 0; i < json.size(); ++i) {
      if (i) out += ',';
      value(json[i]);
    }
    out += ']';
  }

  template <class Integer>
  void integer(Integer value) {
    char text[24];
    out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
  }

  void number(double value) {
    if (!std::isfinite(value)) {
      if (strict_) throw std::invalid_argument("canonical JSON has no NaN and no infinity");
      string(std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
      return;
    }
    char text[32];
    std::string_view digits(text, static_cast<size_t>(std::to_chars(text, text + sizeof text, value).ptr - text));
    out += digits;
    if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";
  }

  void string(std::string_view text) {
    out += '"';
    for (size_t at = 0; at < text.size();) {
      auto byte = static_cast<unsigned char>(text[at]);
      size_t length = sequence_length(text, at);
      if (length == 0) {
        if (strict_) throw std::invalid_argument("canonical JSON has no invalid UTF-8");
        out += kReplacement;
        ++at;
        continue;
      }
      if (byte == '"' || byte == '\\') {
        out += '\\';
        out += static_cast<char>(byte);
      } else if (byte < 0x20) {
        control(byte);
      } else {
        out += text.substr(at, length);
      }
      at += length;
    }
    out += '"';
  }

  // The short escapes where JSON has them, as RFC 8785 does.
  void control(unsigned char byte) {
    constexpr std::string_view kCodes = "\b\t\n\f\r", kLetters = "btnfr";
    constexpr char kHex[] = "0123456789abcdef";
    if (auto i = kCodes.find(static_cast<char>(byte)); i != std::string_view::npos)
      out += {'\\', kLetters[i]};
    else
      out += {'\\', 'u', '0', '0', kHex[byte >> 4], kHex[byte & 15]};
  }

  bool strict_;
};

Json parse_bounded(std::string_view text) {
  return Json::parse(text.begin(), text.end(), [](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) throw std::length_error("nested deeper than " + std::to_string(kMaxDepth));
    return true;
  });
}

}  // namespace

std::string canonical(const Json& value) {
  Writer writer(true);
  writer.value(value);
  return std::move(writer.out);
}

std::string to_line(const Json& value) {
  Writer writer(false);
  writer.out.reserve(512);
  writer.value(value);
  return std::move(writer.out);
}

Json parse_json(std::string_view text, const std::string& what) {
  try {
    return parse_bounded(text);
  } catch (const Json::parse_error& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error …": the last part is what helps.
    std::string reason = error.what();
    if (auto cut = reason.find(": "); cut != std::string::npos) reason = reason.substr(cut + 2);
    throw Error(ExitCode::run_failed, what + ": byte " + std::to_string(error.byte) + ": " + valid_utf8(reason));
  } catch (const std::length_error& error) {
    throw Error(ExitCode::run_failed, what + ": " + error.what());
  } catch (const Json::exception&) {  // a number beyond the range of double
    throw Error(ExitCode::run_failed, what + ": a number out of range");
  }
}

std::optional<Json> try_parse_json(std::string_view text) {
  try {
    return parse_bounded(text);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

Json encode_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double decode_number(const Json& value) {
  if (value.is_number()) return value.get<double>();
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (value == "inf") return std::numeric_limits<double>::infinity();
  if (value == "-inf") return -std::numeric_limits<double>::infinity();
  throw Error(ExitCode::run_failed, "found " + shortened(to_line(value), 40) + ", expected a number, \"nan\", \"inf\" or \"-inf\"");
}

std::string valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    size_t length = sequence_length(text, at);
    if (length)
      out += text.substr(at, length);
    else
      out += kReplacement;
    at += length ? length : 1;
  }
  return out;
}

std::string shortened(std::string_view text, size_t n) {
  size_t at = 0;
  for (size_t characters = 0; at < text.size() && characters < n; ++characters) at += std::max<size_t>(1, sequence_length(text, at));
  return std::string(text.substr(0, at)) + (at < text.size() ? "…" : "");
}

}  // namespace tessera
