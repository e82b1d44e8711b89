// SPDX-License-Identifier: Apache-2.0
// Where a training step spends its time, part by part, beside what this machine's arithmetic units
// and memory can do, measured in the same run:
//
//     cmake --build build/release --target bench_stages
//     build/release/bench/bench_stages [dense|conv|iwae|vamp|full|deep|table] [f32|bf16] [STEPS]
//
// The models are those of the benchmarks of these names (iwae with K = 5), the images 13 % ones,
// the batch 128, the optimizer Adam. OMP_NUM_THREADS= sets the number of threads, ELBO_ISA= forces
// a lower instruction set. Medians over the steps; parts of one name are taken together.
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>

#include "elbo/core/error.h"
#include "elbo/kernels/peak.h"
#include "elbo/tensor/profile.h"
#include "elbo/tensor/random.h"
#include "elbo/tensor/threads.h"
#include "elbo/train/engine.h"

namespace elbo {
namespace {

constexpr int64_t kRows = 128;
constexpr int kWarmUp = 5;

/// A benchmark's model and what is maximised.
struct Setup {
  ModelOptions model;
  ObjectiveOptions objective;
  std::vector<int64_t> shape = {1, 28, 28};
};

Part with_list(const char* type, const char* key, std::vector<int64_t> list) {
  Part out(type);
  out.options[key] = Value::list<int64_t>(list);
  return out;
}

Setup setup(const std::string& which) {
  Setup out;
  if (which == "conv") {
    out.model.encoder = "conv", out.model.latent = 16;
  } else if (which == "iwae") {
    out.objective.bound = "iwae";
  } else if (which == "vamp") {
    out.model.prior = "vamp";
  } else if (which == "full") {
    out.model.posterior = "full";
  } else if (which == "deep") {
    out.model.encoder = with_list("mlp", "sizes", {512, 512}), out.model.latent = 50;
  } else if (which == "table") {
    out.model.encoder = with_list("mlp", "sizes", {256, 128}), out.model.latent = 8;
    out.model.likelihood = "gaussian", out.shape = {64};
  } else {
    ELBO_CHECK(which == "dense", Code::usage,
               "no such model: {}; dense, conv, iwae, vamp, full, deep or table", which);
  }
  return out;
}

std::shared_ptr<Model> make(const Setup& s, const Batch& batch) {
  Schema schema;
  schema.kind = s.shape.size() == 3 ? "image" : "table", schema.shape = s.shape;
  Rng rng(0, "init");
  auto out = make_model(s.model, schema, rng);
  at::NoGradGuard no_grad;
  out->start_from(batch, rng);
  return out;
}

/// Images of 13 % ones, or a table of normals.
Batch make_batch(const Setup& s, int64_t rows) {
  std::vector<int64_t> shape = s.shape;
  shape.insert(shape.begin(), rows);
  Rng rng(0, "data");
  Batch out;
  out.x = s.shape.size() == 3 ? (uniform(rng, shape) < 0.13).to(at::kFloat) : normal(rng, shape);
  return out;
}

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> of) {
  if (of.empty()) return 0;
  std::nth_element(of.begin(), of.begin() + static_cast<int64_t>(of.size() / 2), of.end());
  return of[of.size() / 2];
}

/// Bytes per second of a = b + c over arrays larger than any cache; the best of some runs.
double measure_memory(Team& team) {
  constexpr int64_t kFloats = 1 << 24, kPiece = 1 << 16, kRuns = 8;
  Buffer a(kFloats), b(kFloats), c(kFloats);
  std::fill_n(b.data(), kFloats, 1.0f), std::fill_n(c.data(), kFloats, 2.0f);
  double best = 0;
  for (int64_t run = 0; run < kRuns; ++run) {
    double start = seconds();
    team.each(kFloats / kPiece, [&](int, int64_t i) {
      float *out = a.data() + i * kPiece, *x = b.data() + i * kPiece, *y = c.data() + i * kPiece;
      for (int64_t k = 0; k < kPiece; ++k) out[k] = x[k] + y[k];
    });
    best = std::max(best, 3.0 * sizeof(float) * kFloats / (seconds() - start));
  }
  return best;
}

/// A part of the step and how long it took in each.
struct Timing {
  std::string name;
  double operations = 0, bytes = 0;  // where they are known
  std::vector<double> forwards = {}, backwards = {};

  double time() const { return median(forwards) + median(backwards); }
};

/// Makes steps and listens to their parts.
class Steps {
 public:
  Steps(const Setup& s, Precision precision)
      : model_(make(s, make_batch(s, 600))),
        engine_(make_players(s.objective, model_), {.precision = precision}),
        workers_(at::get_num_threads()),
        batch_(make_batch(s, kRows)) {}

