// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>

#include "elbo/kernels/peak.h"

namespace elbo {

double measure_peak(Team& team, Precision precision) {
  using Clock = std::chrono::steady_clock;
  const PeakKernels& kernels = peak_kernels(precision, isa());
  constexpr int64_t kRounds = 50000;  // a millisecond or so
  constexpr int kRuns = 10;
  double best = 0;
  float sink = 0;
  for (int i = 0; i < kRuns; ++i) {
    auto start = Clock::now();
    team.each(team.size(), [&](int member, int64_t) {
      float out = kernels.rounds(kRounds);
      if (member == 0) sink = out;
    });
    double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, team.size() * kRounds * kernels.operations / seconds);
  }
  return sink < 0 ? 0 : best;
}

}  // namespace elbo
