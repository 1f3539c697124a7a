#include "experiment/describe/experiment_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/config.hpp"
#include "core/error.hpp"
#include "core/option_schema.hpp"
#include "experiment/describe/axes.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kMostSeeds = 10000;

bool beneath(const std::string& key, const std::string& prefix) {
  return key == prefix || (key.size() > prefix.size() && key.compare(0, prefix.size(), prefix) == 0 && key[prefix.size()] == '.');
}

std::vector<Entry> entries_of(const ConfigFile& file, const fs::path& folder) {
  std::vector<Entry> entries;
  for (const auto& entry : file.entries)
    entries.push_back({entry.key, entry.value, entry.origin, entry.key_origin, folder, false, entry.item_origins});
  return entries;
}

// Splits at commas outside of quotes and brackets.
std::vector<std::string> split_values(const std::string& text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  char quote = 0;
  for (char c : text) {
    if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == ',' && depth == 0) {
      parts.emplace_back();
      continue;
    }
    parts.back() += c;
  }
  return parts;
}

class Reader {
 public:
  Reader(const fs::path& path, const std::vector<std::string>& words) : path_(path), words_(words) {}

  Experiment read() {
    experiment_.name = experiment_name(path_);
    experiment_.source = path_.string();
    const auto file = read_config(path_);
    refuse_listed(file);
    auto own = entries_of(file, path_.parent_path());
    apply_words(own);
    // The command line's keys of the experiment itself (seeds, arms …) stand as if written in the file.
    std::vector<Entry> reserved, settings;
    for (auto& entry : own) (is_reserved(head(entry.key)) ? reserved : settings).push_back(std::move(entry));
    for (auto& entry : command_line_) {
      if (is_reserved(head(entry.key)))
        replace(reserved, std::move(entry));
      else
        command_line_settings_.push_back(std::move(entry));
    }
    // An extended file is read where `extends` stands: before the file that names it.
    chain_.push_back(fs::weakly_canonical(path_));
    for (const auto& entry : reserved)
      if (entry.key == "extends") extend(entry);
    set_tables_apart(settings);
    experiment_.layers.push_back({file.name, std::move(settings)});
    experiment_.layers.push_back({kCommandLine, std::move(command_line_settings_)});
    for (const auto& entry : reserved) read_reserved(entry);
    finish();
    problems_.raise();
    return std::move(experiment_);
  }

 private:
  // [[arm]] for [arm.name]: its tables would be read as arms "0", "1" …
  void refuse_listed(const ConfigFile& file) {
    std::set<std::string> seen;
    for (const auto& entry : file.entries)
      if (const auto word = head(entry.key); entry.listed && word != "exclude" && seen.insert(word).second)
        problems_.add(entry.key_origin, word,
                      fmt::format("found [[{}]], expected [{}]: only [[exclude]] is a list of tables", word,
                                  word == "arm" || word == "zip" || word == "ablate" ? word + ".<name>" : word));
    problems_.raise();
  }

  void set_tables_apart(std::vector<Entry>& entries) {
    for (const auto& entry : entries)
      if (entry.value.is_object()) experiment_.empty_tables.push_back(entry);
    std::erase_if(entries, [](const Entry& e) { return e.value.is_object() || e.value.is_null(); });
  }

  static void replace(std::vector<Entry>& entries, Entry entry) {
    for (auto& old : entries)
      if (old.key == entry.key) {
        old = std::move(entry);
        return;
      }
    entries.push_back(std::move(entry));
  }

  void apply_words(std::vector<Entry>& own) {
    for (const auto& word : words_) {
      if (!word.empty() && word[0] == '~') {
        remove(own, word.substr(1));
        continue;
      }
      const auto equals = word.find('=');
      if (equals == std::string::npos || equals == 0) {
        problems_.add_line(fmt::format("{}: found {}, expected key=value or ~key", kCommandLine, shown(word)));
        continue;
      }
      const auto key = word.substr(0, equals);
      // Text needs no quotes, and commas do not part it.
      if (const auto text = word.substr(equals + 1);
          (key == "baseline" || key == "question") && !text.empty() && text[0] != '"' && text[0] != '\'') {
        replace(command_line_, {key, text, kCommandLine, kCommandLine, fs::current_path()});
        continue;
      }
      const auto values = split_values(word.substr(equals + 1));
      if (values.size() > 1 && std::any_of(values.begin(), values.end(), [](const std::string& value) { return value.empty(); })) {
        problems_.add_line(fmt::format("{}: {}: found {}, expected a value on both sides of each comma", kCommandLine, key, shown(word)));
        continue;
      }
      if (values.size() == 1) {
        Json value = parse_config_value(values[0], fmt::format("{}: {}", kCommandLine, key));
        if (key == "seeds") value = extended_seeds(own, std::move(value));
        replace(command_line_, {key, std::move(value), kCommandLine, kCommandLine, fs::current_path()});
        continue;
      }
      Json points = Json::array();
      for (const auto& value : values) points.push_back(parse_config_value(value, fmt::format("{}: {}", kCommandLine, key)));
      replace(command_line_, {axis_key(key), points, kCommandLine, kCommandLine, fs::current_path()});
    }
  }

