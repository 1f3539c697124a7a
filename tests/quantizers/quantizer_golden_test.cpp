// Our quantizers against vector-quantize-pytorch: golden/make_golden.py says how the numbers were made and which conventions
// differ on purpose.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstring>
#include <fstream>

#include "core/hash.hpp"
#include "core/safetensors.hpp"
#include "tests/conformance/plugin_files.hpp"

namespace tessera {
namespace {

const std::filesystem::path kGolden = std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/quantizers/golden";

class Golden {
 public:
  explicit Golden(const std::string& name) : file_(kGolden / (name + ".safetensors")) {}
  at::Tensor operator[](const std::string& name) const {
    auto view = file_.at(name);
    auto out = torch::empty(view.shape, view.dtype == "I64" ? torch::kLong : torch::kFloat);
    std::memcpy(out.data_ptr(), view.data, view.bytes);
    return out;
  }

 private:
  SafetensorsFile file_;
};

Subject plugin(const std::string& id) {
  // Kept for good: a plugin holds on to its host.
  static std::vector<Subject> subjects = built_plugins("quantizers");
  for (auto& subject : subjects)
    if (subject.name == id) return subject;
  throw std::runtime_error("no quantizer " + id);
}

void expect_close(const at::Tensor& found, const at::Tensor& expected, const std::string& what, double tolerance = 2e-6) {
  ASSERT_EQ(found.sizes(), expected.sizes()) << what;
  EXPECT_LE((found - expected).abs().max().item<double>(), tolerance) << what;
}

TEST(QuantizerGolden, FilesAreTheOnesTheGeneratorWrote) {
  std::ifstream sums(kGolden / "SHA256SUMS");
  std::string sum, name;
  int count = 0;
  for (; sums >> sum >> name; ++count) EXPECT_EQ(sha256_file(kGolden / name), sum) << name;
  EXPECT_EQ(count, 7);
}

// Five training steps of moving averages: ids, values, loss, gradient of z, then codebook, counts and sums.
void follow_vq(const std::string& distance) {
  Golden golden("vq_" + distance);
  auto subject = plugin("vq");
  subject.values.set("codes", int64_t{16});
  subject.values.set("distance", distance);
  subject.values.set("decay", 0.9);
  subject.values.set("revival", false);
  auto vq = make<Quantizer>(subject, {{5, 2, 8, true}});
  auto state = vq->named_buffers();
  {
    torch::NoGradGuard no_grad;
    for (auto name : {"codebook", "count", "sum"}) state[name].copy_(golden[std::string("start.") + name]);
  }
  vq->train();
  for (int64_t step = 0; step < 5; ++step) {
    auto at = [&](const char* name) { return golden[std::to_string(step) + "." + name]; };
    auto where = distance + " step " + std::to_string(step) + " ";
    auto z = at("z").requires_grad_();
    StepContext context{step, 5, Noise(0, "golden").at(step)};
    auto out = vq->quantize(z, context);
    (out.loss + (out.zq_BND * at("weight")).sum()).backward();
    vq->after_step(context);
    EXPECT_TRUE(torch::equal(out.ids_BN, at("ids"))) << where << "ids";
    expect_close(out.zq_BND, at("quantized"), where + "quantized");
    expect_close(out.loss, at("loss"), where + "loss");
    expect_close(z.grad(), at("gradient"), where + "gradient");
    for (auto name : {"codebook", "count", "sum"}) expect_close(state[name], at(name), where + name, 1e-5);
  }
}

TEST(QuantizerGolden, VqEuclideanMovingAverages) { follow_vq("euclidean"); }
TEST(QuantizerGolden, VqCosineMovingAverages) { follow_vq("cosine"); }

void compare_fsq(const std::string& file, std::vector<int64_t> levels, bool symmetric) {
  Golden golden(file);
  auto subject = plugin("fsq");
  subject.values.set("levels", levels);
  subject.values.set("symmetric", symmetric);
  auto fsq = make<Quantizer>(subject, {{50, 1, static_cast<int64_t>(levels.size()), true}});
  auto z = golden["z"].requires_grad_();
  auto out = fsq->quantize(z, {0, 1, Noise(0, "golden")});
  (out.zq_BND * golden["weight"]).sum().backward();
  EXPECT_TRUE(torch::equal(out.ids_BN, golden["ids"])) << file;
  expect_close(out.zq_BND, golden["quantized"], file + " quantized");
  expect_close(z.grad(), golden["gradient"], file + " gradient");
  expect_close(fsq->lookup(golden["ids"]), golden["quantized"], file + " lookup");
}

TEST(QuantizerGolden, Fsq) {
  compare_fsq("fsq_8_6_5", {8, 6, 5}, false);
  compare_fsq("fsq_8_5_5_5", {8, 5, 5, 5}, false);
  compare_fsq("fsq_7_4_3", {7, 4, 3}, false);
}
TEST(QuantizerGolden, FsqSymmetric) { compare_fsq("fsq_2_3_4_symmetric", {2, 3, 4}, true); }

TEST(QuantizerGolden, FsqProjected) {
  Golden golden("fsq_projected");
  auto fsq = make<Quantizer>(plugin("fsq"), {{20, 1, 16, true}});
  {
    torch::NoGradGuard no_grad;
    for (auto& parameter : fsq->named_parameters()) parameter.value().copy_(golden[parameter.key()]);
  }
  auto z = golden["z"].requires_grad_();
  auto out = fsq->quantize(z, {0, 1, Noise(0, "golden")});
  out.zq_BND.sum().backward();
  EXPECT_TRUE(torch::equal(out.ids_BN, golden["ids"]));
  expect_close(out.zq_BND, golden["quantized"], "quantized");
  expect_close(z.grad(), golden["gradient"], "gradient");
}

// The lowest and the highest level for each number of levels, reached at the ends and passed in order.
TEST(QuantizerGolden, FsqLevelsOfAChannel) {
  const std::map<int64_t, std::pair<double, double>> ends{{8, {-4, 3}}, {7, {-3, 3}}, {6, {-3, 2}}, {5, {-2, 2}},
                                                          {4, {-2, 1}}, {3, {-1, 1}}, {2, {-1, 0}}};
  for (const auto& [levels, range] : ends) {
    auto subject = plugin("fsq");
    subject.values.set("levels", std::vector<int64_t>{levels});
    auto fsq = make<Quantizer>(subject, {{1, 1, 1, true}});
    auto z = torch::linspace(-8, 8, 4001).view({-1, 1, 1});
    auto out = fsq->quantize(z, {0, 1, Noise(0, "golden")});
    auto level = out.zq_BND.flatten() * static_cast<double>(levels / 2);
    EXPECT_FLOAT_EQ(level.min().item<float>(), static_cast<float>(range.first)) << levels;
    EXPECT_FLOAT_EQ(level.max().item<float>(), static_cast<float>(range.second)) << levels;
    EXPECT_TRUE((out.ids_BN.flatten().diff() >= 0).all().item<bool>()) << levels;
    EXPECT_EQ(std::get<0>(at::_unique(out.ids_BN)).numel(), levels);
  }
}

}  // namespace
}  // namespace tessera
