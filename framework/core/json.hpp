// JSON on purpose: nlohmann writes NaN as null and throws on invalid UTF-8, and its doubles are not always the shortest.
// canonical() is what stage keys are hashed from, so its output may never change.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace tessera {

using Json = nlohmann::json;

// Keys sorted by bytes, no spaces, shortest doubles that read back the same (always with '.' or 'e', so 1.0 differs from 1).
// Throws std::invalid_argument on NaN, infinities and invalid UTF-8: a key must not depend on how those are written.
std::string canonical(const Json& value);
// The same text for a journal line: never throws. Non-finite doubles become "nan", "inf", "-inf"; invalid UTF-8 becomes U+FFFD.
std::string to_line(const Json& value);
// Throws Error(run_failed) "<what>: byte <n>: …" where the text is no JSON or nests deeper than 64.
Json parse_json(std::string_view text, const std::string& what);
// The same, empty instead of an error.
std::optional<Json> try_parse_json(std::string_view text);

// A double as a JSON value: a number, or "nan", "inf", "-inf".
Json encode_number(double value);
// Inverse of encode_number; integers too. Throws Error(run_failed) on anything else.
double decode_number(const Json& value);

// Every invalid byte sequence replaced by U+FFFD.
std::string valid_utf8(std::string_view text);
// The first n characters of valid UTF-8 (never half of one), "…" behind them where something was left out.
std::string shortened(std::string_view text, size_t n);

}  // namespace tessera
