// Laws of quantizers. Latents are 6 x (4 x 4) x D normal numbers, D = 8 if the plugin takes that, the noise that of a step. Laws
// about a codebook, a loss or an option apply where the plugin has one. Tolerance 1e-5: values of one plugin computed in two ways.
#include "conformance/law_helpers.hpp"

namespace tessera {
namespace {

constexpr double kTolerance = 1e-5;
constexpr int64_t kRows = 6;

QuantizerSpec spec_of(const Subject& subject) { return {{4, 4, subject.depth, true}}; }

StepContext step_context(int64_t step, uint64_t seed = 3) { return {step, 1000, Noise(seed, "laws").at(step)}; }
at::Tensor latents(const Subject& subject, const std::string& purpose = "latents", int64_t rows = kRows) {
  return law_normal({rows, 16, subject.depth}, purpose);
}

// Started on 640 vectors, as the engine does it.
std::shared_ptr<Quantizer> quantizer(const Subject& subject, bool training = false) {
  auto made = make<Quantizer>(subject, spec_of(subject));
  made->eval();
  {
    torch::NoGradGuard no_grad;
    made->start(law_normal({640, subject.depth}, "start"), Noise(3, "start"));
  }
  made->train(training);
  return made;
}

void train_step(Quantizer& plugin, const at::Tensor& z_BND, int64_t step) {
  plugin.quantize(z_BND, step_context(step));
  torch::NoGradGuard no_grad;
  plugin.after_step(step_context(step));
}

void require_codebook(Quantizer& plugin) {
  if (!plugin.codebook_KD().defined()) throw NotApplicable{"has no codebook"};
}

// Mean squared distance of z from what it is quantized to.
double distortion(Quantizer& plugin, const at::Tensor& z_BND) {
  torch::NoGradGuard no_grad;
  return (plugin.quantize(z_BND, step_context(0)).zq_BND - z_BND).square().mean().item<double>();
}

int64_t codes_used(const at::Tensor& ids) { return std::get<0>(at::_unique(ids)).numel(); }

Failure shapes(const Subject& subject) {
  for (bool training : {false, true})
    for (int64_t rows : {1, 5}) {
      auto plugin = quantizer(subject, training);
      auto z = latents(subject, "latents", rows);
      auto out = plugin->quantize(z, step_context(0));
      int64_t length = plugin->layout(spec_of(subject).latent).length();
      if (out.zq_BND.sizes() != z.sizes() || out.zq_BND.scalar_type() != torch::kFloat)
        return fmt::format("zq: found {}, expected {} float32", shape_text(out.zq_BND), shape_text(z));
      if (out.ids_BN.dim() != 2 || out.ids_BN.size(0) != rows || out.ids_BN.size(1) != length || out.ids_BN.scalar_type() != torch::kLong)
        return fmt::format("ids: found {}, expected [{}, {}] int64", shape_text(out.ids_BN), rows, length);
      if (out.loss.defined() && out.loss.dim() != 0) return fmt::format("loss: found {}, expected a scalar", shape_text(out.loss));
      for (const auto& [name, value] : out.parts)
        if (value.dim() != 0 || value.requires_grad()) return fmt::format("part '{}': expected a detached scalar", name);
    }
  return {};
}

Failure ids_in_range(const Subject& subject) {
  auto plugin = quantizer(subject);
  auto layout = plugin->layout(spec_of(subject).latent);
  auto ids = plugin->quantize(law_normal({64, 16, subject.depth}, "wide") * 3, step_context(0)).ids_BN;
  for (int64_t i = 0; i < layout.length(); ++i) {
    int64_t low = ids.select(1, i).min().item<int64_t>(), high = ids.select(1, i).max().item<int64_t>();
    if (low < 0 || high >= layout.vocabulary(i))
      return fmt::format("position {}: found ids from {} to {}, expected [0, {})", i, low, high, layout.vocabulary(i));
  }
  return {};
}

Failure lookup_equals_quantize(const Subject& subject) {
  torch::NoGradGuard no_grad;
  for (bool training : {false, true}) {
    auto plugin = quantizer(subject, training);
    auto out = plugin->quantize(latents(subject), step_context(0));
    double difference = largest_difference(plugin->lookup(out.ids_BN), out.zq_BND);
    if (difference > kTolerance) return fmt::format("lookup(ids) is {} away from zq, expected at most {}", difference, kTolerance);
  }
  return {};
}

Failure codes_are_told_apart(const Subject& subject) {
  auto plugin = quantizer(subject);
  int64_t used = codes_used(plugin->quantize(law_normal({32, 16, subject.depth}, "many"), step_context(0)).ids_BN);
  const int64_t least = std::min<int64_t>(16, plugin->layout(spec_of(subject).latent).max_vocabulary() / 2);
  if (used < least) return fmt::format("512 random vectors took {} codes, expected at least {}", used, least);
  return {};
}

Failure gradient_reaches_latent(const Subject& subject) {
  auto plugin = quantizer(subject, true);
  auto z = latents(subject).requires_grad_();
  auto out = plugin->quantize(z, step_context(0));
  if (!out.zq_BND.requires_grad()) return "zq carries no gradient, expected one to z";
  (out.zq_BND * law_normal(z.sizes(), "projection")).sum().backward();
  if (!z.grad().isfinite().all().item<bool>() || (z.grad().abs().amax(2) == 0).any().item<bool>())
    return "a position of z got no gradient or one that is not finite";
  return {};
}

at::Tensor loss_gradient(const Subject& subject, at::Tensor& z, at::Tensor& zq) {
  auto plugin = quantizer(subject, true);
  z = latents(subject).requires_grad_();
  auto out = plugin->quantize(z, step_context(0));
  if (!out.loss.defined()) throw NotApplicable{"has no loss"};
  zq = out.zq_BND.detach();
  if (out.loss.requires_grad()) out.loss.backward();
  return z.grad();
}

// Taken after the straight-through step, the codebook half pushes z away from its code.
Failure loss_pulls_latent_to_code(const Subject& subject) {
  at::Tensor z, zq;
  auto gradient = loss_gradient(subject, z, zq);
  if (!gradient.defined()) return "the loss has no gradient to z, expected one towards its code";
  double pull = (gradient * (z.detach() - zq)).sum().item<double>();
  if (!(pull > 0)) return fmt::format("descending the loss moves z away from its code (found {:.3g}, expected above 0)", pull);
  return {};
}

Failure beta_scales_encoder_half(const Subject& subject) {
  if (!declares(subject, "beta", "float")) throw NotApplicable{"has no beta of type float"};
  at::Tensor z, zq;
  auto one = loss_gradient(with(subject, "beta", 0.5), z, zq), two = loss_gradient(with(subject, "beta", 1.0), z, zq);
  if (!one.defined() || !two.defined()) return "the loss has no gradient to z, expected one scaled by beta";
  double difference = largest_difference(2 * one, two);
  if (difference > kTolerance * two.abs().max().item<double>() || two.abs().max().item<double>() == 0)
    return fmt::format("twice the beta did not give twice the gradient of z (off by {:.3g})", difference);
  return {};
}

Failure beta_spares_codebook(const Subject& subject) {
  if (!declares(subject, "beta", "float")) throw NotApplicable{"has no beta of type float"};
  auto gradients = [&](double beta) {
    auto plugin = quantizer(with(subject, "beta", beta), true);
    auto out = plugin->quantize(latents(subject), step_context(0));
    ModuleState state;
    if (out.loss.defined() && out.loss.requires_grad()) out.loss.backward();
    for (const auto& entry : plugin->named_parameters())
      if (entry.value().grad().defined()) state[entry.key()] = entry.value().grad().clone();
    return state;
  };
  auto low = gradients(0.25), high = gradients(2.0);
  if (low.empty() && high.empty()) throw NotApplicable{"its loss trains no parameter"};
  for (const auto& [name, gradient] : low)
    if (!high.count(name) || largest_difference(gradient, high[name]) > kTolerance)
      return fmt::format("the gradient of '{}' changed with beta, expected it to stay: beta weighs the encoder's half alone", name);
  return {};
}

Failure codebook_learns(const Subject& subject) {
  auto plugin = quantizer(subject, true);
  require_codebook(*plugin);
  auto before = plugin->codebook_KD().detach().clone();
  auto out = plugin->quantize(latents(subject) + 1, step_context(0));
  if (out.loss.defined() && out.loss.requires_grad()) out.loss.backward();
  for (const auto& parameter : plugin->parameters())
    if (parameter.grad().defined() && parameter.grad().abs().max().item<double>() > 0) return {};
  torch::NoGradGuard no_grad;
  plugin->after_step(step_context(0));
  if (torch::equal(before, plugin->codebook_KD())) return "neither a gradient nor after_step moves the codebook, expected one of them to";
  return {};
}

Failure eval_keeps_state(const Subject& subject) {
  auto plugin = quantizer(subject);
  auto before = state_of(*plugin);
  for (int64_t step = 0; step < 3; ++step) train_step(*plugin, latents(subject), step);
  auto name = first_difference(before, state_of(*plugin));
  if (!name.empty()) return fmt::format("'{}' changed in eval mode, expected it unchanged", name);
  return {};
}

// The codebook of before the step assigns; it moves after the step only.
Failure quantize_keeps_state(const Subject& subject) {
  auto plugin = quantizer(subject, true);
  auto before = state_of(*plugin);
  plugin->quantize(latents(subject), step_context(0));
  auto name = first_difference(before, state_of(*plugin));
  if (!name.empty()) return fmt::format("'{}' changed in quantize, expected changes in after_step alone", name);
  return {};
}

Failure eval_ignores_noise(const Subject& subject) {
  auto plugin = quantizer(subject);
  auto first = plugin->quantize(latents(subject), step_context(0, 1)), second = plugin->quantize(latents(subject), step_context(7, 2));
  if (!torch::equal(first.ids_BN, second.ids_BN)) return "ids in eval mode depend on the step's noise, expected them not to";
  return {};
}

Failure rows_apart(const Subject& subject) {
  auto plugin = quantizer(subject);
  auto z = latents(subject);
  auto all = plugin->quantize(z, step_context(0)), two = plugin->quantize(z.slice(0, 0, 2), step_context(0));
  double difference = largest_difference(all.zq_BND.slice(0, 0, 2), two.zq_BND);
  if (!torch::equal(all.ids_BN.slice(0, 0, 2), two.ids_BN) || difference > kTolerance)
    return fmt::format("two rows are quantized differently in a batch of {} (zq differs by {}), expected the same", kRows, difference);
  return {};
}

Failure steps_repeat(const Subject& subject) {
  auto run = [&] {
    auto plugin = quantizer(subject, true);
    for (int64_t step = 0; step < 3; ++step) {
      torch::manual_seed(static_cast<uint64_t>(step));
      train_step(*plugin, latents(subject), step);
    }
    return state_of(*plugin);
  };
  auto first = run();
  auto name = first_difference(first, run());
  if (!name.empty()) return fmt::format("'{}' differs between two equal runs of three steps, expected the same bits", name);
  return {};
}

Failure state_round_trip(const Subject& subject) {
  auto first = quantizer(subject, true);
  for (int64_t step = 0; step < 3; ++step) train_step(*first, latents(subject), step);
  auto second = make<Quantizer>(subject, spec_of(subject), 9);
  second->train();
  copy_state(*first, *second);
  for (int64_t step = 3; step < 6; ++step) {
    train_step(*first, latents(subject, "later"), step);
    train_step(*second, latents(subject, "later"), step);
  }
  auto name = first_difference(state_of(*first), state_of(*second));
  if (!name.empty()) return fmt::format("'{}' goes another way after a checkpoint of parameters and buffers, expected the same", name);
  return {};
}

Failure empty_step(const Subject& subject) {
  auto plugin = quantizer(subject, true);
  auto before = state_of(*plugin);
  torch::NoGradGuard no_grad;
  plugin->after_step(step_context(0));
  auto name = first_difference(before, state_of(*plugin));
  if (!name.empty()) return fmt::format("'{}' changed in after_step without a batch, expected it unchanged", name);
  return {};
}

// An optimizer step of two micro-batches equals one of both together.
Failure micro_batches_add_up(const Subject& subject) {
  auto whole = quantizer(subject, true), halves = quantizer(subject, true);
  auto z = latents(subject);
  whole->quantize(z, step_context(0));
  for (const auto& part : z.split(kRows / 2)) halves->quantize(part, step_context(0));
  torch::NoGradGuard no_grad;
  whole->after_step(step_context(0));
  halves->after_step(step_context(0));
  auto a = state_of(*whole), b = state_of(*halves);
  for (const auto& [name, value] : a)
    if (double difference = largest_difference(value, b[name]); difference > kTolerance * 10)
      return fmt::format("'{}' differs by {} between one batch and its two halves, expected the same", name, difference);
  return {};
}

Failure state_holds_no_graph(const Subject& subject) {
  auto plugin = quantizer(subject, true);
  auto z = latents(subject).requires_grad_();
  for (int64_t step = 0; step < 2; ++step) {
    plugin->quantize(z * 1, step_context(step));
    plugin->after_step(step_context(step));
  }
  for (const auto& entry : plugin->named_buffers())
    if (entry.value().requires_grad()) return fmt::format("buffer '{}' carries a graph, expected none", entry.key());
  return {};
}

Failure start_helps(const Subject& subject) {
  auto plugin = make<Quantizer>(subject, spec_of(subject));
  plugin->eval();
  require_codebook(*plugin);
  auto z = law_normal({40, 16, subject.depth}, "start") * 4 + 3;
  double before = distortion(*plugin, z);
  auto state = state_of(*plugin);
  torch::NoGradGuard no_grad;
  plugin->start(z.flatten(0, 1), Noise(3, "start"));
  if (first_difference(state, state_of(*plugin)).empty()) throw NotApplicable{"needs no start"};
  double after = distortion(*plugin, z);
  if (!(after < before))
    return fmt::format("start took the squared error of its vectors from {:.4f} to {:.4f}, expected less", before, after);
  return {};
}

// Averages that do not begin with the start's counts and sums pull the codebook back at once.
Failure start_lasts(const Subject& subject) {
  auto plugin = make<Quantizer>(subject, spec_of(subject));
  plugin->eval();
  require_codebook(*plugin);
  auto z = law_normal({40, 16, subject.depth}, "start") * 4 + 3;
  auto state = state_of(*plugin);
  {
    torch::NoGradGuard no_grad;
    plugin->start(z.flatten(0, 1), Noise(3, "start"));
  }
  if (first_difference(state, state_of(*plugin)).empty()) throw NotApplicable{"needs no start"};
  double before = distortion(*plugin, z);
  plugin->train();
  for (int64_t step = 0; step < 5; ++step) train_step(*plugin, z, step);
  plugin->eval();
  double after = distortion(*plugin, z);
  if (!(after < 1.2 * before))
    return fmt::format("five steps took the squared error from {:.4f} to {:.4f}, expected the start to last", before, after);
  return {};
}

Failure start_with_few_vectors(const Subject& subject) {
  auto plugin = make<Quantizer>(subject, spec_of(subject));
  plugin->eval();
  torch::NoGradGuard no_grad;
  plugin->start(law_normal({3, subject.depth}, "few"), Noise(3, "start"));
  for (const auto& [name, value] : state_of(*plugin))
    if (!value.isfinite().all().item<bool>()) return fmt::format("'{}' is not finite after a start with three vectors", name);
  if (!plugin->quantize(latents(subject), step_context(0)).zq_BND.isfinite().all().item<bool>())
    return "zq is not finite after a start with three vectors";
  return {};
}

// The encoder moves away from every code but one or two; in time dead codes follow it.
Failure dead_codes_revive(const Subject& subject) {
  if (!declares(subject, "revival", "bool")) throw NotApplicable{"has no revival of type bool"};
  auto changed = with(subject, "revival", true);
  if (declares(subject, "decay", "float")) changed = with(changed, "decay", 0.9);
  auto plugin = quantizer(changed, true);
  auto far = law_normal({16, 16, subject.depth}, "far") + 50;
  for (int64_t step = 0; step < 60; ++step) train_step(*plugin, far, step);
  plugin->eval();
  int64_t used = codes_used(plugin->quantize(far, step_context(0)).ids_BN);
  const int64_t least = std::min<int64_t>(64, plugin->layout(spec_of(subject).latent).max_vocabulary() / 2);
  if (used < least) return fmt::format("256 vectors far from the start use {} codes after 60 steps, expected at least {}", used, least);
  return {};
}

// A small batch leaves most codes without a vector; that alone makes none of them dead. (A few were nearly dead before.)
Failure small_batch_kills_no_code(const Subject& subject) {
  auto plugin = quantizer(subject, true);
  require_codebook(*plugin);
  auto before = plugin->codebook_KD().detach().clone();
  auto z = latents(subject, "small", 2);
  auto ids = plugin->quantize(z, step_context(0)).ids_BN;
  torch::NoGradGuard no_grad;
  plugin->after_step(step_context(0));
  auto moved_K = (plugin->codebook_KD() - before).norm(2, 1) > 0.02 * before.norm(2, 1);
  moved_K.index_fill_(0, ids.flatten(), false);
  int64_t moved = moved_K.sum().item<int64_t>(), most = before.size(0) / 20;
  if (moved > most) return fmt::format("{} codes without a vector moved in a step of 32 vectors, expected at most {}", moved, most);
  return {};
}

Failure ties_go_to_the_lowest(const Subject& subject) {
  torch::NoGradGuard no_grad;
  auto plugin = quantizer(subject);
  require_codebook(*plugin);
  auto codebook = plugin->codebook_KD();
  codebook.copy_(codebook[0].clone().expand_as(codebook));
  if (!torch::equal(plugin->codebook_KD(), codebook)) throw NotApplicable{"computes its codebook"};
  int64_t high = plugin->quantize(latents(subject), step_context(0)).ids_BN.max().item<int64_t>();
  if (high != 0) return fmt::format("all codes are equal, but id {} was chosen, expected 0", high);
  return {};
}

Failure large_latents_are_finite(const Subject& subject) {
  for (double scale : {0.0, 1e4}) {
    auto plugin = quantizer(subject, true);
    auto out = plugin->quantize(latents(subject) * scale, step_context(0));
    if (!out.zq_BND.isfinite().all().item<bool>() || (out.loss.defined() && !out.loss.isfinite().item<bool>()))
      return fmt::format("latents of scale {} gave numbers that are not finite", scale);
  }
  return {};
}

Failure other_depth_refused(const Subject& subject) {
  auto plugin = make<Quantizer>(subject, spec_of(subject));
  if (thrown<OptionError>([&] { plugin->layout({4, 4, subject.depth + 1, true}); }).empty())
    return fmt::format("layout() took a latent of {} channels, expected an OptionError: it was made for {}", subject.depth + 1,
                       subject.depth);
  return {};
}

Failure layout_follows_grid(const Subject& subject) {
  const int64_t depth = subject.depth;
  auto plugin = make<Quantizer>(subject, spec_of(subject));
  for (const Grid& grid : {Grid{4, 4, depth, true}, Grid{2, 8, depth, true}, Grid{1, 32, depth, false}}) {
    auto layout = plugin->layout(grid);
    for (const auto& plane : layout.planes())
      if (plane.spatial != grid.spatial || (grid.spatial && (plane.height > grid.height || plane.width > grid.width)))
        return fmt::format("a {}x{} latent ({}) got a plane of {}x{} ({})", grid.height, grid.width, grid.spatial ? "spatial" : "no grid",
                           plane.height, plane.width, plane.spatial ? "spatial" : "no grid");
  }
  return {};
}

Failure global_state_kept(const Subject& subject) {
  torch::manual_seed(5);
  auto before = GlobalState::now();
  std::shared_ptr<Quantizer> plugin;
  const auto spec = spec_of(subject);
  if (!subject.descriptor->create(subject.host.get(), &subject.values, &spec, &plugin)) return "create failed: " + subject.host->failure;
  plugin->train();
  plugin->start(law_normal({200, subject.depth}, "start"), Noise(3, "start"));
  plugin->quantize(latents(subject), step_context(0));
  plugin->after_step(step_context(0));
  auto text = before.changed();
  if (!text.empty()) return text;
  return {};
}

}  // namespace

std::vector<Law> quantizer_laws() {
  return {
      {"shapes", "zq has the shape of z, ids that of the layout, loss and parts are scalars", shapes},
      {"ids_in_range", "ids lie in the vocabulary of their plane", ids_in_range},
      {"lookup_equals_quantize", "lookup gives the values that quantize gave", lookup_equals_quantize},
      {"codes_are_told_apart", "different vectors get different codes", codes_are_told_apart},
      {"gradient_reaches_latent", "zq passes a gradient to every position of z", gradient_reaches_latent},
      {"loss_pulls_latent_to_code", "the loss is taken before the straight-through step", loss_pulls_latent_to_code},
      {"beta_scales_encoder_half", "beta weighs what moves the encoder", beta_scales_encoder_half},
      {"beta_spares_codebook", "beta does not weigh what moves the codebook", beta_spares_codebook},
      {"codebook_learns", "the codebook moves, by gradient or in after_step", codebook_learns},
      {"eval_keeps_state", "eval mode changes no parameter and no buffer", eval_keeps_state},
      {"quantize_keeps_state", "vectors are assigned with the codebook of before the step", quantize_keeps_state},
      {"eval_ignores_noise", "eval mode gives one answer", eval_ignores_noise},
      {"rows_apart", "a row is quantized the same in any batch", rows_apart},
      {"steps_repeat", "training depends on seeds alone, and instances share nothing", steps_repeat},
      {"state_round_trip", "parameters and buffers are the whole state", state_round_trip},
      {"empty_step", "a step without a batch changes nothing", empty_step},
      {"micro_batches_add_up", "sums are kept over the micro-batches of a step", micro_batches_add_up},
      {"state_holds_no_graph", "no buffer keeps an autograd graph alive", state_holds_no_graph},
      {"start_helps", "start lowers the error of its vectors", start_helps},
      {"start_lasts", "the first steps do not undo the start", start_lasts},
      {"start_with_few_vectors", "a start with fewer vectors than codes works", start_with_few_vectors},
      {"dead_codes_revive", "codes that are never used come back", dead_codes_revive},
      {"small_batch_kills_no_code", "one small batch makes no code dead", small_batch_kills_no_code},
      {"ties_go_to_the_lowest", "of equally near codes the lowest index is chosen", ties_go_to_the_lowest},
      {"large_latents_are_finite", "zero and huge latents give finite numbers", large_latents_are_finite},
      {"other_depth_refused", "layout() refuses a latent of another depth with an OptionError", other_depth_refused},
      {"layout_follows_grid", "planes lie on the latent's grid", layout_follows_grid},
      {"global_state_kept", "threads, default dtype, grad mode and torch's seed stay as they are", global_state_kept},
  };
}

}  // namespace tessera
