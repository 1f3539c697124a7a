#include "experiment/pictures/picture_grid.hpp"

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.hpp"
#include "core/png.hpp"
#include "core/safetensors.hpp"
#include "core/stage_folder.hpp"
#include "experiment/compare/comparison.hpp"
#include "experiment/pictures/bitmap_font.hpp"
#include "experiment/trials/subject.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

constexpr int64_t kGap = 3, kLeastTile = 64, kTextScale = 2;
constexpr const char* kSamplesSlot = "samples.";
constexpr int64_t kSpread = 64;

struct Row {
  std::string label;
  std::vector<Image8> images;
  bool begins_group = false;
};

struct NamedStage {
  std::string cell, slot, kind, key;
  int64_t noise_seed = -1;  // of samples; -1: not on record
};

// The first images of an array n × C × H × W of bytes; grey ones become RGB.
std::vector<Image8> images_of(const fs::path& file, const char* name, int64_t columns) {
  const SafetensorsFile arrays(file);
  const ArrayView view = arrays.at(name);
  if (view.dtype != "U8" || view.shape.size() != 4 || (view.shape[1] != 1 && view.shape[1] != 3))
    throw Error(ExitCode::run_failed, fmt::format("{}: {}: found {} of {} axes, expected U8 of n × 3 × height × width", file.string(), name,
                                                  view.dtype, view.shape.size()));
  const int64_t channels = view.shape[1], height = view.shape[2], width = view.shape[3], plane = height * width;
  std::vector<Image8> images;
  for (int64_t n = 0; n < std::min(columns, view.shape[0]); ++n) {
    Image8 image{height, width, 3, std::vector<uint8_t>(static_cast<size_t>(plane * 3))};
    const auto* from = static_cast<const uint8_t*>(view.data) + n * channels * plane;
    for (int64_t c = 0; c < 3; ++c)
      for (int64_t i = 0; i < plane; ++i) image.pixels[static_cast<size_t>(i * 3 + c)] = from[(channels == 3 ? c : 0) * plane + i];
    images.push_back(std::move(image));
  }
  return images;
}

// Of the experiment's current trials at the seed, or of one trial; `named` puts the experiment before the cell.
std::vector<NamedStage> stages_at(SQLite::Database& database, const std::string& experiment, const std::optional<int64_t>& trial,
                                  int64_t seed, bool named) {
  SQLite::Statement row(
      database,
      "SELECT CASE WHEN ?3 IS NULL THEN t.cell WHEN ?4 THEN t.trial ELSE t.experiment || '/' || t.cell END, x.slot, s.kind, s.key, "
      "coalesce((SELECT noise_seed FROM sample a WHERE a.stage = s.id LIMIT 1), -1) FROM v_trial t JOIN v_cell c ON c.experiment = "
      "t.experiment AND c.cell_hash = t.cell_hash "
      "JOIN trial_stage x ON x.trial = t.id JOIN stage s ON s.id = x.stage "
      "WHERE CASE WHEN ?4 THEN t.id = ?5 ELSE t.experiment = ?1 AND t.seed = ?2 AND t.current END AND s.published IS NOT NULL ORDER BY "
      "c.baseline DESC, c.position, x.slot");
  row.bind(1, experiment);
  row.bind(2, seed);
  if (named) row.bind(3, 1);
  row.bind(4, trial ? 1 : 0);
  if (trial) row.bind(5, *trial);
  std::vector<NamedStage> stages;
  while (row.executeStep())
    stages.push_back({row.getColumn(0).getString(), row.getColumn(1).getString(), row.getColumn(2).getString(),
                      row.getColumn(3).getString(), row.getColumn(4).getInt64()});
  return stages;
}

// What the words of a request name.
struct Shown {
  Subject subject;
  std::optional<int64_t> trial;  // its id
};

std::vector<Shown> shown_by(SQLite::Database& database, const GridRequest& request) {
  std::vector<std::string> words = request.also;
  words.insert(words.begin(), request.experiment);
  std::vector<Shown> shown;
  // One word alone that is no trial is an experiment: that is what its error says.
  for (const auto& word : words) {
    Subject subject;
    if (words.size() == 1 && word.find('/') == std::string::npos) {
      subject.kind = Subject::experiment;
      subject.experiment_name = subject.name = find_ledger_experiment(database, word);
    } else {
      subject = find_subject(database, "grid", word, {Subject::trial, Subject::experiment});
    }
    shown.push_back({subject, subject.kind == Subject::trial ? std::optional<int64_t>(subject.id) : std::nullopt});
  }
  return shown;
}

