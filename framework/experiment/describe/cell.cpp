#include "experiment/describe/cell.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.hpp"

namespace tessera {
namespace {

// Where images lie: like a file, relative to what names it, but read by its source alone.
constexpr const char* kDataPath = "data.path";

struct Split {
  std::string section, option;
};
Split split_key(const std::string& key) {
  const auto dot = key.rfind('.');
  if (dot == std::string::npos) return {"", key};
  return {key.substr(0, dot), key.substr(dot + 1)};
}

const Selector* selector_of_key(const std::string& key) {
  for (const auto& selector : selectors())
    if (key == selector.key) return &selector;
  return nullptr;
}

const Selector* selector_of_section(const std::string& section) {
  for (const auto& selector : selectors())
    if (section == selector.section) return &selector;
  return nullptr;
}

std::string with_article(const std::string& noun) {
  return (std::string("aeiou").find(noun[0]) == std::string::npos ? "a " : "an ") + noun;
}

// "${prior.width}" -> "prior.width"; empty for any other value.
std::string reference(const Json& value) {
  if (!value.is_string()) return {};
  const auto& text = value.get_ref<const std::string&>();
  if (text.size() < 4 || text.compare(0, 2, "${") != 0 || text.back() != '}') return {};
  return text.substr(2, text.size() - 3);
}

// Layers in, one cell out.
class Resolver {
 public:
  Resolver(const Declarations& declarations, Problems& problems, Cell& cell)
      : declarations_(declarations), problems_(problems), cell_(cell) {}

  void resolve(const std::vector<const Layer*>& layers, const std::string& file) {
    for (const auto& selector : selectors())
      if (const auto id = declarations_.default_selection(selector); !id.empty()) select(selector, {selector.key, id, "default", file, {}});
    for (const auto* layer : layers) apply(*layer);
    require_plugins(file);
    bind();
    fill_defaults();
    for (auto& [key, setting] : cell_.settings) follow(key, setting);
    check_values();
  }

 private:
  void problem(const std::string& origin, const std::string& key, const std::string& text) { problems_.add(origin, key, text); }

  void apply(const Layer& layer) {
    // A layer's plugins come first: its other options are meant for them.
    for (const auto& entry : layer.entries)
      if (const auto* selector = selector_of_key(entry.key)) select(*selector, entry);
    for (const auto& entry : layer.entries)
      if (!selector_of_key(entry.key)) current_[entry.key] = entry, carried_.erase(entry.key);
  }

  void select(const Selector& selector, const Entry& entry) {
    const auto* old_plugin = cell_.plugins.count(selector.kind) ? cell_.plugins.at(selector.kind) : nullptr;
    const auto* plugin = find_plugin(selector, entry);
    if (!plugin) {  // nor is it the one of an earlier layer
      cell_.plugins.erase(selector.kind);
      cell_.settings[selector.key] = {entry.value, entry.origin, nullptr, "engine"};
      return;
    }
    if (old_plugin && old_plugin != plugin) lapse(selector, *old_plugin, *plugin, entry.origin);
    cell_.plugins[selector.kind] = plugin;
    cell_.settings[selector.key] = {entry.value, entry.origin, nullptr, "engine"};
  }

  const PluginManifest* find_plugin(const Selector& selector, const Entry& entry) {
    const auto ids = declarations_.ids(selector.kind);
    failed_selectors_.push_back(selector.key);
    if (!entry.value.is_string()) {
      problem(entry.origin, entry.key, fmt::format("found {}, expected the name of {}", shown(entry.value), with_article(selector.noun)));
      return nullptr;
    }
    const auto id = entry.value.get<std::string>();
    if (const auto* plugin = declarations_.plugin(selector.kind, id)) {
      failed_selectors_.pop_back();
      return plugin;
    }
    if (const auto reason = declarations_.refusal(id); !reason.empty())
      problem(entry.origin, entry.key, fmt::format("found {}, a library that was refused: {}", shown(entry.value), reason));
    else
      problem(entry.origin, entry.key,
              fmt::format("found {}, expected {}: {}{}", shown(entry.value), with_article(selector.noun),
                          ids.empty() ? "none is installed" : fmt::format("{}", fmt::join(ids, ", ")), meant(did_you_mean(id, ids))));
    return nullptr;
  }

