#include "core/stage_folder.hpp"

#include <map>
#include <sstream>

#include "core/hash.hpp"
#include "core/journal.hpp"
#include "core/safetensors.hpp"
#include "core/subprocess.hpp"
#include "scratch_folder.hpp"

namespace tessera {
namespace {

Child start_worker(std::vector<std::string> arguments, std::map<std::string, std::string> environment = {}, bool stdin_pipe = false) {
  ChildOptions options;
  options.argv = std::move(arguments);
  options.argv.insert(options.argv.begin(), CORE_WORKER);
  options.environment = std::move(environment);
  options.stdin_pipe = stdin_pipe;
  return Child(options);
}

ExitStatus run_worker(std::vector<std::string> arguments, std::map<std::string, std::string> environment = {}) {
  return start_worker(std::move(arguments), std::move(environment)).wait(Clock::now() + std::chrono::seconds(30)).value();
}

std::string next_line(Child& child) {
  std::string line;
  child.read_line(line, Clock::now() + std::chrono::seconds(30));
  return line;
}

constexpr auto kBusy = static_cast<int>(ExitCode::busy);

TEST(StageFolder, SecondLesseeWaitsForTheEndOfTheFirst) {
  ScratchFolder results;
  StageFolder stage(results.path(), "prior", "0123");
  EXPECT_TRUE(stage.runs().empty());
  Child first = start_worker({"hold", results.path().string()});
  ASSERT_EQ(next_line(first), "held");
  EXPECT_FALSE(stage.try_lease());
  EXPECT_EQ(run_worker({"hold", results.path().string()}).code, kBusy);
  ASSERT_EQ(stage.runs().size(), 1u);
  EXPECT_TRUE(stage.runs()[0].alive);

  first.kill();
  first.wait(Clock::time_point::max());
  EXPECT_FALSE(stage.runs()[0].alive);
  auto lease = stage.try_lease();
  ASSERT_TRUE(lease);
  EXPECT_EQ(lease->n(), 2);
  EXPECT_EQ(lease->folder(), results.path() / "stages/prior-0123/runs/2");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(results.path() / "stages/prior-0123/runs"), {}), 2);
}

