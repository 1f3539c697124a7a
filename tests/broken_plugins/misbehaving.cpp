// A quantizer whose misbehaviour is its file name: copied to wrong_shape.so it returns a wrong shape. Its descriptor is sound, so
// the probe lets it pass; what it does wrong is caught by the check (constructor) or by the run (quantize).
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <torch/torch.h>

#include <cstdio>
#include <cstdlib>

#include "tessera/plugin.hpp"

namespace tessera {
namespace {

std::string file_stem() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void*>(&file_stem), &info)) return "";
  std::string name = info.dli_fname;
  name = name.substr(name.rfind('/') + 1);
  return name.substr(0, name.rfind('.'));
}

bool is(const char* damage) {
  static const std::string name = file_stem();
  return name == damage;
}

void crash() {
  volatile int* nowhere = nullptr;
  *nowhere = 1;
}

// Sixteen codes by the sign of the first four channels: little to go wrong by itself.
class Misbehaving final : public Quantizer {
 public:
  struct Options {
    template <class Visitor>
    void visit(Visitor&) {}
  };

  Misbehaving(const Options&, const QuantizerSpec&, Host&) {
    if (is("crash_in_constructor")) crash();
    if (is("exit_in_constructor")) std::exit(0);
    if (is("exception_in_constructor")) throw 7;
    if (is("prints_in_constructor")) std::printf("hello\n");
    if (is("changes_dtype_in_constructor")) c10::set_default_dtype(caffe2::TypeMeta::Make<double>());
    while (is("endless_loop_in_constructor")) asm volatile("");
    scale_ = register_parameter("scale", torch::ones({1}));
  }

  TokenLayout layout(Grid latent) const override { return TokenLayout({{latent.height, latent.width, 16, latent.spatial}}); }

  Quantized quantize(const at::Tensor& z_BND, const StepContext&) override {
    misbehave();
    auto signs = (z_BND.slice(2, 0, 4) > 0).to(torch::kLong);
    auto powers = torch::pow(2, torch::arange(signs.size(2), torch::kLong)).to(z_BND.device());
    Quantized q;
    q.ids_BN = (signs * powers).sum(-1);
    q.zq_BND = z_BND + (lookup_depth(q.ids_BN, z_BND.size(2)) - z_BND).detach();
    if (is("wrong_shape")) q.ids_BN = q.ids_BN.slice(1, 1);
    if (is("wrong_dtype")) q.ids_BN = q.ids_BN.to(torch::kInt);
    if (is("ids_out_of_range")) q.ids_BN = q.ids_BN + 1;
    if (is("nan")) q.zq_BND = q.zq_BND * std::numeric_limits<float>::quiet_NaN();
    return q;
  }

  at::Tensor lookup(const at::Tensor& ids_BN, int64_t) override { return lookup_depth(ids_BN, depth_); }

 private:
  static void misbehave() {
    if (is("crash_in_forward")) crash();
    if (is("exit_in_forward")) std::exit(0);
    if (is("exception_in_forward")) throw 7;
    if (is("changes_generator")) torch::manual_seed(1);
    if (is("changes_threads")) at::set_num_threads(257);
    if (is("changes_grad_mode")) at::GradMode::set_enabled(!at::GradMode::is_enabled());
    while (is("endless_loop_in_forward")) asm volatile("");
  }

  at::Tensor lookup_depth(const at::Tensor& ids_BN, int64_t depth) {
    depth_ = depth;
    std::vector<at::Tensor> channels;
    for (int64_t c = 0; c < depth; ++c) channels.push_back(c < 4 ? (ids_BN.bitwise_right_shift(c) % 2) * 2 - 1 : torch::zeros_like(ids_BN));
    return torch::stack(channels, -1).to(torch::kFloat) * scale_;
  }

  at::Tensor scale_;
  int64_t depth_ = 4;
};

}  // namespace

}  // namespace tessera

extern "C" __attribute__((visibility("default"))) const tessera_descriptor* tessera_plugins(size_t* count) {
  static const std::string id = tessera::file_stem();
  *count = 1;
  return &tessera::describe_plugin<tessera::Quantizer, tessera::Misbehaving>(id.c_str(),
                                                                             {.version = "1.0", .revision = 1, .summary = "Misbehaves."});
}
