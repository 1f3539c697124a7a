// Heat maps of commit steps. Colours are viridis' (Nathaniel Smith and Stefan van der Walt, CC0): even in lightness, so that they can be
// read without colour too.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "experiment/pictures/bitmap_font.hpp"
#include "experiment/pictures/trace.hpp"

namespace tessera {
namespace {

using Colour = std::array<uint8_t, 3>;
constexpr Colour kViridis[] = {{68, 1, 84},    {71, 44, 122}, {59, 81, 139},  {44, 113, 142}, {33, 144, 141},
                               {39, 173, 129}, {92, 200, 99}, {170, 220, 50}, {253, 231, 37}};
constexpr Colour kKnown = {200, 200, 200};
constexpr int64_t kSpace = 12, kLine = kGlyphHeight + 4, kLegendWidth = 256, kLegendHeight = 14;
constexpr int64_t kMeanSide = 192, kSampleSide = 72, kShownSamples = 8, kPerRow = 4;

Colour colour_of(double step, int64_t steps) {
  if (!(step >= 0)) return kKnown;
  const double place = steps > 1 ? std::clamp(step / static_cast<double>(steps - 1), 0.0, 1.0) * (std::size(kViridis) - 1) : 0;
  const auto low = std::min<size_t>(static_cast<size_t>(place), std::size(kViridis) - 2);
  Colour mixed{};
  for (size_t c = 0; c < 3; ++c)
    mixed[c] = static_cast<uint8_t>(
        std::lround(kViridis[low][c] + (kViridis[low + 1][c] - kViridis[low][c]) * (place - static_cast<double>(low))));
  return mixed;
}

void fill(Image8& canvas, int64_t top, int64_t left, int64_t height, int64_t width, const Colour& colour) {
  for (int64_t y = top; y < std::min(top + height, canvas.height); ++y)
    for (int64_t x = left; x < std::min(left + width, canvas.width); ++x)
      std::copy(colour.begin(), colour.end(), canvas.pixels.begin() + static_cast<std::ptrdiff_t>((y * canvas.width + x) * 3));
}

// Pixels a position, so that the longer side is about `side`.
int64_t scale_of(const TracePlane& plane, int64_t side) {
  return std::max<int64_t>(1, side / std::max<int64_t>({1, plane.height, plane.width}));
}

template <class Steps>
void draw_map(Image8& canvas, int64_t top, int64_t left, const TracePlane& plane, const Steps& steps_N, int64_t steps, int64_t scale) {
  for (int64_t y = 0; y < plane.height; ++y)
    for (int64_t x = 0; x < plane.width; ++x)
      fill(canvas, top + y * scale, left + x * scale, scale, scale,
           colour_of(static_cast<double>(steps_N[static_cast<size_t>(plane.begin + y * plane.width + x)]), steps));
}

struct PlaneRoom {
  int64_t mean_scale, sample_scale, shown, sample_rows, height, width;
};

PlaneRoom room_for(const TracePlane& plane, size_t samples) {
  PlaneRoom room{};
  room.mean_scale = scale_of(plane, kMeanSide), room.sample_scale = scale_of(plane, kSampleSide);
  room.shown = std::min<int64_t>(kShownSamples, static_cast<int64_t>(samples));
  room.sample_rows = (room.shown + kPerRow - 1) / kPerRow;
  const int64_t mean_height = plane.height * room.mean_scale;
  const int64_t samples_height = room.sample_rows * (plane.height * room.sample_scale + kLine + 4);
  room.height = kLine + std::max(mean_height, samples_height);
  room.width = plane.width * room.mean_scale + kSpace +
               std::min(room.shown, kPerRow) * (std::max(plane.width * room.sample_scale, 3 * kGlyphWidth) + kSpace);
  return room;
}

void draw_plane(Image8& canvas, int64_t top, const Trace& trace, size_t index, const std::vector<double>& mean_N) {
  const auto& plane = trace.planes[index];
  const auto room = room_for(plane, trace.samples.size());
  const int64_t steps = trace.steps();
  const auto title = fmt::format(
      "{}{}x{}: mean over {} samples; samples {} to {}", trace.planes.size() > 1 ? fmt::format("plane {}, ", index) : "", plane.height,
      plane.width, trace.samples.size(), trace.samples.front().index, trace.samples[static_cast<size_t>(room.shown - 1)].index);
  draw_text(canvas, top, kSpace, title);
  top += kLine;
  draw_map(canvas, top, kSpace, plane, mean_N, steps, room.mean_scale);
  const int64_t left = kSpace + plane.width * room.mean_scale + kSpace;
  const int64_t column = std::max(plane.width * room.sample_scale, 3 * kGlyphWidth) + kSpace,
                row = plane.height * room.sample_scale + kLine + 4;
  for (int64_t i = 0; i < room.shown; ++i) {
    const auto& sample = trace.samples[static_cast<size_t>(i)];
    const int64_t y = top + i / kPerRow * row, x = left + i % kPerRow * column;
    draw_map(canvas, y, x, plane, sample.commit_step_N, steps, room.sample_scale);
    draw_text(canvas, y + plane.height * room.sample_scale + 2, x, std::to_string(sample.index));
  }
}

void draw_legend(Image8& canvas, int64_t top, const Trace& trace, bool known) {
  const int64_t steps = trace.steps();
  for (int64_t x = 0; x < kLegendWidth; ++x)
    fill(canvas, top, kSpace + x, kLegendHeight, 1,
         colour_of(static_cast<double>(x) / (kLegendWidth - 1) * static_cast<double>(std::max<int64_t>(steps - 1, 0)), steps));
  draw_text(canvas, top + kLegendHeight + 3, kSpace, "step 0");
  const auto last = std::to_string(steps - 1);
  draw_text(canvas, top + kLegendHeight + 3, kSpace + kLegendWidth - static_cast<int64_t>(last.size()) * kGlyphWidth, last);
  if (!known) return;
  fill(canvas, top, 2 * kSpace + kLegendWidth, kLegendHeight, kLegendHeight, kKnown);
  draw_text(canvas, top, 2 * kSpace + kLegendWidth + kLegendHeight + 6, "known");
}

}  // namespace

Image8 draw_trace(const Trace& trace) {
  const auto mean_N = trace.mean_step_N();
  const bool known = std::any_of(mean_N.begin(), mean_N.end(), [](double step) { return std::isnan(step); });
  const auto title = fmt::format("{} {}", trace.trial, trace.request);
  int64_t width = kLegendWidth + 100, height = kSpace + kLine + kSpace;
  width = std::max(width, static_cast<int64_t>(title.size()) * kGlyphWidth);
  for (const auto& plane : trace.planes) {
    const auto room = room_for(plane, trace.samples.size());
    width = std::max(width, room.width), height += room.height + kSpace;
  }
  height += kLegendHeight + 3 + kLine;
  Image8 canvas{height, std::max<int64_t>(width, 330) + 2 * kSpace, 3, {}};
  canvas.pixels.assign(static_cast<size_t>(canvas.height * canvas.width * 3), 236);
  draw_text(canvas, kSpace, kSpace, title);
  int64_t top = kSpace + kLine + kSpace / 2;
  for (size_t i = 0; i < trace.planes.size(); ++i) {
    draw_plane(canvas, top, trace, i, mean_N);
    top += room_for(trace.planes[i], trace.samples.size()).height + kSpace;
  }
  draw_legend(canvas, top, trace, known);
  return canvas;
}

}  // namespace tessera