// Where the locks of other machines are not seen, the time of `alive` says who is there.
TEST(StageFolder, OnANetworkFileSystemTheBeatTells) {
  ScratchFolder folder;
  const auto alive = folder.path() / "alive";
  const auto written = [&](const std::string& machine, int64_t seconds_ago) {
    write_file_atomically(alive, machine);
    std::filesystem::last_write_time(alive, std::filesystem::file_time_type::clock::now() - std::chrono::seconds(seconds_ago));
    return holder_of(alive, true);
  };
  EXPECT_EQ(holder_of(alive, true), Holder::gone) << "no such file";
  EXPECT_EQ(written("elsewhere\n", 0), Holder::alive);
  EXPECT_EQ(written("elsewhere\n", 100), Holder::alive);
  EXPECT_EQ(written("elsewhere\n", 140), Holder::silent);
  EXPECT_EQ(written("elsewhere\n", 3700), Holder::gone);
  EXPECT_EQ(holder_of(alive, false), Holder::gone);
  written("elsewhere\n", 0);
  EXPECT_EQ(holder_of(alive, false), Holder::gone) << "a local file system shows every lock";

  StageFolder stage(folder.path(), "prior", "0123");
  Child holder = start_worker({"hold", folder.path().string()});
  ASSERT_EQ(next_line(holder), "held");
  const auto held = stage.runs()[0].folder / "alive";
  std::filesystem::last_write_time(held, std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  EXPECT_EQ(holder_of(held, true), Holder::alive) << "its lock is seen";
  holder.kill();
  holder.wait(Clock::time_point::max());
  std::filesystem::last_write_time(held, std::filesystem::file_time_type::clock::now());
  EXPECT_EQ(holder_of(held, true), Holder::gone) << "of this machine: the lock says it";
}

TEST(StageFolder, EndLineEndsALiveRun) {
  ScratchFolder results;
  StageFolder stage(results.path(), "prior", "0123");
  auto first = stage.try_lease();
  JournalWriter journal(first->journal(), Json::object());
  EXPECT_FALSE(stage.try_lease());
  journal.write({{"t", "end"}, {"state", "failed"}});
  EXPECT_EQ(stage.try_lease()->n(), 2);
}

TEST(StageFolder, ManyAtOnceGetOneLease) {
  for (int round = 0; round < 5; ++round) {
    ScratchFolder results;
    std::vector<Child> children;
    for (int i = 0; i < 8; ++i) children.push_back(start_worker({"hold", results.path().string()}));
    int held = 0;
    for (auto& child : children) held += next_line(child) == "held";
    EXPECT_EQ(held, 1);
    EXPECT_EQ(StageFolder(results.path(), "prior", "0123").runs().size(), 1u);
  }
}

TEST(StageFolder, PublishRaceHasOneWinner) {
  for (int round = 0; round < 10; ++round) {
    ScratchFolder results;
    std::vector<Child> children;
    for (int i = 0; i < 4; ++i) {
      children.push_back(start_worker({"publish", results.path().string(), std::string(1, static_cast<char>('a' + i))}, {}, true));
      ASSERT_EQ(next_line(children.back()), "held");
    }
    for (auto& child : children) child.write_stdin("go\n");
    std::string winner;
    int won = 0;
    for (size_t i = 0; i < children.size(); ++i)
      if (children[i].wait(Clock::time_point::max())->code == 0) {
        ++won;
        winner = std::string(1, static_cast<char>('a' + i));
      }
    StageFolder stage(results.path(), "prior", "0123");
    EXPECT_EQ(won, 1);
    EXPECT_EQ(read_file(stage.output("a.txt")), winner);
    EXPECT_EQ(stage.published()->at("outputs").at("a.txt").at("sha256"), sha256(winner));
  }
}

TEST(StageFolder, HollowStageIsComputedAnew) {
  ScratchFolder results;
  StageFolder stage(results.path(), "prior", "0123");
  for (int64_t n : {1, 2}) {
    auto lease = stage.try_lease();
    ASSERT_EQ(lease->n(), n);
    write_file_atomically(lease->out() / "a.txt", "content");
    EXPECT_TRUE(lease->publish({{"outputs", describe_outputs(lease->out())}}));
    EXPECT_FALSE(stage.hollow());
    EXPECT_EQ(stage.output("a.txt"), lease->out() / "a.txt");
    auto late = lease->publish({{"outputs", describe_outputs(lease->out())}});
    EXPECT_FALSE(late) << "published already";
    std::filesystem::remove(stage.output("a.txt"));
    EXPECT_TRUE(stage.hollow());
  }
  EXPECT_EQ(error_of([&] { stage.output("b"); }), "stage prior-0123 has no output b");
  EXPECT_EQ(error_of([&] { StageFolder(results.path(), "prior", "4").output("b"); }), "stage prior-4 is not published");
}

TEST(StageFolder, LatestCheckpointIsOfLowerRunsOnly) {
  ScratchFolder results;
  StageFolder stage(results.path(), "prior", "0123");
  EXPECT_EQ(checkpoint_name(1200), "000001200.safetensors");
  std::vector<std::vector<int64_t>> steps = {{200, 400}, {400}, {1200}};
  for (const auto& of_run : steps) {
    auto lease = stage.try_lease();
    for (int64_t step : of_run) write_file_atomically(lease->checkpoints() / checkpoint_name(step), "x");
    write_file_atomically(lease->checkpoints() / ".000009999.safetensors.tmp", "torn");
  }
  EXPECT_FALSE(stage.latest_checkpoint(1));
  EXPECT_EQ(stage.latest_checkpoint(2)->step, 400);
  EXPECT_EQ(stage.latest_checkpoint(3)->run, 2);
  EXPECT_EQ(stage.latest_checkpoint(4)->step, 1200);
}

TEST(StageFolder, DifferingOutputs) {
  Json a = {{"outputs", {{"x", {{"sha256", "1"}}}, {"y", {{"sha256", "2"}}}}}},
       b = {{"outputs", {{"x", {{"sha256", "1"}}}, {"z", {{"sha256", "2"}}}}}};
  EXPECT_EQ(differing_outputs(a, b), (std::vector<std::string>{"y", "z"}));
  EXPECT_TRUE(differing_outputs(a, a).empty());
}

TEST(StageFolder, ForeignStageJsonIsRefused) {
  ScratchFolder results;
  StageFolder stage(results.path(), "prior", "0123");
  std::filesystem::create_directories(stage.path());
  write_file_atomically(stage.path() / "stage.json", "{\"format\":2,\"run\":1}");
  EXPECT_EQ(error_of([&] { stage.published(); }), (stage.path() / "stage.json").string() +
                                                      ": found no stage of format 1, expected what a finished run wrote; remove " +
                                                      stage.path().string() + " to compute it again");
}

// The whole life of a stage, killed at every passage of every fault point; afterwards it is finished as if nothing had been.
TEST(StageFolder, KilledAtEveryFaultPoint) {
  Child points = start_worker({"points"});
  std::vector<std::string> names;
  for (std::string line; points.read_line(line, Clock::time_point::max()) == Child::Read::line;) names.push_back(line);
  ASSERT_GE(names.size(), 8u);

  auto output_hash = [](const std::filesystem::path& results) {
    return sha256_file(StageFolder(results, "prior", "0123").output("prior.safetensors"));
  };
  ScratchFolder reference;
  ASSERT_TRUE(run_worker({"stage", reference.path().string()}).clean());
  int64_t number;
  std::memcpy(&number, SafetensorsFile(StageFolder(reference.path(), "prior", "0123").output("prior.safetensors")).at("number").data,
              sizeof number);
  EXPECT_EQ(number, 908);

  std::map<std::string, int> kills;
  for (const auto& name : names)
    for (int nth = 1; nth <= 20; ++nth) {
      ScratchFolder results;
      auto status = run_worker({"stage", results.path().string()}, {{"TESSERA_FAULT", name + ":" + std::to_string(nth)}});
      if (status.clean()) break;  // passed fewer times
      ASSERT_EQ(status.signal, SIGKILL) << name;
      ++kills[name];
      ASSERT_TRUE(run_worker({"stage", results.path().string()}).clean()) << name << ":" << nth;
      ASSERT_EQ(output_hash(results.path()), output_hash(reference.path())) << name << ":" << nth;
      for (const auto& run : StageFolder(results.path(), "prior", "0123").runs()) {
        EXPECT_FALSE(run.alive);
        if (!std::filesystem::exists(run.folder / "journal.jsonl")) continue;
        JournalReader reader(run.folder / "journal.jsonl");
        EXPECT_EQ(error_of([&] {
                    while (reader.next()) {
                    }
                  }),
                  "")
            << name << ":" << nth;
      }
    }
  for (const auto& name : names) EXPECT_GE(kills[name], 1) << name << " was never passed";
}

}  // namespace
}  // namespace tessera
