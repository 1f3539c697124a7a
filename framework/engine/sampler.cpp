#include "engine/sampler.hpp"

#include <torch/torch.h>

#include "engine/global_state.hpp"
#include "engine/guided_session.hpp"
#include "engine/trace_session.hpp"

namespace tessera {

Tile sample_tile(Prior& prior, SamplingStrategy& strategy, const TokenLayout& layout, const SampleRequest& request, int64_t index) {
  torch::NoGradGuard no_grad;
  prior.eval();
  Tile tile;
  tile.sample_B = torch::arange(index * request.tile, (index + 1) * request.tile, torch::kLong);
  tile.label_B = request.labels_of(tile.sample_B);

  // The session: guidance inside, the trace outside.
  auto parameters = prior.parameters();
  auto device = parameters.empty() ? at::Device(at::kCPU) : parameters[0].device();
  auto label_B = tile.label_B.to(device);
  auto session = prior.open({label_B});
  if (request.logits.guidance != 1.0)
    session = std::make_unique<GuidedSession>(std::move(session), prior.open({torch::full_like(label_B, -1)}), request.logits);
  TraceSession trace(std::move(session));

  SamplingContext context(request.seed, tile.sample_B, layout, {request.logits.temperature, request.logits.top_k, request.logits.top_p});
  auto known = request.known_of(tile.sample_B);
  if ((known >= 0).any().item<bool>()) trace.commit_known(known);
  GlobalState state;
  strategy.sample(trace, context);
  state.expect_unchanged("the sampling strategy");

  tile.ids_BN = trace.ids_BN().to(torch::kCPU).clone();
  if ((tile.ids_BN < 0).any().item<bool>())
    throw std::runtime_error("the sampling strategy left " + std::to_string((tile.ids_BN < 0).sum().item<int64_t>()) +
                             " positions undecided; expected none");
  if ((known >= 0).logical_and(known != tile.ids_BN).any().item<bool>())
    throw std::runtime_error("the sampling strategy changed known tokens");
  tile.commit_step_BN = trace.commit_step_BN();
  tile.logit_hash_B = trace.logit_hash_B();
  tile.logp_B = context.total_logp_B();
  tile.cost = trace.cost();
  return tile;
}

std::string refusal(const Needs& needs, const Order& order, const TokenLayout& layout) {
  if (needs.any_order && !order.any_order()) return "the strategy asks positions in any order, the prior answers in its own order only";
  if (needs.parallel && !order.parallel) return "the strategy asks several positions at once, the prior gives one at a time";
  if (needs.retract && !order.retract) return "the strategy takes tokens back, the prior cannot";
  if (needs.critic && !order.critic) return "the strategy asks for a critic, the prior has none";
  if (needs.spatial && !layout.spatial()) return "the strategy needs tokens with places, the layout " + layout.describe() + " has none";
  return "";
}

}  // namespace tessera
