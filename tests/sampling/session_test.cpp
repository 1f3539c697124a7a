// The books of a decode session: what it refuses, in which words, and what it keeps.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tessera/session.hpp"

namespace tessera {
namespace {

// Answers zeros over all of K: the books must cut what lies outside a plane's vocabulary.
class ZeroSession : public DecodeSession {
 public:
  using DecodeSession::DecodeSession;

 protected:
  at::Tensor do_logits(const at::Tensor& positions_BQ, Step) override {
    return torch::zeros({positions_BQ.size(0), positions_BQ.size(1), layout().max_vocabulary()});
  }
};

TokenLayout layout() { return TokenLayout({{1, 2, 3, true}, {1, 2, 5, true}}); }
at::Tensor at_positions(std::vector<int64_t> a, std::vector<int64_t> b) {
  return torch::stack({torch::tensor(a, torch::kLong), torch::tensor(b, torch::kLong)});
}

std::string text_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::logic_error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(DecodeSession, RefusesBrokenRequestsOfRankedSessions) {
  ZeroSession session(Order::raster(4), layout(), 2, at::kCPU);
  EXPECT_EQ(text_of([&] { session.logits(at_positions({0}, {1}), {}); }),
            "logits: undecided positions of ranks 0 and 1 in one call; a ranked session takes one rank a call");
  EXPECT_EQ(text_of([&] { session.logits(at_positions({1}, {1}), {}); }),
            "logits: row 0, position 0 is undecided and of lower rank than what is asked");
  EXPECT_EQ(text_of([&] { session.logits(at_positions({4}, {0}), {}); }), "logits: position 4 outside a layout of 4");
  EXPECT_EQ(text_of([&] { session.logits(torch::zeros({1, 1}, torch::kLong), {}); }), "logits: positions must be int64 of shape 2 x Q");
  session.commit(at_positions({0}, {0}), at_positions({1}, {2}));
  EXPECT_EQ(text_of([&] { session.logits(at_positions({0}, {1}), {}); }),
            "logits: committed and undecided positions in one call of a ranked session");
}

TEST(DecodeSession, RefusesBrokenCommits) {
  ZeroSession session(Order::any(4), layout(), 2, at::kCPU);
  EXPECT_EQ(text_of([&] {
              session.commit(at_positions({0, 0}, {1, -1}), at_positions({1, 1}, {1, 1}));
            }),
            "commit: a position is named twice in one row");
  EXPECT_EQ(text_of([&] { session.commit(at_positions({0}, {1}), at_positions({3}, {1})); }),
            "commit: ids outside the vocabulary of plane 0");
  EXPECT_EQ(text_of([&] { session.commit(at_positions({2}, {2}), at_positions({5}, {1})); }), "commit: ids outside [0, 5)");
  session.commit(at_positions({0}, {-1}), at_positions({1}, {1}));
  EXPECT_EQ(text_of([&] { session.commit(at_positions({0}, {0}), at_positions({1}, {1})); }),
            "commit: row 0, position 0 is committed already");
  EXPECT_TRUE(session.ids_BN().equal(at_positions({1, -1, -1, -1}, {-1, -1, -1, -1})));
}

TEST(DecodeSession, OfAnyOrderScoresUndecidedPositionsOnly) {
  ZeroSession session(Order::any(4), layout(), 2, at::kCPU);
  session.commit(at_positions({-1}, {2}), at_positions({0}, {4}));
  EXPECT_EQ(text_of([&] { session.logits(at_positions({2}, {2}), {}); }),
            "logits: row 1, position 2 is committed; an any-order session scores undecided positions only");
}

TEST(DecodeSession, TakesKnownTokensOnceAndFirst) {
  ZeroSession session(Order::any(4), layout(), 2, at::kCPU);
  session.commit_known(at_positions({1, -1, -1, 4}, {-1, -1, -1, -1}));
  EXPECT_TRUE(session.ids_BN().equal(at_positions({1, -1, -1, 4}, {-1, -1, -1, -1})));
  EXPECT_EQ(text_of([&] {
              session.commit_known(at_positions({-1, 1, -1, -1}, {-1, -1, -1, -1}));
            }),
            "commit_known: tokens are committed already");
}

TEST(DecodeSession, CutsLogitsToThePlaneAndZeroesPadding) {
  ZeroSession session(Order::any(4), layout(), 2, at::kCPU);
  auto logits = session.logits(at_positions({0, 2}, {-1, 1}), {});
  EXPECT_EQ(torch::isneginf(logits[0][0]).sum().item<int64_t>(), 2);  // vocabulary 3 of 5
  EXPECT_EQ(torch::isneginf(logits[0][1]).sum().item<int64_t>(), 0);
  EXPECT_TRUE(logits[1][0].equal(torch::zeros({5})));
}

TEST(DecodeSession, RetractsAllButKnownTokens) {
  auto order = Order::any(4);
  EXPECT_EQ(text_of([&] { ZeroSession(order, layout(), 2, at::kCPU).retract(at_positions({0}, {0})); }),
            "retract: this prior's sessions cannot retract");
  order.retract = true;
  ZeroSession session(order, layout(), 2, at::kCPU);
  session.commit_known(at_positions({1, -1, -1, -1}, {-1, -1, -1, -1}));
  session.commit(at_positions({1}, {1}), at_positions({2}, {2}));
  session.retract(at_positions({0, 1}, {1, -1}));
  EXPECT_TRUE(session.ids_BN().equal(at_positions({1, -1, -1, -1}, {-1, -1, -1, -1})));
}

}  // namespace
}  // namespace tessera