// Rows at another noise seed than the first row's are told: their draws are not the same.
void note_noise_seeds(const std::vector<NamedStage>& stages, PictureGrid& grid) {
  const NamedStage* first = nullptr;
  for (const auto& stage : stages) {
    if (stage.kind != "samples" || stage.noise_seed < 0) continue;
    if (!first) first = &stage;
    if (stage.noise_seed == first->noise_seed) continue;
    grid.notes.push_back(fmt::format("{} drew its samples at noise seed {}, {} at {}: columns are not the same noise", stage.cell,
                                     stage.noise_seed, first->cell, first->noise_seed));
    return;
  }
}

int64_t first_seed(SQLite::Database& database, const std::string& experiment) {
  SQLite::Statement row(database,
                        "SELECT min(t.seed) FROM v_trial t JOIN trial_stage x ON x.trial = t.id JOIN stage s ON s.id = x.stage "
                        "WHERE t.experiment = ? AND t.current AND s.kind = 'samples' AND s.published IS NOT NULL");
  row.bind(1, experiment);
  row.executeStep();
  if (row.isColumnNull(0)) throw Error(ExitCode::run_failed, fmt::format("grid: {} has no published samples yet", experiment));
  return row.getColumn(0).getInt64();
}

class GridRows {
 public:
  GridRows(SQLite::Database& database, fs::path results, int64_t columns)
      : database_(database), results_(std::move(results)), columns_(columns) {}

  // Rows of one kind, a row a distinct stage, named by the arms that share it where they are not all of them.
  void add(const std::vector<NamedStage>& stages, const std::string& title, const char* file, const char* array, bool by_arm) {
    std::vector<std::pair<NamedStage, std::vector<std::string>>> distinct;
    for (const auto& stage : stages) {
      auto same = std::find_if(distinct.begin(), distinct.end(), [&](const auto& one) { return one.first.key == stage.key; });
      if (same == distinct.end()) same = distinct.insert(distinct.end(), {stage, {}});
      same->second.push_back(stage.cell);
    }
    bool first = true;
    for (const auto& [stage, cells] : distinct) {
      const std::string arms = fmt::format("{}", fmt::join(cells, " = "));
      const std::string label = !by_arm && distinct.size() == 1 ? title : fmt::format("{}, {}", arms, title);
      try {
        rows.push_back({label, images_of(StageFolder(results_, stage.kind, stage.key).output(file), array, columns_), first});
        first = false;
      } catch (const Error& error) {
        if (!StageFolder(results_, stage.kind, stage.key).hollow()) {
          notes.push_back(fmt::format("{}: {}", label, error.what()));
          continue;
        }
        auto previews = previews_of(stage.key);
        notes.push_back(fmt::format("{}: its output files were removed to save space{}", label,
                                    previews.empty() ? "" : fmt::format("; the ledger has the first {}", previews.size())));
        if (previews.empty()) continue;
        rows.push_back({label, std::move(previews), first});
        first = false;
      }
    }
  }

  std::vector<Row> rows;
  std::vector<std::string> notes;

 private:
  // What the ledger keeps of samples: the first ones, as they are.
  std::vector<Image8> previews_of(const std::string& key) const {
    SQLite::Statement row(
        database_, "SELECT a.idx, a.png FROM sample a JOIN stage s ON s.id = a.stage WHERE s.key = ? AND a.png IS NOT NULL ORDER BY a.idx");
    row.bind(1, key);
    std::vector<Image8> images;
    while (row.executeStep() && row.getColumn(0).getInt64() == static_cast<int64_t>(images.size())) {
      const auto png = row.getColumn(1);
      images.push_back(to_rgb_on_white(decode_png({static_cast<const char*>(png.getBlob()), static_cast<size_t>(png.getBytes())})));
    }
    return images;
  }

  SQLite::Database& database_;
  fs::path results_;
  int64_t columns_;
};

// Leaves `columns` images a row, evenly spread over those that all rows have: a data set's first images are often relatives.
void spread(std::vector<Row>& rows, size_t columns) {
  size_t common = static_cast<size_t>(kSpread);
  for (const auto& row : rows) common = std::min(common, row.images.size());
  const size_t stride = std::max<size_t>(1, common / columns);
  for (auto& row : rows) {
    std::vector<Image8> kept;
    for (size_t i = 0; i < row.images.size() && kept.size() < columns; i += stride) kept.push_back(std::move(row.images[i]));
    row.images = std::move(kept);
  }
}

// Pixels are repeated, never smoothed: what is shown is what was computed.
void place(Image8& canvas, const Image8& image, int64_t top, int64_t left, int64_t scale) {
  for (int64_t y = 0; y < image.height * scale; ++y)
    for (int64_t x = 0; x < image.width * scale; ++x)
      for (int64_t c = 0; c < 3; ++c)
        canvas.pixels[static_cast<size_t>(((top + y) * canvas.width + left + x) * 3 + c)] =
            image.pixels[static_cast<size_t>((y / scale * image.width + x / scale) * 3 + c)];
}

