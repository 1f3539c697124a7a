// What tests start as a process of its own:
//   stage <results>        one stage from lease to publish, from the latest checkpoint on; exit 11 where it is leased
//   hold <results>         takes the lease, says "held", waits for its end
//   publish <results> <c>  takes a lease, says "held", waits for a line, publishes an output of the letter c; exit 0 won, 1 lost
//   full <path>            writes a journal of 400 lines; "told" lines go to stderr
//   points                 prints the fault points
//   echo | sleep | spill | crash | environment | grow | orphan
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <thread>

#include "core/error.hpp"
#include "core/fault.hpp"
#include "core/journal.hpp"
#include "core/machine.hpp"
#include "core/safetensors.hpp"
#include "core/stage_folder.hpp"
#include "core/subprocess.hpp"

using namespace tessera;

namespace {

constexpr int64_t kSteps = 6, kEvery = 2;

void save_number(const std::filesystem::path& path, int64_t number) {
  save_safetensors(path, {{"number", {"I64", {}, &number, sizeof number}}});
}

// The "training": number <- 3 * number + step, checkpointed, so that a lost or doubled step changes the result.
int run_stage(const std::string& results) {
  StageFolder stage(results, "prior", "0123");
  if (stage.published()) return 0;
  auto lease = stage.try_lease();
  if (!lease) return static_cast<int>(ExitCode::busy);
  int64_t number = 1, from = 0;
  if (auto checkpoint = stage.latest_checkpoint(lease->n())) {
    std::memcpy(&number, SafetensorsFile(checkpoint->file).at("number").data, sizeof number);
    from = checkpoint->step;
  }
  JournalWriter journal(lease->journal(), {{"what", "run"}, {"n", lease->n()}, {"from_step", from}});
  for (int64_t step = from; step < kSteps; ++step) {
    number = 3 * number + step;
    journal.write({{"t", "step"}, {"s", step}, {"v", {{"number", number}}}});
    if ((step + 1) % kEvery) continue;
    journal.sync();
    save_number(lease->checkpoints() / checkpoint_name(step + 1), number);
    journal.write({{"t", "checkpoint"}, {"s", step + 1}, {"file", checkpoint_name(step + 1)}});
  }
  save_number(lease->out() / "prior.safetensors", number);
  auto outputs = describe_outputs(lease->out());
  journal.write({{"t", "publish"}, {"outputs", outputs}});
  journal.sync();
  lease->publish({{"kind", "prior"}, {"key", "0123"}, {"outputs", outputs}});
  journal.write({{"t", "end"}, {"state", "done"}});
  return 0;
}

int publish(const std::string& results, const std::string& content) {
  auto lease = StageFolder(results, "prior", "0123").try_lease();
  if (!lease) return static_cast<int>(ExitCode::busy);
  JournalWriter journal(lease->journal(), Json::object());
  journal.write({{"t", "end"}});  // so that the next one may begin: both are to publish at once
  write_file_atomically(lease->out() / "a.txt", content);
  std::cout << "held" << std::endl;
  std::string line;
  std::getline(std::cin, line);
  return lease->publish({{"outputs", describe_outputs(lease->out())}}) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::string mode = argc > 1 ? argv[1] : "", argument = argc > 2 ? argv[2] : "";
  if (mode == "stage") return run_stage(argument);
  if (mode == "publish") return publish(argument, argv[3]);
  if (mode == "hold") {
    auto lease = StageFolder(argument, "prior", "0123").try_lease();
    if (!lease) return static_cast<int>(ExitCode::busy);
    std::cout << "held" << std::endl;
    ::pause();
  }
  if (mode == "full") {
    JournalWriter journal(argument, Json::object());
    for (int i = 1; i < 400; ++i) journal.write({{"t", "step"}, {"text", std::string(1000, 'x')}});
  }
  if (mode == "points")
    for (const auto& name : fault_points()) std::cout << name << "\n";
  if (mode == "echo") std::cout << std::cin.rdbuf() << std::flush;
  if (mode == "sleep") std::this_thread::sleep_for(std::chrono::seconds(100));
  if (mode == "age") {
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    std::cout << process_age() << std::endl;
  }
  if (mode == "spill") std::cout << "one\n\nthree" << std::flush;
  if (mode == "crash") std::abort();
  if (mode == "environment") std::cout << std::getenv("TESSERA_TEST_VARIABLE") << "\n";
  if (mode == "grow")  // the limit is set just after the start, so the first tries may succeed
    for (int i = 0; i < 500; ++i) {
      void* volatile block = std::malloc(size_t{1} << 33);
      if (!block) return 9;
      std::free(block);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  if (mode == "orphan") {  // a child that outlives nobody: started by this process, which then dies
    die_with_parent();
    if (argument.empty()) {
      ChildOptions options;
      options.argv = {argv[0], "orphan", "inner"};
      Child child(options);
      std::string line;
      child.read_line(line, Clock::time_point::max());
      std::cout << line << std::endl;
      ::_exit(0);  // no destructor: the child is not killed by us
    }
    std::cout << ::getpid() << std::endl;
    std::this_thread::sleep_for(std::chrono::seconds(100));
  }
  return 0;
}
