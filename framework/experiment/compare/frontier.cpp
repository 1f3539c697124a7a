#include "experiment/compare/frontier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace tessera {
namespace {

// Positive where `a` is better than `b`.
double better_by(const ComparedMetric& metric, double a, double b) { return metric.goal == "max" ? a - b : b - a; }

bool dominates(const Frontier& frontier, const FrontierPoint& a, const FrontierPoint& b) {
  const double a_quality = a.quality.mean, b_quality = b.quality.mean;  // compared, not subtracted: both may be infinite
  const bool better = frontier.quality.goal == "max" ? a_quality > b_quality : a_quality < b_quality;
  return a.cost.mean <= b.cost.mean && (better || (a_quality == b_quality && a.cost.mean < b.cost.mean));
}

// Cheapest first, of equal cost the better one: whoever is dominated stands behind one that dominates it.
void find_dominated(Frontier& frontier) {
  auto& points = frontier.points;
  std::stable_sort(points.begin(), points.end(), [&](const FrontierPoint& a, const FrontierPoint& b) {
    return a.cost.mean != b.cost.mean ? a.cost.mean < b.cost.mean : better_by(frontier.quality, a.quality.mean, b.quality.mean) > 0;
  });
  std::vector<const FrontierPoint*> members;
  for (auto& point : points) {
    point.on_frontier =
        std::none_of(members.begin(), members.end(), [&](const auto* member) { return dominates(frontier, *member, point); });
    if (point.on_frontier) members.push_back(&point);
  }
}

void add_rivals(Frontier& frontier, const PartBuilder& builder, const ComparedPart& part, size_t quality) {
  for (auto& point : frontier.points)
    for (const auto& member : frontier.points) {
      if (!member.on_frontier || !dominates(frontier, member, point)) continue;
      const auto pairing = pair_seeds(builder.scores(point.row, quality), builder.scores(member.row, quality));
      FrontierRival rival{member.cells, paired_difference(pairing.differences(), false), false};
      const auto& e = rival.difference.estimate;
      rival.decided = counts_agree(part, point.row, member.row) && e.half_width && better_by(frontier.quality, 0, e.mean) > *e.half_width;
      point.dominated_by.push_back(std::move(rival));
    }
}

// Of the stages that made the samples: the descriptions of their environments.
std::set<std::string> environments_of(const StageFacts& facts, const PartBuilder& builder, const ComparedPart& part, size_t cost) {
  std::set<std::string> found;
  for (size_t row = 0; row < part.rows.size(); ++row)
    for (const auto& one : builder.scores(row, cost)) found.insert(facts.environment(one.stage));
  return found;
}

}  // namespace

std::vector<Frontier> frontiers_of(const StageFacts& facts, const PartBuilder& builder, const ComparedPart& part,
                                   const std::vector<std::string>& names, bool rivals) {
  std::vector<Frontier> frontiers;
  for (size_t cost = 0; cost < part.metrics.size(); ++cost) {
    if (!part.metrics[cost].cost) continue;
    const size_t environments = part.metrics[cost].timing ? environments_of(facts, builder, part, cost).size() : 1;
    for (size_t quality = 0; quality < part.metrics.size(); ++quality) {
      const auto& metric = part.metrics[quality];
      const bool named = std::find(names.begin(), names.end(), metric.name) != names.end();
      if (metric.goal == "none" || metric.cost || metric.timing || (names.empty() ? metric.by_sample : !named)) continue;
      Frontier frontier{part.name, part.metrics[cost], metric, {}, static_cast<int64_t>(environments)};
      if (environments > 1) {
        frontiers.push_back(std::move(frontier));
        break;  // once is enough: no quality has one
      }
      for (size_t row = 0; row < part.rows.size(); ++row) {
        const auto &paid = part.rows[row].values[cost], &reached = part.rows[row].values[quality];
        if (paid && reached && paid->estimate.n > 0 && reached->estimate.n > 0)
          frontier.points.push_back({row, part.rows[row].cells, paid->estimate, reached->estimate, false, {}});
      }
      find_dominated(frontier);
      if (rivals) add_rivals(frontier, builder, part, quality);
      if (!frontier.points.empty()) frontiers.push_back(std::move(frontier));
    }
  }
  return frontiers;
}

Json to_json(const Frontier& frontier) {
  Json json = {{"part", frontier.part},
               {"cost", frontier.cost.name},
               {"quality", frontier.quality.name},
               {"goal", frontier.quality.goal},
               {"environments", frontier.environments}};
  Json points = Json::array();
  for (const auto& point : frontier.points) {
    Json rivals = Json::array();
    for (const auto& rival : point.dominated_by) {
      const auto& e = rival.difference.estimate;
      Json one = {{"cells", rival.cells}, {"pairs", e.n}, {"difference", encode_number(e.mean)}, {"decided", rival.decided}};
      if (e.half_width) one["interval95"] = {encode_number(e.mean - *e.half_width), encode_number(e.mean + *e.half_width)};
      rivals.push_back(std::move(one));
    }
    points.push_back({{"cells", point.cells},
                      {"cost", encode_number(point.cost.mean)},
                      {"quality", encode_number(point.quality.mean)},
                      {"n", point.quality.n},
                      {"on_frontier", point.on_frontier},
                      {"dominated_by", std::move(rivals)}});
  }
  json["points"] = std::move(points);
  return json;
}

}  // namespace tessera