  void make_one() {
    WithWorkers with_workers(workers_);
    auto listen = [this](const std::string& part, Direction direction, double seconds, double ops) {
      Timing& t = timing_of(part);
      (direction == Direction::forward ? t.forwards : t.backwards).back() += seconds;
      t.operations += ops;
    };
    for (Timing& t : timings_) begin(t);
    Profile profile = listen;
    WithProfile guard(profile);
    double start = seconds();
    engine_.step(batch_, rng_, {}, 1e-3);
    steps_.push_back(seconds() - start);
  }

  void forget() {
    steps_.clear();
    for (Timing& t : timings_) t.forwards.clear(), t.backwards.clear();
  }

  /// With what each part has to do, and last what is left of a step: LibTorch's operators and
  /// autograd's book-keeping.
  std::vector<Timing> timings() {
    auto weights = static_cast<double>(parameter_count(*model_));
    timing_of("norm of the gradient").bytes = 4 * weights;
    timing_of("optimizer").bytes = 28 * weights;  // weight and two moments both ways, the gradient
    double rest = median(steps_);
    for (const Timing& t : timings_) rest -= t.time();
    std::vector<Timing> out = timings_;
    out.push_back({.name = "operators and the rest", .backwards = {rest}});
    return out;
  }
  Team& team() { return workers_.team(); }

 private:
  static void begin(Timing& t) {
    t.forwards.push_back(0), t.backwards.push_back(0);
    t.operations = 0;
  }
  Timing& timing_of(const std::string& part) {
    for (Timing& t : timings_) {
      if (t.name == part) return t;
    }
    timings_.push_back({part});
    begin(timings_.back());
    return timings_.back();
  }

  std::shared_ptr<Model> model_;
  Engine engine_;
  Workers workers_;
  Batch batch_;
  Rng rng_ = Rng(0, "noise");
  std::vector<double> steps_;
  std::vector<Timing> timings_;
};

void tell(const std::vector<Timing>& timings, double peak) {
  double all = 0, operations = 0;
  for (const Timing& t : timings) all += t.time(), operations += t.operations;
  fmt::print("{:<34} {:>11} {:>12} {:>6}\n", "", "forwards ms", "backwards ms", "share");
  for (const Timing& t : timings) {
    fmt::print("{:<34} {:>11.3f} {:>12.3f} {:>5.1f}%", t.name, 1e3 * median(t.forwards),
               1e3 * median(t.backwards), 100 * t.time() / all);
    if (t.operations > 0) {
      double rate = t.operations / t.time();
      fmt::print(" {:>5.0f} GFLOP/s, {:.0f}% of registers'", rate / 1e9, 100 * rate / peak);
    }
    if (t.bytes > 0) fmt::print(" {:>5.0f} GB/s", t.bytes / t.time() / 1e9);
    fmt::print("\n");
  }
  fmt::print("{:<34} {:>11.3f} ms, {:.3f} ({:.0f}%) if it were products at registers' rate alone\n",
             "a step", 1e3 * all, 1e3 * operations / peak, 100 * operations / peak / all);
}

void run(const std::string& which, const std::string& dtype, int count) {
  ELBO_CHECK(dtype == "f32" || dtype == "bf16", Code::usage, "no such precision: {}; f32 or bf16",
             dtype);
  ELBO_CHECK(count > 0, Code::usage, "the number of steps must be more than 0");
  Precision precision = dtype == "bf16" ? Precision::bf16 : Precision::f32;
  Steps steps(setup(which), precision);
  double peak = measure_peak(steps.team(), precision), memory = measure_memory(steps.team());
  for (int i = 0; i < kWarmUp; ++i) steps.make_one();
  steps.forget();
  for (int i = 0; i < count; ++i) steps.make_one();
  peak = std::max(peak, measure_peak(steps.team(), precision));
  fmt::print("{}, {}, {}, {} threads: {:.0f} GFLOP/s in registers, {:.0f} GB/s from memory\n",
             which, dtype, isa_name(isa()), steps.team().size(), peak / 1e9, memory / 1e9);
  tell(steps.timings(), peak);
}

}  // namespace
}  // namespace elbo

int main(int argc, char** argv) {
  try {
    elbo::run(argc > 1 ? argv[1] : "conv", argc > 2 ? argv[2] : "f32",
              argc > 3 ? std::atoi(argv[3]) : 300);
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
