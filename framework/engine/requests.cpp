#include "engine/requests.hpp"

#include <fmt/format.h>

#include "tessera/noise.hpp"

namespace tessera {

namespace {

bool half_known(const std::string& request, const Plane& plane, const Place& place) {
  if (request == "top_half") return place.row < plane.height / 2;
  if (request == "bottom_half") return place.row >= plane.height / 2;
  if (request == "left_half") return place.column < plane.width / 2;
  if (request == "right_half") return place.column >= plane.width / 2;
  bool middle_row = place.row >= plane.height / 4 && place.row < plane.height - plane.height / 4;
  bool middle_column = place.column >= plane.width / 4 && place.column < plane.width - plane.width / 4;
  return !(middle_row && middle_column);  // border
}

}  // namespace

at::Tensor known_mask_N(const std::string& request, const TokenLayout& layout, uint64_t seed) {
  int64_t length = layout.length();
  auto known_N = torch::zeros({length}, torch::kBool);
  if (request == "free") return known_N;
  if (request.rfind("random:", 0) == 0) {
    size_t used = 0;
    double fraction = -1;
    try {
      fraction = std::stod(request.substr(7), &used);
    } catch (const std::exception&) {
    }
    if (used != request.size() - 7 || !(fraction >= 0 && fraction <= 1))
      throw std::invalid_argument(fmt::format("found '{}', expected random:F with F from 0 to 1", request));
    auto order = Noise(seed, "request").permutation(length, "known");
    known_N.index_fill_(0, order.slice(0, 0, static_cast<int64_t>(fraction * static_cast<double>(length) + 1e-9)), true);
    return known_N;
  }
  if (request.rfind("cells:", 0) == 0) {
    auto cells = request.substr(6);
    if (static_cast<int64_t>(cells.size()) != length || cells.find_first_not_of("01") != std::string::npos)
      throw std::invalid_argument(fmt::format("found '{}', expected cells: and {} digits 0 or 1", request, length));
    for (int64_t i = 0; i < length; ++i) known_N[i] = cells[static_cast<size_t>(i)] == '1';
    return known_N;
  }
  bool named =
      request == "top_half" || request == "bottom_half" || request == "left_half" || request == "right_half" || request == "border";
  if (!named)
    throw std::invalid_argument(
        fmt::format("found '{}', expected free, top_half, bottom_half, left_half, right_half, border, random:F or cells:0101…", request));
  if (!layout.spatial())
    throw std::invalid_argument(fmt::format("found '{}', expected free, random:F or cells:…: these tokens have no places", request));
  for (int64_t position = 0; position < length; ++position) {
    auto place = layout.place(position);
    known_N[position] = half_known(request, layout.planes()[static_cast<size_t>(place.plane)], place);
  }
  return known_N;
}

at::Tensor sample_labels(const std::vector<std::string>& labels, const at::Tensor& train_labels_M, int64_t classes,
                         const at::Tensor& sample_B, uint64_t seed) {
  auto out = torch::full({sample_B.size(0)}, -1, torch::kLong);
  if (labels.empty()) throw std::invalid_argument("found an empty list, expected train, null or class numbers");
  if (classes == 0 && (labels[0] == "train" || labels[0] == "null")) return out;
  for (int64_t row = 0; row < sample_B.size(0); ++row) {
    int64_t sample = sample_B[row].item<int64_t>();
    const auto& label = labels[static_cast<size_t>(sample) % labels.size()];
    if (label == "null") continue;
    if (label == "train") {
      auto draw = Noise(seed, "label").at(sample).bits("train row") % static_cast<uint64_t>(train_labels_M.size(0));
      out[row] = train_labels_M[static_cast<int64_t>(draw)];
      continue;
    }
    bool number = !label.empty() && label.size() < 10 && label.find_first_not_of("0123456789") == std::string::npos;
    if (!number || std::stoll(label) >= classes)
      throw std::invalid_argument(fmt::format("found '{}', expected train, null or a class number below {}", label, classes));
    out[row] = std::stoll(label);
  }
  return out;
}

at::Tensor drop_labels(const at::Tensor& label_B, double probability, const Noise& noise) {
  return label_B.masked_fill(noise.uniform({label_B.size(0)}, "label dropout") < probability, -1);
}

}  // namespace tessera