  // A number of seeds where a list was said before: those of the list first.
  Json extended_seeds(const std::vector<Entry>& own, Json value) const {
    const Json* before = nullptr;
    for (const auto* entries : {&own, &command_line_})
      for (const auto& entry : *entries)
        if (entry.key == "seeds") before = &entry.value;
    if (!before || !before->is_array() || !value.is_number_integer() || value.get<int64_t>() < 1 || value.get<int64_t>() > kMostSeeds)
      return value;
    const auto wanted = value.get<size_t>();
    Json seeds = Json::array();
    for (const auto& seed : *before)
      if (seeds.size() < wanted) seeds.push_back(seed);
    for (int64_t seed = 0; seeds.size() < wanted; ++seed)
      if (std::find(before->begin(), before->end(), Json(seed)) == before->end()) seeds.push_back(seed);
    return seeds;
  }

  // Several values of a setting are a grid, of an arm's setting a grid of that arm; of anything else a list.
  static std::string axis_key(const std::string& key) {
    if (!is_reserved(head(key))) return "grid." + key;
    const auto name = head(tail(key)), setting = tail(tail(key));
    return head(key) == "arm" && !setting.empty() && head(setting) != "grid" ? fmt::format("arm.{}.grid.{}", name, setting) : key;
  }

  void remove(std::vector<Entry>& own, const std::string& key) {
    const auto before = own.size();
    std::vector<std::string> keys;
    for (const auto& entry : own) keys.push_back(entry.key);
    std::erase_if(own, [&](const Entry& e) { return beneath(e.key, key); });
    if (own.size() != before) return;
    // A table is named by a prefix of its keys.
    std::set<std::string> prefixes(keys.begin(), keys.end());
    for (const auto& full : keys)
      for (auto dot = full.find('.'); dot != std::string::npos; dot = full.find('.', dot + 1)) prefixes.insert(full.substr(0, dot));
    const auto near = did_you_mean(key, {prefixes.begin(), prefixes.end()});
    problems_.add(kCommandLine, "~" + key,
                  fmt::format("found nothing to remove in {}{}", path_.string(), near ? "; did you mean \"~" + *near + "\"?" : ""));
  }

  void extend(const Entry& entry) {
    Json list = entry.value.is_string() ? Json::array({entry.value}) : entry.value;
    if (!list.is_array() || !std::all_of(list.begin(), list.end(), [](const Json& v) { return v.is_string(); })) {
      problems_.add(entry.origin, entry.key, fmt::format("found {}, expected a file or a list of files", shown(entry.value)));
      return;
    }
    for (const auto& one : list) read_extended(entry, (entry.folder / one.get<std::string>()).lexically_normal());
  }

  void read_extended(const Entry& entry, const fs::path& path) {
    const auto canonical_path = fs::weakly_canonical(path);
    if (std::find(chain_.begin(), chain_.end(), canonical_path) != chain_.end()) {
      problems_.add(entry.origin, "extends", fmt::format("found \"{}\", which extends itself", path.string()));
      return;
    }
    if (!fs::is_regular_file(path)) {
      problems_.add(entry.origin, "extends", fmt::format("found \"{}\", expected a file that exists", path.string()));
      return;
    }
    const auto file = read_config(path);
    chain_.push_back(canonical_path);
    std::vector<Entry> settings;
    std::set<std::string> refused;
    for (auto& inner : entries_of(file, path.parent_path())) {
      if (inner.key == "extends")
        extend(inner);
      else if (!is_reserved(head(inner.key)))
        settings.push_back(std::move(inner));
      else if (refused.insert(head(inner.key)).second)  // once a section, not once a key
        problems_.add(inner.key_origin, inner.key, fmt::format("found '{}' in an extended file, expected settings only", head(inner.key)));
    }
    chain_.pop_back();
    set_tables_apart(settings);
    experiment_.layers.push_back({file.name, std::move(settings)});
  }

  void read_reserved(const Entry& entry) {
    const auto word = head(entry.key);
    if (word == "extends") return;
    if (word == "question" || word == "baseline")
      read_text(entry, word == "question" ? experiment_.question : experiment_.baseline);
    else if (word == "seeds")
      read_seeds(entry);
    else if (word == "run")
      run_.push_back(entry);
    else
      axes_.read(entry);
    if (word == "baseline") experiment_.baseline_origin = entry.origin;
  }

