// SPDX-License-Identifier: Apache-2.0
#include "elbo/objectives/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace elbo {
namespace {

/// The share of the first `span` epochs that has passed, 1 after them; span 0 means the whole run.
double progress(const Time& t, double span) {
  return std::clamp(t.epoch / std::max(span > 0 ? span : t.epochs, 1e-9), 0.0, 1.0);
}

struct RampOptions {
  double from = 0, to = 1, epochs = 10, warmup = 0;
  void fields(Fields& f) {
    f("from", from, "factor at the start", at_least(0));
    f("to", to, "factor at the end", at_least(0));
    f("epochs", epochs, "epochs from start to end; 0 takes the whole run", at_least(0));
    f("warmup", warmup, "epochs over which the factor also rises from 0", at_least(0));
  }
  double warm(const Time& t) const { return warmup > 0 ? progress(t, warmup) : 1; }
};

struct CosineOptions : RampOptions {
  CosineOptions() { from = 1, to = 0.01, epochs = 0; }
};

struct CyclicalOptions {
  int64_t cycles = 4;
  double ramp = 0.5;
  void fields(Fields& f) {
    f("cycles", cycles, "rises from 0 to 1 over the run", at_least(1));
    f("ramp", ramp, "share of each cycle spent rising; the rest stays at 1",
      {.lo = 0, .hi = 1, .open_lo = true});
  }
};

struct StepOptions {
  int64_t stages = 3;
  double factor = 0.1;
  void fields(Fields& f) {
    f("stages", stages, "equal stages into which the run is cut", at_least(1));
    f("factor", factor, "factor from each stage to the next", above(0));
  }
};

}  // namespace

const Family<Schedule>& schedules() {
  static const auto family = [] {
    Family<Schedule> f("schedule", "a factor for a weight or a rate, over the run");
    f.row<NoOptions>("constant", "1 throughout", "",
                     [](const NoOptions&) -> Schedule { return [](const Time&) { return 1.0; }; });
    f.row<RampOptions>("linear", "a straight line, then level: warm-up", "Bowman et al. 2016",
                       [](const RampOptions& o) -> Schedule {
                         return [o](const Time& t) {
                           return o.warm(t) * std::lerp(o.from, o.to, progress(t, o.epochs));
                         };
                       });
    f.row<CosineOptions>("cosine", "half a cosine wave, then level", "Loshchilov & Hutter 2017",
                         [](const CosineOptions& o) -> Schedule {
                           return [o](const Time& t) {
                             double wave = std::cos(std::numbers::pi * progress(t, o.epochs));
                             return o.warm(t) * (o.to + (o.from - o.to) * (1 + wave) / 2);
                           };
                         });
    f.row<CyclicalOptions>("cyclical", "repeated rises from 0 to 1", "Fu et al. 2019",
                           [](const CyclicalOptions& o) -> Schedule {
                             return [o](const Time& t) {
                               double cycle = progress(t, 0) * static_cast<double>(o.cycles);
                               if (t.epoch >= t.epochs) return 1.0;
                               return std::min((cycle - std::floor(cycle)) / o.ramp, 1.0);
                             };
                           });
    f.row<StepOptions>("step", "equal stages, each `factor` times the one before",
                       "Burda et al. 2016 use 8 stages of 10^(-1/7)",
                       [](const StepOptions& o) -> Schedule {
                         return [o](const Time& t) {
                           auto last = static_cast<double>(o.stages - 1);
                           double stage = std::floor(progress(t, 0) * (last + 1) + 1e-9);
                           return std::pow(o.factor, std::min(stage, last));
                         };
                       });
    return f;
  }();
  return family;
}

}  // namespace elbo
