#include "registry/catalog/probe.hpp"

#include "core/error.hpp"
#include "core/subprocess.hpp"
#include "registry/catalog/conversation.hpp"

namespace tessera {

std::vector<Json> probe_files(const CatalogSettings& settings, const std::vector<std::filesystem::path>& files) {
  Conversation conversation;
  conversation.host = settings.host.string();
  conversation.limit = settings.probe_limit;
  conversation.start = [&](size_t first) {
    ChildOptions options;
    options.argv = {settings.host.string(), "--probe"};
    for (size_t i = first; i < files.size(); ++i) options.argv.push_back(files[i].string());
    options.err = Stream::pipe;
    options.memory_limit = settings.memory_limit;
    return options;
  };
  conversation.waiting = [&](size_t i) {
    if (settings.notice) settings.notice(waiting_text("opening " + files[i].string(), settings.probe_limit));
  };
  auto about = [&](const Json& line, size_t i) { return line.value("file", Json()) == valid_utf8(files[i].string()); };
  conversation.begins = [&](const Json& line, size_t i) { return line.value("type", Json()) == "begin" && about(line, i); };
  conversation.answers = [&](const Json& line, size_t i) {
    Json type = line.value("type", Json());
    return (type == "plugin" || type == "refused") && about(line, i);
  };
  conversation.blame = [&](size_t i, const std::string& reason, bool unsure) {
    Json line = {{"type", "refused"}, {"file", valid_utf8(files[i].string())}, {"reason", "the probe that opened it " + reason}};
    if (unsure) line["unsure"] = true;
    return line;
  };
  return converse(conversation, files.size());
}

Json ask_engine(const CatalogSettings& settings) {
  ChildOptions options;
  options.argv = {settings.host.string(), "--engine"};
  options.err = Stream::pipe;
  Child child(options);
  std::string line;
  auto deadline = Clock::now() + settings.check_limit;
  auto read = child.read_line(line, deadline);
  auto status = child.wait(deadline);
  if (!status)
    throw Error(ExitCode::run_failed,
                settings.host.string() + " --engine took longer than " + std::to_string(settings.check_limit.count()) + " seconds");
  auto manifest = read == Child::Read::line ? try_parse_json(line) : std::nullopt;
  if (!status->clean() || !manifest || !manifest->is_object() || manifest->value("type", Json()) != "engine")
    throw Error(ExitCode::run_failed,
                settings.host.string() + " --engine " + status->describe() + ": " + shortened(valid_utf8(child.drain_err()), 400));
  return *manifest;
}

}  // namespace tessera
