#include "experiment/run/stop_signals.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace tessera {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
std::atomic<int> received{0};
std::atomic<int> event_fd{-1};

void on_signal(int) {
  const int saved = errno;
  received.fetch_add(1);
  const uint64_t one = 1;
  if (const int fd = event_fd.load(); fd >= 0) [[maybe_unused]]
    auto written = ::write(fd, &one, sizeof one);
  errno = saved;
}

}  // namespace

StopSignals::StopSignals() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  received = 0;
  event_fd = event_.get();
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  for (int i = 0; i < 3; ++i) ::sigaction(kSignals[i], &action, &before_[i]);
}

StopSignals::~StopSignals() {
  for (int i = 0; i < 3; ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  event_fd = -1;
}

int StopSignals::count() const {
  uint64_t seen = 0;
  [[maybe_unused]] auto got = ::read(event_.get(), &seen, sizeof seen);
  return received.load();
}

}  // namespace tessera