  void read_text(const Entry& entry, std::string& into) {
    if (entry.value.is_string())
      into = entry.value;
    else
      problems_.add(entry.origin, entry.key, fmt::format("found {}, expected a string", shown(entry.value)));
  }

  void read_seeds(const Entry& entry) {
    const Json& value = entry.value;
    const auto is_seed = [](const Json& v) { return v.is_number_integer() && v.get<int64_t>() >= 0; };
    std::vector<int64_t> seeds;
    if (value.is_number_integer() && value.get<int64_t>() >= 1 && value.get<int64_t>() <= kMostSeeds) {
      for (int64_t i = 0; i < value.get<int64_t>(); ++i) seeds.push_back(i);
    } else if (value.is_array() && !value.empty() && std::all_of(value.begin(), value.end(), is_seed)) {
      seeds = value.get<std::vector<int64_t>>();
      if (std::set<int64_t>(seeds.begin(), seeds.end()).size() != seeds.size()) seeds.clear();
    }
    if (seeds.empty())
      problems_.add(entry.origin, entry.key,
                    fmt::format("found {}, expected a number of seeds from 1 to {}, or a list of different seeds of at least 0",
                                shown(value), kMostSeeds));
    else
      experiment_.seeds = std::move(seeds);
  }

  void finish() {
    experiment_.axes = axes_.finish(path_.string());
    experiment_.exclusions = axes_.exclusions();
    experiment_.notes = axes_.notes();
    // A word may take away what an exclusion speaks of: `~arm.halton` is no reason to edit the file.
    const bool changed = std::any_of(words_.begin(), words_.end(), [](const std::string& word) {
      const auto first = head(word.substr(0, word.find('=')));
      return first != "run" && first != "seeds" && first != "question";
    });
    for (auto& exclusion : experiment_.exclusions)
      for (auto& condition : exclusion.conditions) condition.varied = changed;
    experiment_.run = read_run_policy(run_, problems_);
    check_command_line();
  }

  // A word that every cell overrides would be ignored without notice.
  void check_command_line() {
    for (const auto& word : experiment_.layers.back().entries) {
      for (const auto& axis : experiment_.axes) {
        const Entry* first = nullptr;
        const bool everywhere = std::all_of(axis.points.begin(), axis.points.end(), [&](const AxisPoint& point) {
          for (const auto& entry : point.layer.entries)
            if (entry.key == word.key) {
              if (!first) first = &entry;
              return true;
            }
          return false;
        });
        if (everywhere && first)
          problems_.add(kCommandLine, word.key,
                        axis.name == "arm" ? fmt::format("found a value that every arm overrides ({}), expected arm.<name>.{}=…",
                                                         first->key_origin, word.key)
                                           : fmt::format("found a value that {} overrides ({}), expected ~{} beside it",
                                                         axis.points[0].layer.name, first->key_origin, section_of(axis)));
      }
    }
  }

  static std::string section_of(const Axis& axis) {
    const auto& layer = axis.points[0].layer.name;
    return layer == "the grid" ? "grid." + axis.name : layer;
  }

  fs::path path_;
  std::vector<std::string> words_;
  Experiment experiment_;
  std::vector<Entry> command_line_, command_line_settings_, run_;
  std::vector<fs::path> chain_;  // of files being extended, for cycles
  Problems problems_;
  AxisReader axes_{problems_};
};

}  // namespace

std::string head(const std::string& key) { return key.substr(0, key.find('.')); }

bool is_reserved(const std::string& word) {
  static const std::set<std::string> whole = {"question", "extends", "seeds", "baseline", "run"};
  return AxisReader::reads(word) || whole.count(word) != 0;
}

std::string tail(const std::string& key) {
  const auto dot = key.find('.');
  return dot == std::string::npos ? std::string() : key.substr(dot + 1);
}

void Problems::add(const std::string& origin, const std::string& key, const std::string& text) {
  add_line(fmt::format("{}: {}: {}", origin, key, text));
}

void Problems::add_line(const std::string& line) {
  if (std::find(lines_.begin(), lines_.end(), line) == lines_.end()) lines_.push_back(line);
}

void Problems::raise() const {
  if (!lines_.empty()) throw Error(ExitCode::bad_config, fmt::format("{}", fmt::join(lines_, "\n")));
}

Experiment read_experiment(const fs::path& path, const std::vector<std::string>& words) { return Reader(path, words).read(); }

std::string experiment_name(const fs::path& path) {
  auto whole = fs::weakly_canonical(path).replace_extension();
  if (whole.filename() == "experiment") whole = whole.parent_path();
  fs::path below;
  bool found = false;
  for (const auto& part : whole) {
    if (found) below /= part;
    if (part == "experiments") {
      found = true;
      below.clear();
    }
  }
  return found && !below.empty() ? below.generic_string() : whole.filename().string();
}

}  // namespace tessera