  // Options of the old plugin carry over by name and type; the others lapse.
  void lapse(const Selector& selector, const PluginManifest& old_plugin, const PluginManifest& plugin, const std::string& origin) {
    for (auto it = current_.begin(); it != current_.end();) {
      const auto [section, name] = split_key(it->first);
      const auto* before = section == selector.section ? old_plugin.option(name) : nullptr;
      const auto* now = before ? plugin.option(name) : nullptr;
      if (!before || declarations_.section_option(section, name) || (now && now->type == before->type)) {
        if (now) carried_[it->first] = fmt::format("{} '{}' ({})", selector.noun, plugin.id, origin);
        ++it;
        continue;
      }
      cell_.lapsed.push_back({cell_.label, it->first, it->second.origin, old_plugin.id, plugin.id});
      it = current_.erase(it);
    }
  }

  void require_plugins(const std::string& file) {
    for (const auto& selector : selectors()) {
      if (cell_.plugins.count(selector.kind)) continue;
      if (std::find(failed_selectors_.begin(), failed_selectors_.end(), selector.key) != failed_selectors_.end()) continue;
      problem(
          file, selector.key,
          fmt::format("found nothing, expected {}: {}", with_article(selector.noun), fmt::join(declarations_.ids(selector.kind), ", ")));
    }
  }

  struct Declared {
    const OptionSchema* schema = nullptr;
    std::string owner;
  };
  Declared declared(const std::string& key) const {
    const auto [section, name] = split_key(key);
    if (const auto* schema = declarations_.section_option(section, name)) return {schema, "engine"};
    const auto* selector = selector_of_section(section);
    if (!selector || !cell_.plugins.count(selector->kind)) return {};
    return {cell_.plugins.at(selector->kind)->option(name), selector->kind};
  }

  void bind() {
    for (const auto& [key, entry] : current_) {
      const auto found = declared(key);
      if (found.schema)
        cell_.settings[key] = {entry.value, entry.origin, found.schema, found.owner};
      else
        unknown(key, entry);
      folders_[key] = entry.folder;
    }
  }

  void unknown(const std::string& key, const Entry& entry) {
    const auto section = split_key(key).section;
    const auto* selector = selector_of_section(section);
    // A plugin that was not found has been reported; what its options are cannot be said.
    if (selector && !cell_.plugins.count(selector->kind)) return;
    std::string expected = "a section that exists";
    if (selector)
      expected = fmt::format("an option of {} '{}'", selector->noun, cell_.plugins.at(selector->kind)->id);
    else if (declarations_.has_section(section))
      expected = fmt::format("an option of [{}]", section);
    auto near = near_key(key);
    const auto table = section.substr(0, section.find('.'));
    if (const auto meant = did_you_mean(table, {"grid", "zip", "arm", "ablate", "random", "exclude", "run"});
        meant && !selector && !section.empty() && *meant != table)
      near = *meant + key.substr(table.size());
    auto text = fmt::format("found an unknown key, expected {}{}", expected, meant(near));
    if (entry.varied && selector && !near)
      text += fmt::format(
          "; the plugin is set at {}: vary the key in [arm.<name>.grid] of the arms that have it, or leave these cells out by "
          "[[exclude]]",
          cell_.settings.at(selector->key).origin);
    problem(entry.key_origin, key, text);
  }

  // Of a section that exists the nearest option, else the nearest of all keys and of what stands at the top of a file.
  std::optional<std::string> near_key(const std::string& key) const {
    const auto [section, name] = split_key(key);
    auto keys = all_keys();
    std::vector<std::string> names;
    for (const auto& one : keys)
      if (split_key(one).section == section) names.push_back(split_key(one).option);
    if (const auto near = did_you_mean(name, names)) return section + "." + *near;
    // [prior] steps, which stands in [prior.train].
    for (const auto& one : keys)
      if (split_key(one).option == name && one.rfind(section + ".", 0) == 0) return one;
    if (!names.empty() && !section.empty()) return std::nullopt;
    if (section.empty()) keys.insert(keys.end(), {"question", "seeds", "baseline", "extends"});
    return did_you_mean(key, keys);
  }

  std::vector<std::string> all_keys() const {
    std::vector<std::string> keys;
    for (const auto& name : declarations_.section_names())
      for (const auto& option : declarations_.section(name)) keys.push_back(name + "." + option.name);
    for (const auto& selector : selectors()) {
      keys.emplace_back(selector.key);
      if (cell_.plugins.count(selector.kind))
        for (const auto& option : cell_.plugins.at(selector.kind)->options)
          keys.push_back(std::string(selector.section) + "." + option.name);
    }
    return keys;
  }