Image8 draw(const std::vector<Row>& rows) {
  int64_t tile_height = 0, tile_width = 0, columns = 0;
  size_t longest = 0;
  for (const auto& row : rows) {
    columns = std::max(columns, static_cast<int64_t>(row.images.size()));
    longest = std::max(longest, row.label.size());
    for (const auto& image : row.images) {
      tile_height = std::max(tile_height, image.height);
      tile_width = std::max(tile_width, image.width);
    }
  }
  const int64_t scale = std::max<int64_t>(1, (kLeastTile + tile_height - 1) / std::max<int64_t>(tile_height, 1));
  const int64_t row_height = std::max(tile_height * scale, kGlyphHeight * kTextScale) + kGap, column_width = tile_width * scale + kGap;
  const int64_t left = static_cast<int64_t>(longest) * kGlyphWidth * kTextScale + 4 * kGap;
  int64_t groups = 0;
  for (const auto& row : rows) groups += row.begins_group ? 1 : 0;
  Image8 canvas{2 * kGap + static_cast<int64_t>(rows.size()) * row_height + groups * 3 * kGap, left + columns * column_width + kGap, 3, {}};
  canvas.pixels.assign(static_cast<size_t>(canvas.height * canvas.width * 3), 236);
  int64_t top = kGap;
  for (const auto& row : rows) {
    if (row.begins_group) top += 3 * kGap;
    draw_text(canvas, top + (row_height - kGap - kGlyphHeight * kTextScale) / 2, 2 * kGap, row.label, kTextScale);
    for (size_t i = 0; i < row.images.size(); ++i) place(canvas, row.images[i], top, left + static_cast<int64_t>(i) * column_width, scale);
    top += row_height;
  }
  return canvas;
}

std::vector<NamedStage> of_slot(const std::vector<NamedStage>& stages, const std::string& slot) {
  std::vector<NamedStage> found;
  for (const auto& stage : stages)
    if (stage.slot == slot) found.push_back(stage);
  return found;
}

}  // namespace

PictureGrid draw_grid(SQLite::Database& database, const fs::path& results, const GridRequest& request) {
  const auto shown = shown_by(database, request);
  PictureGrid grid;
  grid.seed = request.seed.value_or(-1);
  for (const auto& one : shown)
    if (!request.seed && !one.trial) grid.seed = std::max(grid.seed, first_seed(database, one.subject.experiment_name));
  if (grid.seed < 0) grid.seed = shown[0].subject.seed.value_or(0);
  std::vector<NamedStage> stages;
  for (const auto& one : shown) {
    auto more = stages_at(database, one.subject.experiment_name, one.trial, grid.seed, shown.size() > 1);
    if (more.empty())
      throw Error(ExitCode::run_failed,
                  fmt::format("grid: {} has nothing to show at seed {}", one.subject.name, one.subject.seed.value_or(grid.seed)));
    stages.insert(stages.end(), more.begin(), more.end());
  }
  if (const auto& cells = request.cells; !cells.empty())
    stages.erase(std::remove_if(stages.begin(), stages.end(),
                                [&](const auto& stage) { return std::find(cells.begin(), cells.end(), stage.cell) == cells.end(); }),
                 stages.end());

  std::set<std::string> known;
  for (const auto& stage : stages)
    if (stage.kind == "samples") known.insert(stage.slot.substr(std::string(kSamplesSlot).size()));
  for (const auto& name : request.requests)
    if (!known.count(name))
      throw Error(ExitCode::bad_config, fmt::format("grid: found request '{}', expected one of those with samples at seed {}: {}", name,
                                                    grid.seed, fmt::join(known, ", ")));
  const std::vector<std::string> wanted =
      request.requests.empty() ? std::vector<std::string>(known.begin(), known.end()) : request.requests;

  GridRows rows(database, results, std::max<int64_t>(request.columns, kSpread));
  const auto evaluated = of_slot(stages, "evaluation.tokenizer");
  if (evaluated.empty())
    rows.add(of_slot(stages, "data"), "originals", "images.safetensors", "validation_images", false);
  else
    rows.add({evaluated[0]}, "originals", "reconstructions.safetensors", "originals", false);
  rows.add(evaluated, "reconstructions", "reconstructions.safetensors", "images", false);
  if (rows.rows.size() > 1) rows.rows[1].begins_group = false;
  for (const auto& name : wanted) rows.add(of_slot(stages, kSamplesSlot + name), name, "samples.safetensors", "images", true);
  grid.notes = rows.notes;
  note_noise_seeds(stages, grid);
  if (rows.rows.empty())
    throw Error(ExitCode::run_failed, fmt::format("grid: {} has nothing to show at seed {}{}", shown[0].subject.name, grid.seed,
                                                  grid.notes.empty() ? "" : ": " + grid.notes[0]));
  spread(rows.rows, static_cast<size_t>(request.columns));
  for (const auto& row : rows.rows) grid.rows.push_back(row.label);
  grid.image = draw(rows.rows);
  return grid;
}

}  // namespace tessera
