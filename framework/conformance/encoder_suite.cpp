// Laws of encoders. Images are noise of the first size that the plugin takes, 3 x 32 x 32 if it can; weights are disturbed where zeros
// would hide a fault. Tolerances: 1e-4 where one row is computed in batches of different size (GEMM tails), bitwise elsewhere.
#include "conformance/law_helpers.hpp"

namespace tessera {
namespace {

constexpr double kBatchTolerance = 1e-4;

at::Tensor images(int64_t rows, ImageShape shape) {
  return law_normal({rows, shape.channels, shape.height, shape.width}, "images").clamp(-2, 2) / 2;
}

std::shared_ptr<Encoder> encoder(const Subject& subject, uint64_t seed = 0) {
  auto made = make<Encoder>(subject, {subject.image}, seed);
  disturb(*made);
  made->eval();
  return made;
}

std::vector<at::Tensor> detached(const std::vector<at::Tensor>& latents) {
  std::vector<at::Tensor> out;
  for (const auto& z : latents) out.push_back(z.detach());
  return out;
}

// Shapes of both directions for one image shape; throws what the plugin throws.
Failure round_trip_shapes(Encoder& plugin, ImageShape shape, int64_t rows) {
  auto grids = plugin.latents(shape);
  auto latents = plugin.encode(images(rows, shape));
  if (latents.size() != grids.size()) return fmt::format("found {} latents, expected {}", latents.size(), grids.size());
  for (size_t i = 0; i < grids.size(); ++i) {
    std::vector<int64_t> expected{rows, grids[i].positions(), grids[i].depth};
    if (latents[i].sizes() != at::IntArrayRef(expected) || latents[i].scalar_type() != torch::kFloat)
      return fmt::format("latent {}: found {}, expected {} float32", i, shape_text(latents[i]), c10::str(at::IntArrayRef(expected)));
  }
  auto image = plugin.decode(latents);
  std::vector<int64_t> expected{rows, shape.channels, shape.height, shape.width};
  if (image.sizes() != at::IntArrayRef(expected) || image.scalar_type() != torch::kFloat)
    return fmt::format("image: found {}, expected {} float32", shape_text(image), c10::str(at::IntArrayRef(expected)));
  return {};
}

Failure encode_rows(const Subject& subject) {
  torch::NoGradGuard no_grad;
  auto plugin = encoder(subject);
  auto all = plugin->encode(images(5, subject.image))[0], one = plugin->encode(images(5, subject.image).slice(0, 0, 1))[0];
  double difference = largest_difference(all.slice(0, 0, 1), one);
  if (difference > kBatchTolerance)
    return fmt::format("found {} between a row alone and in a batch of 5, expected at most {}", difference, kBatchTolerance);
  return {};
}

Failure decode_rows(const Subject& subject) {
  torch::NoGradGuard no_grad;
  auto plugin = encoder(subject);
  auto latents = plugin->encode(images(5, subject.image));
  std::vector<at::Tensor> first;
  for (const auto& z : latents) first.push_back(z.slice(0, 0, 1));
  double difference = largest_difference(plugin->decode(latents).slice(0, 0, 1), plugin->decode(first));
  if (difference > kBatchTolerance)
    return fmt::format("found {} between a row alone and in a batch of 5, expected at most {}", difference, kBatchTolerance);
  return {};
}

Failure eval_repeats(const Subject& subject) {
  torch::NoGradGuard no_grad;
  auto plugin = encoder(subject);
  auto x = images(2, subject.image);
  auto once = plugin->encode(x), again = plugin->encode(x);
  if (!torch::equal(once[0], again[0])) return "encode gave two answers in eval mode, expected one";
  if (!torch::equal(plugin->decode(once), plugin->decode(once))) return "decode gave two answers in eval mode, expected one";
  return {};
}

Failure eval_keeps_state(const Subject& subject) {
  torch::NoGradGuard no_grad;
  auto plugin = encoder(subject);
  auto before = state_of(*plugin);
  plugin->decode(plugin->encode(images(4, subject.image)));
  auto name = first_difference(before, state_of(*plugin));
  if (!name.empty()) return fmt::format("'{}' changed in eval mode, expected it unchanged", name);
  return {};
}

Failure state_round_trip(const Subject& subject) {
  torch::NoGradGuard no_grad;
  auto first = encoder(subject, 1), second = encoder(subject, 2);
  copy_state(*first, *second);
  auto x = images(2, subject.image);
  auto z = first->encode(x);
  if (!torch::equal(z[0], second->encode(x)[0])) return "encode differs after parameters and buffers were copied, expected the same";
  if (!torch::equal(first->decode(z), second->decode(z)))
    return "decode differs after parameters and buffers were copied, expected the same";
  return {};
}

Failure instances_apart(const Subject& subject) {
  torch::NoGradGuard no_grad;
  auto first = encoder(subject), second = encoder(subject);
  auto before = state_of(*second);
  for (auto& parameter : first->parameters()) parameter.zero_();
  auto name = first_difference(before, state_of(*second));
  if (!name.empty()) return fmt::format("'{}' of one instance changed with another instance, expected them apart", name);
  return {};
}

Failure seeded_start(const Subject& subject) {
  auto a = state_of(*make<Encoder>(subject, {subject.image}, 1)), b = state_of(*make<Encoder>(subject, {subject.image}, 1));
  auto c = state_of(*make<Encoder>(subject, {subject.image}, 2));
  auto name = first_difference(a, b);
  if (!name.empty()) return fmt::format("'{}' differs between two instances of one seed, expected the same", name);
  if (first_difference(a, c).empty()) return "found the same weights at two seeds, expected them to follow torch's generator";
  return {};
}

// Gradients of a random projection of the reconstruction, with respect to every parameter.
Failure parameters_get_gradient(const Subject& subject) {
  auto plugin = encoder(subject);
  plugin->train();
  auto out = plugin->decode(plugin->encode(images(3, subject.image)));
  (out * law_normal(out.sizes(), "projection")).sum().backward();
  for (const auto& entry : plugin->named_parameters()) {
    const auto& gradient = entry.value().grad();
    if (!gradient.defined() || gradient.abs().max().item<double>() == 0)
      return fmt::format("'{}' got no gradient, expected one", entry.key());
    if (!gradient.isfinite().all().item<bool>()) return fmt::format("'{}' got a gradient that is not finite", entry.key());
  }
  return {};
}

Failure gradient_through_decoder(const Subject& subject) {
  auto plugin = encoder(subject);
  auto latents = detached(plugin->encode(images(2, subject.image)));
  for (auto& z : latents) z.requires_grad_();
  auto out = plugin->decode(latents);
  if (!out.requires_grad()) return "the image carries no gradient, expected one to every latent";
  (out * law_normal(out.sizes(), "projection")).sum().backward();
  for (size_t i = 0; i < latents.size(); ++i)
    if (!latents[i].grad().defined() || (latents[i].grad().abs().amax(2) == 0).any().item<bool>())
      return fmt::format("a position of latent {} got no gradient from the image, expected all to", i);
  return {};
}

Failure last_layer_is_parameter(const Subject& subject) {
  auto plugin = encoder(subject);
  auto weight = plugin->last_layer();
  if (!weight.defined()) throw NotApplicable{"has no last layer"};
  for (const auto& parameter : plugin->parameters())
    if (parameter.is_same(weight)) return {};
  return "last_layer() is none of the parameters, expected one of them";
}

// What comes after the last layer is linear: decode(2 W) - decode(W) = decode(W) - decode(0).
Failure last_layer_is_last(const Subject& subject) {
  torch::NoGradGuard no_grad;
  auto plugin = encoder(subject);
  auto weight = plugin->last_layer();
  if (!weight.defined()) throw NotApplicable{"has no last layer"};
  auto latents = plugin->encode(images(2, subject.image));
  auto kept = weight.clone();
  auto at_scale = [&](double scale) {
    weight.copy_(kept * scale);
    return plugin->decode(latents).clone();
  };
  auto none = at_scale(0), once = at_scale(1), twice = at_scale(2);
  double bend = largest_difference(twice - once, once - none), size = (once - none).abs().max().item<double>();
  if (size == 0) return "the image does not depend on last_layer(), expected it to";
  if (bend > 1e-4 * (1 + size)) return fmt::format("the image bends by {} as last_layer() is scaled, expected it to be linear", bend);
  return {};
}

Failure other_size_refused(const Subject& subject) {
  const auto& image = subject.image;
  auto plugin = encoder(subject);
  auto text = thrown<OptionError>([&] { plugin->latents({image.channels, image.height + 1, image.width}); });
  if (text.empty()) return fmt::format("latents() took an image of {}x{}, expected an OptionError", image.height + 1, image.width);
  return {};
}

Failure odd_size_refused_or_works(const Subject& subject) {
  const ImageShape odd{3, 31, 37};
  std::shared_ptr<Encoder> plugin;
  try {
    plugin = make<Encoder>(subject, {odd});
  } catch (const std::runtime_error&) {
    return subject.host->failure.empty() ? Failure("create() failed without a reason") : std::nullopt;
  }
  torch::NoGradGuard no_grad;
  return round_trip_shapes(*plugin, odd, 1);
}

// Brightens the cell at the right end of the first row: no other position may change more. Positions count row by row.
Failure positions_row_major(const Subject& subject) {
  torch::NoGradGuard no_grad;
  auto plugin = encoder(subject);
  const auto& image = subject.image;
  auto grid = plugin->latents(image)[0];
  if (!grid.spatial || grid.height < 3 || grid.width < 3) throw NotApplicable{"positions have no place"};
  auto x = images(1, subject.image), y = x.clone();
  int64_t rows = image.height / grid.height, columns = image.width / grid.width;
  y.slice(2, 0, rows).slice(3, image.width - columns) += 2;
  auto change_N = (plugin->encode(y)[0] - plugin->encode(x)[0]).norm(2, 2)[0];
  int64_t most = change_N.argmax().item<int64_t>();
  int64_t row = most / grid.width, column = most % grid.width;
  if (row > 1 || column < grid.width - 2)
    return fmt::format("a change at the top right moved position ({}, {}) most, expected (0, {})", row, column, grid.width - 1);
  return {};
}

Failure inputs_untouched(const Subject& subject) {
  torch::NoGradGuard no_grad;
  auto plugin = encoder(subject);
  auto x = images(2, subject.image), x_before = x.clone();
  auto z = plugin->encode(x);
  if (!torch::equal(x, x_before)) return "encode changed its image, expected it untouched";
  auto z_before = z[0].clone();
  plugin->decode(z);
  if (!torch::equal(z[0], z_before)) return "decode changed its latent, expected it untouched";
  return {};
}

Failure plain_images_are_finite(const Subject& subject) {
  torch::NoGradGuard no_grad;
  auto plugin = encoder(subject);
  for (double value : {-1.0, 0.0, 1.0}) {
    auto z = plugin->encode(torch::full({1, 3, subject.image.height, subject.image.width}, value));
    if (!z[0].isfinite().all().item<bool>() || !plugin->decode(z).isfinite().all().item<bool>())
      return fmt::format("an image of one value, {}, gave numbers that are not finite", value);
  }
  return {};
}

Failure learns(const Subject& subject) {
  auto plugin = make<Encoder>(subject, {subject.image});
  plugin->train();
  torch::optim::Adam optimizer(plugin->parameters(), torch::optim::AdamOptions(4e-3));
  auto x = torch::nn::functional::interpolate(law_normal({4, 3, 4, 4}, "smooth"),
                                              torch::nn::functional::InterpolateFuncOptions()
                                                  .size(std::vector<int64_t>{subject.image.height, subject.image.width})
                                                  .mode(torch::kBilinear)
                                                  .align_corners(false));
  double first = 0, last = 0;
  for (int step = 0; step < 25; ++step) {
    auto loss = (plugin->decode(plugin->encode(x)) - x).square().mean();
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    (step == 0 ? first : last) = loss.item<double>();
  }
  if (!(last < 0.5 * first))
    return fmt::format("25 steps on 4 smooth images took the squared error from {:.4f} to {:.4f}, expected half of it", first, last);
  return {};
}

Failure global_state_kept(const Subject& subject) {
  torch::manual_seed(5);
  auto before = GlobalState::now();
  std::shared_ptr<Encoder> plugin;
  if (!subject.descriptor->create(subject.host.get(), &subject.values, std::make_unique<EncoderSpec>(EncoderSpec{subject.image}).get(),
                                  &plugin))
    return "create failed: " + subject.host->failure;
  plugin->train();
  plugin->decode(plugin->encode(images(2, subject.image))).sum().backward();
  auto text = before.changed();
  if (!text.empty()) return text;
  return {};
}

Failure shapes_of(const Subject& subject, ImageShape shape) {
  torch::NoGradGuard no_grad;
  auto plugin = make<Encoder>(subject, {shape});
  plugin->eval();
  for (int64_t rows : {1, 3})
    if (auto failure = round_trip_shapes(*plugin, shape, rows)) return failure;
  return {};
}

// A shape that the plugin may refuse.
Failure other_shape(const Subject& subject, ImageShape shape) {
  if (!takes<Encoder>(subject, {shape})) throw NotApplicable{"refused: " + subject.host->failure};
  return shapes_of(subject, shape);
}

}  // namespace

std::vector<Law> encoder_laws() {
  return {
      {"shapes", "encode gives what latents() promises and decode an image, at any batch size",
       [](const Subject& s) { return shapes_of(s, s.image); }},
      {"oblong_images", "height and width are not confused",
       [](const Subject& s) {
         return other_shape(s, {3, s.image.height, 2 * s.image.width});
       }},
      {"any_channels", "images of one channel are encoded, too",
       [](const Subject& s) {
         return other_shape(s, {1, s.image.height, s.image.width});
       }},
      {"encode_rows", "a row is encoded the same alone and in a batch", encode_rows},
      {"decode_rows", "a row is decoded the same alone and in a batch", decode_rows},
      {"eval_repeats", "eval mode gives one answer", eval_repeats},
      {"eval_keeps_state", "eval mode changes no parameter and no buffer", eval_keeps_state},
      {"state_round_trip", "parameters and buffers are the whole state", state_round_trip},
      {"instances_apart", "two instances share nothing", instances_apart},
      {"seeded_start", "the first weights follow torch's generator alone", seeded_start},
      {"parameters_get_gradient", "every parameter takes part", parameters_get_gradient},
      {"gradient_through_decoder", "the image carries a gradient to every position", gradient_through_decoder},
      {"last_layer_is_parameter", "last_layer() is a parameter itself, not a copy", last_layer_is_parameter},
      {"last_layer_is_last", "nothing that bends follows last_layer()", last_layer_is_last},
      {"other_size_refused", "latents() refuses an image of another size with an OptionError", other_size_refused},
      {"odd_size_refused_or_works", "a size is refused when the encoder is made, or works", odd_size_refused_or_works},
      {"positions_row_major", "positions of a spatial latent count row by row", positions_row_major},
      {"inputs_untouched", "nothing that is given is changed", inputs_untouched},
      {"plain_images_are_finite", "images of one value give finite numbers", plain_images_are_finite},
      {"learns", "gradient descent lowers the reconstruction error", learns},
      {"global_state_kept", "threads, default dtype, grad mode and torch's seed stay as they are", global_state_kept},
  };
}

}  // namespace tessera
