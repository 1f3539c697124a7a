// SIGINT, SIGTERM and SIGHUP counted instead of deadly, as long as this object lives; then as they were. One at a time.
#pragma once
#include <signal.h>

#include "core/files.hpp"

namespace tessera {

class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  int count() const;
  int fd() const { return event_.get(); }  // readable from the first signal on, until count() is asked

 private:
  Descriptor event_;
  struct sigaction before_[3] = {};
};

}  // namespace tessera