  void fill_defaults() {
    for (const auto& key : all_keys()) {
      if (cell_.settings.count(key)) continue;
      const auto found = declared(key);
      if (found.schema) cell_.settings[key] = {found.schema->default_value, "default", found.schema, found.owner};
    }
  }

  // Replaces "${key}" by that key's final value, through any number of steps.
  void follow(const std::string& key, Setting& setting) {
    std::vector<std::string> seen = {key};
    Json value = setting.value;
    for (auto target = reference(value); !target.empty(); target = reference(value)) {
      const auto found = cell_.settings.find(target);
      if (found == cell_.settings.end()) {
        std::vector<std::string> keys;
        for (const auto& one : cell_.settings) keys.push_back(one.first);
        problem(setting.origin, key,
                fmt::format("found a reference to '{}', expected a key that exists{}", target, meant(did_you_mean(target, keys))));
        failed_.push_back(key);
        return;
      }
      seen.push_back(target);
      if (std::count(seen.begin(), seen.end(), target) > 1) {
        problem(setting.origin, key, fmt::format("found references in a circle: {}", fmt::join(seen, " -> ")));
        failed_.push_back(key);
        return;
      }
      value = found->second.value;
    }
    setting.value = std::move(value);
  }

  void check_values() {
    for (auto& [key, setting] : cell_.settings) {
      if (!setting.schema || std::find(failed_.begin(), failed_.end(), key) != failed_.end()) continue;
      if (const auto error = setting.schema->check(setting.value)) {
        auto text = *error;
        if (const auto carried = carried_.find(key); carried != carried_.end()) text += "; carried over to " + carried->second;
        if (setting.schema->is_list() && !setting.schema->check(Json::array({setting.value}))) text += list_hint(key, setting);
        problem(setting.origin, key, text);
        continue;
      }
      setting.value = setting.schema->normalised(setting.value);
      if (setting.schema->type == "file" && setting.origin != "default") setting.value = absolute_file(key, setting);
      if (key == kDataPath && setting.origin != "default" && !setting.value.get_ref<const std::string&>().empty())
        setting.value = std::filesystem::absolute(folders_[key] / setting.value.get<std::string>()).lexically_normal().string();
    }
  }

  // On the command line commas make a grid, so that "a,b" are two values, not a list.
  std::string list_hint(const std::string& key, const Setting& setting) const {
    const auto entry = current_.find(key);
    if (entry != current_.end() && entry->second.varied && setting.origin == kCommandLine)
      return fmt::format("; commas make a grid, a list is {}='[{}, …]'", key, to_line(setting.value));
    return fmt::format("; a list is [{}]", to_line(setting.value));
  }

  // A file is named relative to the experiment file that names it.
  Json absolute_file(const std::string& key, const Setting& setting) {
    const auto text = setting.value.get<std::string>();
    if (text.empty()) return text;
    const auto path = std::filesystem::absolute(folders_[key] / text).lexically_normal();
    if (!std::filesystem::is_regular_file(path))
      problem(setting.origin, key, fmt::format("found \"{}\", expected a file that exists", path.string()));
    return path.string();
  }

  const Declarations& declarations_;
  Problems& problems_;
  Cell& cell_;
  std::map<std::string, Entry> current_;
  std::map<std::string, std::filesystem::path> folders_;
  std::map<std::string, std::string> carried_;  // key -> the plugin that it was not written for, and where that stands
  std::vector<std::string> failed_selectors_, failed_;
};

}  // namespace

void resolve_cell(const std::vector<const Layer*>& layers, const std::string& file, const Declarations& declarations, Problems& problems,
                  Cell& cell) {
  Resolver(declarations, problems, cell).resolve(layers, file);
}

Json Cell::nested() const {
  Json root = Json::object();
  for (const auto& [key, setting] : settings) {
    Json* node = &root;
    size_t begin = 0;
    for (size_t dot = key.find('.'); dot != std::string::npos; begin = dot + 1, dot = key.find('.', begin))
      node = &(*node)[key.substr(begin, dot - begin)];
    (*node)[key.substr(begin)] = setting.value;
  }
  return root;
}

}  // namespace tessera
