// SPDX-License-Identifier: Apache-2.0
// Where a step of the fused engine spends its time, stage by stage, beside what this machine's
// arithmetic units and memory can do, measured in the same run:
//
//     cmake --build build/release --target bench_stages
//     build/release/bench/bench_stages [dense|conv] [f32|bf16] [STEPS]
//
// The models are those of the benchmarks dense and conv, the images 13 % ones, the batch 128, the
// optimizer Adam. OMP_NUM_THREADS= sets the number of threads, ELBO_ISA= forces a lower
// instruction set. Medians over the steps.
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "elbo/core/error.h"
#include "elbo/fused/plan.h"
#include "elbo/kernels/peak.h"
#include "elbo/models/model.h"
#include "elbo/tensor/random.h"
#include "elbo/train/optimizer.h"

namespace elbo {
namespace {

constexpr int64_t kRows = 128;
constexpr int kWarmUp = 5;

std::shared_ptr<Model> make(const std::string& which) {
  ModelOptions options;
  if (which == "conv") {
    options.encoder = "conv", options.latent = 16;
  } else {
    ELBO_CHECK(which == "dense", Code::usage, "no such model: {}; dense or conv", which);
  }
  Schema schema;
  schema.kind = "image", schema.shape = {1, 28, 28};
  Rng rng(0, "init");
  return make_model(options, schema, rng);
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

/// A part of the step and how long it took at each step.
struct Timing {
  std::string name;
  double operations = 0, bytes = 0;  // where they are known
  std::vector<double> forwards = {}, backwards = {};

  double time() const { return median(forwards) + median(backwards); }
};

/// Makes steps by hand, as the fused engine does, with a clock around each part.
class Steps {
 public:
  Steps(const std::string& which, Precision precision)
      : model_(make(which)),
        plan_(*vae_parts(*model_), precision),
        params_(model_->parameters()),
        optimizer_(optimizers().make(Part("adam"), params_)),
        team_(at::get_num_threads()) {
    Rng rng(0, "images");
    batch_.x = (uniform(rng, {kRows, 784}) < 0.13).to(at::kFloat);
    timings_.push_back({"draw noise"});
    timings_.push_back({"look for zeros"});
    for (fused::Stage* stage : plan_.stages()) timings_.push_back({stage->name()});
    timings_.push_back({"norm of the gradient"});
    timings_.push_back({"Adam"});
  }

  void make_one() {
    double start = seconds();
    auto timing = timings_.begin();
    auto take = [&](std::vector<double>& into) {
      double now = seconds();
      into.push_back(now - start);
      start = now;
    };
    plan_.prepare(batch_, rng_);
    if (scratch_.empty()) {
      for (int i = 0; i < team_.size(); ++i) scratch_.emplace_back(plan_.scratch());
    }
    fused::Work work{team_, kRows, scratch_};
    take((timing++)->forwards);
    plan_.read_input(work);
    take((timing++)->forwards);
    for (fused::Stage* stage : plan_.stages()) {
      stage->forward(work);
      take((timing++)->forwards);
    }
    plan_.latent().weigh({}, kRows);
    auto last = timing;
    for (size_t i = plan_.stages().size(); i-- > 0;) {
      plan_.stages()[i]->backward(work);
      take((--last)->backwards);
    }
    find_norm();
    take((timing++)->backwards);
    optimizer_->begin(1e-3);
    team_.each(optimizer_->pieces(), [&](int, int64_t i) { optimizer_->update(i); });
    take(timing->backwards);
  }

  void forget() {
    for (Timing& t : timings_) t.forwards.clear(), t.backwards.clear();
  }

  /// With what each part has to do.
  const std::vector<Timing>& timings() {
    for (size_t i = 0; i < plan_.stages().size(); ++i) {
      timings_[i + 2].operations = plan_.stages()[i]->operations(kRows);
    }
    auto weights = static_cast<double>(parameter_count(*model_));
    timings_[timings_.size() - 2].bytes = 4 * weights;
    timings_.back().bytes = 28 * weights;  // weight and two moments both ways, the gradient
    return timings_;
  }
  Team& team() { return team_; }

 private:
  void find_norm() {
    for (const Tensor& p : params_) {
      const float* g = p.grad().data_ptr<float>();
      constexpr int64_t kPiece = 16384;
      team_.each((p.numel() + kPiece - 1) / kPiece, [&](int member, int64_t i) {
        int64_t n = std::min(kPiece, p.numel() - i * kPiece);
        squares_[static_cast<size_t>(member)] += activations_.square_sum(g + i * kPiece, n, 1, n);
      });
    }
  }

  std::shared_ptr<Model> model_;
  fused::Plan plan_;
  std::vector<Tensor> params_;
  std::unique_ptr<Optimizer> optimizer_;
  Team team_;
  Rng rng_ = Rng(0, "noise");
  Batch batch_;
  std::vector<Buffer> scratch_;
  std::vector<double> squares_ = std::vector<double>(static_cast<size_t>(at::get_num_threads()));
  const ActivationKernels& activations_ = activation_kernels(isa());
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
  Steps steps(which, precision);
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
