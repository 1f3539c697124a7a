// The list of declarations: complete, unique, and exactly what the measure functions answer.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <set>

#include "core/files.hpp"
#include "metrics/metric.hpp"
#include "tessera/noise.hpp"

namespace tessera {
namespace {

const TokenLayout kLayout({Plane{4, 4, 40, true}, Plane{1, 3, 8, false}});

at::Tensor random_images(int64_t count, uint64_t seed) {
  return Noise(seed, "test").uniform({count, 3, 16, 16}, "images").mul(256).to(at::kByte);
}
at::Tensor random_ids(int64_t count, uint64_t seed) {
  const at::Tensor u = Noise(seed, "test").uniform({count, kLayout.length()}, "ids");
  return at::cat({u.slice(1, 0, 16) * 40, u.slice(1, 16) * 8}, 1).to(at::kLong);
}
ReferenceEvidence reference() {
  return {random_images(30, 1),
          random_images(12, 2),
          random_ids(30, 1),
          random_ids(12, 2),
          kLayout,
          {Noise(9, "test").normal({40, 5}, "codes"), at::Tensor()}};
}

std::map<std::string, Score> by_id(const std::vector<Score>& scores, const std::string& subject) {
  std::map<std::string, Score> result;
  for (const Score& score : scores) {
    EXPECT_TRUE(result.emplace(score.id, score).second) << score.id << " twice";
    const MetricDeclaration& declaration = metric_declaration(subject, score.id);
    EXPECT_EQ(declaration.axis == "sample", score.sample_M.defined()) << score.id;
  }
  return result;
}
std::set<std::string> declared(const std::string& subject) {
  std::set<std::string> ids;
  for (const auto& declaration : metric_declarations()) {
    if (declaration.subject == subject) ids.insert(declaration.id);
  }
  return ids;
}
std::set<std::string> ids_of(const std::map<std::string, Score>& scores) {
  std::set<std::string> ids;
  for (const auto& [id, score] : scores) ids.insert(id);
  return ids;
}

TEST(MetricDeclarations, AreWellFormed) {
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& d : metric_declarations()) {
    EXPECT_TRUE(seen.insert({d.subject, d.id}).second) << d.subject << " " << d.id << " is declared twice";
    EXPECT_GE(d.revision, 1) << d.id;
    EXPECT_TRUE(d.axis == "step" || d.axis == "sample") << d.id;
    EXPECT_TRUE(d.goal == "min" || d.goal == "max" || d.goal == "none") << d.id;
    EXPECT_FALSE(d.definition.empty()) << d.id;
    EXPECT_EQ(d.definition.back(), '.') << d.id;
    EXPECT_EQ(d.timing, d.id == "seconds_per_image") << d.id;
  }
}

// A metric's file that the list forgot would be dead code: every header that offers a metric is in it.
TEST(MetricDeclarations, ListEveryMetricFile) {
  const std::filesystem::path folder = std::string(TESSERA_SOURCE_DIR) + "/framework/metrics";
  const std::string list = read_file(folder / "metric.cpp");
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".hpp") continue;
    const std::string text = read_file(entry.path());
    for (size_t at = text.find("_metric();"); at != std::string::npos; at = text.find("_metric();", at + 1)) {
      const size_t begin = text.rfind(' ', at) + 1;
      const std::string call = text.substr(begin, at - begin) + "_metric()";
      EXPECT_NE(list.find(call), std::string::npos) << call << " of " << entry.path().filename() << " is not listed";
      found++;
    }
  }
  EXPECT_GE(found, 15);
}

TEST(Measure, AnswersEveryDeclaredTokenizerMetric) {
  const at::Tensor images = random_images(12, 2);
  const at::Tensor x = images.to(at::kFloat).div(127.5).sub(1);
  const auto scores = by_id(measure_tokenizer({images, x, random_ids(12, 2), kLayout}), "tokenizer");
  EXPECT_EQ(ids_of(scores), declared("tokenizer"));
  EXPECT_DOUBLE_EQ(scores.at("psnr").value, 100);
  EXPECT_NEAR(scores.at("ssim").value, 1, 1e-6);
  EXPECT_EQ(scores.at("images").value, 12);
  EXPECT_EQ(scores.at("psnr_sample").sample_M.size(0), 12);
}

TEST(Measure, LeavesOutSsimOfImagesSmallerThanItsWindow) {
  const at::Tensor images = random_images(3, 2).slice(2, 0, 8);
  const auto scores = by_id(measure_tokenizer({images, images.to(at::kFloat).div(127.5).sub(1), random_ids(3, 2), kLayout}), "tokenizer");
  EXPECT_EQ(scores.count("ssim"), 0u);
  EXPECT_EQ(scores.count("psnr"), 1u);
}

TEST(Measure, AnswersEveryDeclaredPriorMetric) {
  const at::Tensor nats_M = Noise(1, "test").uniform({12}, "nats").to(at::kDouble).add(50);
  PriorEvidence evidence{nats_M, nats_M.slice(0, 0, 5), nats_M.slice(0, 0, 4), random_ids(30, 1), random_ids(12, 2), kLayout};
  const auto scores = by_id(measure_prior(evidence), "prior");
  EXPECT_EQ(ids_of(scores), declared("prior"));
  EXPECT_EQ(scores.at("scan_line_sequences").value, 4);
  evidence.scan_line_nats_M = at::Tensor();
  EXPECT_EQ(by_id(measure_prior(evidence), "prior").count("bits_per_token_scan_line"), 0u);
}

