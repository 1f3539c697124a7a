#include "fake_engine.hpp"

#include <fmt/format.h>

namespace tessera {
namespace {

Json option(const char* name, const char* type, Json value, const char* effect = "training") {
  return {{"name", name}, {"type", type}, {"default", std::move(value)}, {"doc", "A " + std::string(type) + "."}, {"effect", effect}};
}

Json bounded(Json option, double min, double max) {
  option["min"] = min;
  option["max"] = max;
  return option;
}

Json choice(const char* name, Json value, Json choices, const char* effect = "training") {
  auto json = option(name, "choice", std::move(value), effect);
  json["choices"] = std::move(choices);
  return json;
}

Json behaviour() {
  return choice("behaviour", "ok",
                {"ok", "fail", "crash", "bad_plugin", "silent", "endless", "slow", "curve", "flaky", "greedy", "measured", "train", "deaf",
                 "lingering"},
                "training");
}

Json plugin(const char* kind, const char* id, Json options, int64_t revision = 1) {
  options.push_back(behaviour());
  return {{"type", "plugin"},
          {"file", fmt::format("/plugins/{}/{}.so", kind, id)},
          {"sha256", std::string(64, 'a')},
          {"kind", kind},
          {"id", id},
          {"interface", 1},
          {"version", "1.0"},
          {"revision", revision},
          {"summary", fmt::format("Fake {}", id)},
          {"paper", ""},
          {"fingerprint", "torch=fake\n"},
          {"options", std::move(options)}};
}

Json network() {
  return {bounded(option("width", "int", 128, "architecture"), 4, 4096), bounded(option("heads", "int", 4, "architecture"), 1, 64),
          bounded(option("layers", "int", 4, "architecture"), 1, 64)};
}

Json with(Json list, Json option) {
  list.push_back(std::move(option));
  return list;
}

Json metric(const char* id, const char* subject) {
  return {{"id", id},      {"revision", 1}, {"subject", subject}, {"axis", "step"},
          {"goal", "max"}, {"unit", ""},    {"timing", false},    {"definition", ""}};
}

}  // namespace

Json fake_engine_manifest() {
  const Json train = {bounded(option("steps", "int", 100), 1, 1e9), bounded(option("lr", "float", 3e-4), 0, 1),
                      option("checkpoint_every", "int", 50, "inference"), bounded(option("validate_every", "int", 1), 0, 1e9)};
  return {
      {"type", "engine"},
      {"revisions", {{"data", 1}, {"tokenizer", 1}, {"tokens", 1}, {"prior", 1}, {"samples", 1}}},
      {"sections",
       {{"data",
         {choice("source", "emoji", {"emoji", "folder"}, "architecture"), option("split_seed", "int", 0, "architecture"),
          option("views", "string[]", {"identity"}), option("random_flip", "bool", false)}},
        {"tokenizer", {bounded(option("seed", "int", -1), -1, 1e9)}},
        {"tokenizer.loss", {option("l1", "float", 1.0)}},
        {"tokenizer.train", train},
        {"prior", {bounded(option("seed", "int", -1), -1, 1e9)}},
        {"prior.train", train},
        {"sampling",
         {bounded(option("seed", "int", -1), -1, 1e9), option("requests", "string[]", {"free"}, "inference"),
          option("count", "int", 64, "inference")}},
        {"sampling.logits", {bounded(option("temperature", "float", 1.0, "inference"), 0, 100)}},
        {"evaluate", {option("batch", "int", 64, "inference")}}}},
      {"data_sources",
       {{"emoji", {{"summary", "Emoji"}, {"options", {option("size", "int", 32, "architecture")}}}},
        {"folder",
         {{"summary", "A folder"}, {"options", {option("size", "int", 32, "architecture"), option("path", "string", "", "inference")}}}}}},
      {"metrics",
       {metric("psnr", "tokenizer"), metric("bits_per_token", "prior"), metric("frechet", "samples"), metric("real", "calibration")}},
      {"numerics", {{"devices", {"cpu"}}, {"precisions", {"fp32"}}}}};
}

std::vector<Json> fake_plugins() {
  return {
      plugin("encoder", "conv", Json::array({option("channels", "int", 32, "architecture"), option("statistics", "file", "")})),
      plugin("quantizer", "vq", Json::array({option("codes", "int", 256, "architecture"), option("decay", "float", 0.98)})),
      plugin("quantizer", "fsq", Json::array({option("levels", "int[]", {8, 5, 5}, "architecture")}), 0),
      plugin("prior", "gpt", with(network(), option("label_smoothing", "float", 0.0))),
      plugin("prior", "maskgit", with(network(), choice("mask_schedule", "cosine", {"cosine", "linear"}))),
      plugin("sampling", "scan_line", Json::array()),
      plugin("sampling", "iterative_masking",
             Json::array(
                 {bounded(option("steps", "int", 12, "inference"), 1, 1024), option("choice_temperature", "float", 4.5, "inference")})),
      plugin("sampling", "halton", Json::array({bounded(option("steps", "int", 12, "inference"), 1, 64)})),
      {{"type", "refused"}, {"file", "/plugins/priors/broken.so"}, {"reason", "its probe was killed by signal 11 (Segmentation fault)"}}};
}

Json fake_answer(const Json& request) {
  const auto& settings = request.at("settings");
  const auto& prior = settings.at("prior");
  Json errors = Json::array();
  if (prior.at("width").get<int64_t>() % prior.at("heads").get<int64_t>() != 0)
    errors.push_back(
        {{"key", "prior.heads"},
         {"text", fmt::format("found {}, expected a divisor of the width {}", prior.at("heads").dump(), prior.at("width").dump())}});
  const bool causal = prior.at("plugin") == "gpt", any_order = settings.at("sampling").at("plugin") != "scan_line";
  if (causal && any_order)
    errors.push_back(
        {{"key", "sampling.plugin"},
         {"other", "prior.plugin"},
         {"text", fmt::format("sampling '{}' cannot run on prior 'gpt': it asks positions in any order, the prior has raster order",
                              settings.at("sampling").at("plugin").get<std::string>())}});
  if (!errors.empty()) return {{"ok", false}, {"errors", errors}};
  const auto width = prior.at("width").get<int64_t>();
  return {{"ok", true},
          {"image", {{"channels", 3}, {"height", 32}, {"width", 32}}},
          {"classes", 0},
          {"data", {{"fingerprint", std::string(64, 'f')}, {"train", nullptr}, {"validation", nullptr}, {"watch", Json::array()}}},
          {"latents", {{{"height", 8}, {"width", 8}, {"depth", 32}, {"spatial", true}}}},
          {"layout", {{{"height", 8}, {"width", 8}, {"vocabulary", 256}, {"spatial", true}}}},
          {"order", causal ? "raster" : "any"},
          {"parameters", {{"encoder", 224310}, {"quantizer", 8192}, {"prior", 12 * 4 * width * width}}}};
}

}  // namespace tessera
