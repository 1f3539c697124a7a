// The smallest settings that tessera-host --check and work take, with one quantizer put in.
#pragma once
#include "core/json.hpp"
#include "registry/catalog/catalog.hpp"

namespace tessera {

// Built-in conv, gpt and scan_line at their smallest around the quantizer.
inline Json check_request(const Catalog& catalog, const CatalogPlugin& quantizer) {
  auto entry = [](const CatalogPlugin& plugin) {
    return Json{{"id", plugin.id}, {"file", plugin.file.string()}, {"sha256", plugin.sha256}, {"revision", plugin.revision}};
  };
  const auto &encoder = *catalog.find("encoder", "conv"), &prior = *catalog.find("prior", "gpt"),
             &sampling = *catalog.find("sampling", "scan_line");
  Json settings = {{"data", {{"source", "emoji"}, {"size", 16}, {"validation", 0.1}}},
                   {"tokenizer",
                    {{"encoder", {{"plugin", "conv"}}},
                     {"quantizer", {{"plugin", quantizer.id}}},
                     {"loss", Json::object()},
                     {"train", {{"steps", 12}, {"batch", 2}}}}},
                   {"prior", {{"plugin", "gpt"}, {"train", {{"steps", 2}}}}},
                   {"sampling", {{"plugin", "scan_line"}, {"logits", Json::object()}}},
                   {"evaluate", Json::object()}};
  return {
      {"settings", settings},
      {"plugins", {{"encoder", entry(encoder)}, {"quantizer", entry(quantizer)}, {"prior", entry(prior)}, {"sampling", entry(sampling)}}}};
}

}  // namespace tessera
