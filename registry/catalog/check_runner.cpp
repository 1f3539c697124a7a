#include "registry/catalog/check_runner.hpp"

#include "core/subprocess.hpp"
#include "registry/catalog/cache.hpp"
#include "registry/catalog/conversation.hpp"

namespace tessera {
namespace {

// Size and times of what the answer was read from.
Json watched(const Json& answer) {
  Json signatures = Json::object();
  if (answer.contains("data") && answer["data"].contains("watch"))
    for (const auto& path : answer["data"]["watch"]) signatures[path.get<std::string>()] = file_signature(path.get<std::string>());
  return signatures;
}

Json cache_key(const std::string& host, const Json& request) {
  Json plugins = Json::object();
  for (auto item = request.at("plugins").begin(); item != request.at("plugins").end(); ++item)
    plugins[item.key()] = {{"id", item.value().at("id")}, {"sha256", item.value().at("sha256")}};
  return {{"host", host}, {"plugins", plugins}, {"settings", request.at("settings")}};
}

std::string names_of(const Json& plugins) {
  std::string text;
  for (auto item = plugins.begin(); item != plugins.end(); ++item)
    text += (text.empty() ? "" : ", ") + item.key() + " '" + item.value().at("id").get<std::string>() + "'";
  return text;
}

}  // namespace

std::vector<Json> CheckRunner::run(const std::vector<Json>& requests) const {
  Cache cache(settings_.cache);
  std::string host = requests.empty() ? "" : host_hash(cache, settings_.host);
  std::vector<Json> answers, keys, unknown;
  for (const auto& request : requests) {
    keys.push_back(cache_key(host, request));
    auto known = cache.find("answers", keys.back());
    bool valid =
        known && known->is_object() && known->contains("answer") && known->value("watched", Json()) == watched(known->at("answer"));
    answers.push_back(valid ? known->at("answer") : Json());
    if (!valid) unknown.push_back({{"id", unknown.size()}, {"settings", request.at("settings")}, {"plugins", request.at("plugins")}});
  }
  auto asked = ask(unknown);
  for (size_t i = 0, next = 0; i < answers.size(); ++i) {
    if (!answers[i].is_null()) continue;
    answers[i] = std::move(asked[next++]);
    answers[i].erase("id");
    // An answer that a crash stands for may be better next time; so may one about data that could not be read.
    if (!answers[i].value("blamed", false) && !answers[i].value("unsettled", false))
      cache.store("answers", keys[i], {{"answer", answers[i]}, {"watched", watched(answers[i])}});
  }
  return answers;
}

std::vector<Json> CheckRunner::ask(const std::vector<Json>& requests) const {
  Conversation conversation;
  conversation.host = settings_.host.string();
  conversation.limit = settings_.check_limit;
  conversation.start = [&](size_t first) {
    ChildOptions options;
    options.argv = {settings_.host.string(), "--check"};
    for (size_t i = first; i < requests.size(); ++i) options.stdin_text += to_line(requests[i]) + "\n";
    options.err = Stream::pipe;
    options.memory_limit = settings_.memory_limit;
    return options;
  };
  auto is = [](const Json& line, const char* type, size_t i) {
    return line.value("type", Json()) == type && line.value("id", Json()) == i;
  };
  conversation.begins = [&](const Json& line, size_t i) { return is(line, "begin", i); };
  conversation.answers = [&](const Json& line, size_t i) {
    return is(line, "answer", i) && line.contains("ok") && line["ok"].is_boolean();
  };
  conversation.waiting = [&](size_t i) {
    if (settings_.notice) settings_.notice(waiting_text("the check of " + names_of(requests[i].at("plugins")), settings_.check_limit));
  };
  conversation.blame = [&](size_t i, const std::string& reason, bool) -> Json {
    Json error = {{"key", ""}, {"text", "the check of " + names_of(requests[i].at("plugins")) + " " + reason}};
    return {{"type", "answer"}, {"ok", false}, {"blamed", true}, {"errors", Json::array({error})}};
  };
  return converse(conversation, requests.size());
}

}  // namespace tessera