TEST(Measure, AnswersEveryDeclaredSamplesMetric) {
  SamplesEvidence samples{random_images(10, 3), random_ids(10, 3), {120, 2400}, 3.0, 2, 12};
  const auto scores = by_id(measure_samples(samples, reference()), "samples");
  auto expected = declared("samples");
  for (const char* id : {"completion_l1", "completion_l1_sample"}) expected.erase(id);  // of completions
  EXPECT_EQ(ids_of(scores), expected);
  EXPECT_EQ(scores.at("evaluations").value, 60);
  EXPECT_EQ(scores.at("token_forwards").value, 200);
  EXPECT_EQ(scores.at("seconds_per_image").value, 0.25);
  EXPECT_EQ(scores.at("train_references").value, 30);
}

// Copies of train images are found whatever the sizes of train and validation are.
TEST(Measure, FindsMemorisedSamples) {
  const auto known = reference();
  SamplesEvidence copies{known.train_images_MCHW.slice(0, 0, 10), random_ids(10, 3), {}, 0, 0, 0};
  EXPECT_EQ(by_id(measure_samples(copies, known), "samples").at("closer_to_train").value, 1);
  SamplesEvidence fresh{random_images(10, 3), random_ids(10, 3), {}, 0, 0, 0};
  EXPECT_LT(by_id(measure_samples(fresh, known), "samples").at("closer_to_train").value, 0.95);
}

// What parts of validation images are in must not be compared with them.
TEST(Measure, LeavesValidationOutOfCompletions) {
  SamplesEvidence samples{random_images(10, 3), random_ids(10, 3), {}, 0, 0, 0};
  samples.originals_MCHW = reference().validation_images_MCHW.slice(0, 0, 10);
  const auto scores = by_id(measure_samples(samples, reference()), "samples");
  for (const char* id :
       {"frechet_random_features", "precision_random_features", "nearest_validation_pixels", "coarse_bigram_tv", "unigram_tv"})
    EXPECT_EQ(scores.count(id), 0u) << id;
  EXPECT_EQ(scores.count("closer_to_train"), 1u);
  EXPECT_NEAR(scores.at("completion_l1").value, 1.0 / 3, 0.02) << "of independent uniform pixels";
  samples.images_MCHW = samples.originals_MCHW;
  EXPECT_EQ(by_id(measure_samples(samples, reference()), "samples").at("completion_l1").value, 0);
}

TEST(Measure, GivesCostWithoutReference) {
  const auto scores = by_id(measure_cost({{}, {}, {120, 2400}, 3.0, 2, 12}), "samples");
  EXPECT_EQ(ids_of(scores), (std::set<std::string>{"evaluations", "token_forwards", "seconds_per_image"}));
  EXPECT_TRUE(measure_cost({}).empty()) << "not measured";
}

TEST(Measure, AnswersEveryDeclaredCalibrationMetric) {
  const auto r = reference();
  const auto rows = calibration_rows(r, 8);
  const auto scores = by_id(measure_calibration(rows, random_images(8, 4), random_images(8, 5), r), "calibration");
  EXPECT_EQ(ids_of(scores), declared("calibration"));
  EXPECT_NE(scores.count("shuffled.frechet_random_features"), 0u);
}

TEST(Calibration, ShufflesEachRowWithinItsPlanes) {
  const auto r = reference();
  const auto rows = calibration_rows(r, 8);
  EXPECT_TRUE(rows.ids_MN.equal(r.train_ids_MN.index_select(0, rows.index_M)));
  EXPECT_FALSE(rows.ids_MN.equal(rows.shuffled_ids_MN));
  for (const auto& [begin, end] : {std::pair(0, 16), std::pair(16, 19)}) {
    EXPECT_TRUE(
        std::get<0>(rows.ids_MN.slice(1, begin, end).sort(1)).equal(std::get<0>(rows.shuffled_ids_MN.slice(1, begin, end).sort(1))));
  }
  EXPECT_TRUE(calibration_rows(r, 8).shuffled_ids_MN.equal(rows.shuffled_ids_MN)) << "drawn by a fixed seed";
  // Fewer rows are a prefix of more.
  EXPECT_TRUE(calibration_rows(r, 4).shuffled_ids_MN.equal(rows.shuffled_ids_MN.slice(0, 0, 4)));
}

TEST(Measure, ChangesNoGlobalState) {
  torch::manual_seed(5);
  const at::Tensor before = at::rand({4});
  torch::manual_seed(5);
  const int threads = at::get_num_threads();
  measure_samples({random_images(10, 3), random_ids(10, 3), {}, 0, 0, 0}, reference());
  EXPECT_TRUE(at::rand({4}).equal(before));
  EXPECT_EQ(at::get_num_threads(), threads);
  EXPECT_TRUE(at::GradMode::is_enabled());
}

}  // namespace
}  // namespace tessera
