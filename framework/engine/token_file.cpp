#include "engine/token_file.hpp"

#include <fmt/format.h>

#include "core/error.hpp"
#include "core/json.hpp"

namespace tessera {

void save_token_set(const TokenSet& tokens, const std::filesystem::path& path) {
  Json layout = Json::array();
  for (const auto& plane : tokens.layout.planes())
    layout.push_back({{"height", plane.height}, {"width", plane.width}, {"vocabulary", plane.vocabulary}, {"spatial", plane.spatial}});
  save_tensors(path,
               {{"train_ids", tokens.train_ids_VMN},
                {"validation_ids", tokens.validation_ids_VMN},
                {"train_labels", tokens.train_labels_M},
                {"validation_labels", tokens.validation_labels_M}},
               {{"layout", canonical(layout)}, {"views", canonical(Json(tokens.views))}, {"classes", std::to_string(tokens.classes)}});
}

TokenSet load_token_set(const std::filesystem::path& path) {
  auto file = load_tensors(path);
  TokenSet tokens;
  std::vector<Plane> planes;
  for (const auto& plane : Json::parse(metadata_of(file, "layout")))
    planes.push_back({plane.at("height"), plane.at("width"), plane.at("vocabulary"), plane.at("spatial")});
  tokens.layout = TokenLayout(planes);
  tokens.views = Json::parse(metadata_of(file, "views")).get<std::vector<std::string>>();
  tokens.classes = std::stoll(metadata_of(file, "classes"));
  tokens.train_ids_VMN = file.at("train_ids");
  tokens.validation_ids_VMN = file.at("validation_ids");
  tokens.train_labels_M = file.at("train_labels");
  tokens.validation_labels_M = file.at("validation_labels");
  for (const auto* ids : {&tokens.train_ids_VMN, &tokens.validation_ids_VMN}) {
    if (ids->dim() != 3 || ids->size(2) != tokens.layout.length())
      throw Error(ExitCode::run_failed, fmt::format("{}: ids of shape {}, expected [views, images, {}]", file.path.string(),
                                                    c10::str(ids->sizes()), tokens.layout.length()));
    for (size_t plane = 0; plane < tokens.layout.planes().size(); ++plane) {
      auto part = ids->narrow(2, tokens.layout.offset(static_cast<int64_t>(plane)), tokens.layout.planes()[plane].positions());
      if (part.numel() > 0 && (part.min().item<int64_t>() < 0 || part.max().item<int64_t>() >= tokens.layout.planes()[plane].vocabulary))
        throw Error(ExitCode::run_failed,
                    fmt::format("{}: ids from {} to {} in plane {}, expected [0, {})", file.path.string(), part.min().item<int64_t>(),
                                part.max().item<int64_t>(), plane, tokens.layout.planes()[plane].vocabulary));
    }
  }
  return tokens;
}

}  // namespace tessera
