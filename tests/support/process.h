// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/core/files.h"

namespace elbo::testing {

/// A program started in a folder, its output kept. The environment is the test's own without
/// ELBO_..., with the folder of the `elbo` program first in PATH. Killed when it is still there at
/// the end.
class Process {
 public:
  Process(const std::vector<std::string>& words, const Path& folder);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Whether it ended within the time.
  bool wait_for(double seconds);
  /// Waits for the end: the exit code, or 128 + the signal that ended it.
  int wait();
  void send(int signal);
  std::string out() const;
  std::string err() const;

 private:
  int process_ = -1, code_ = -1;
  int out_ = -1, err_ = -1;
};

}  // namespace elbo::testing
