// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/fused_model.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "elbo/core/cpu.h"
#include "elbo/fused/chain.h"
#include "elbo/fused/testing.h"
#include "elbo/models/vae.h"

namespace elbo::fused {
namespace {

using testing::Draw;
using testing::VaeCase;

/// A LibTorch thread count that is gone afterwards.
struct Threads {
  explicit Threads(int n) : before(at::get_num_threads()) { at::set_num_threads(n); }
  ~Threads() { at::set_num_threads(before); }
  int before;
};

/// A case of dense layers and a table.
VaeCase dense_case(uint64_t seed, int64_t columns) {
  VaeCase c;
  c.seed = seed, c.shape = {columns}, c.rows = 9, c.model.latent = 7;
  c.model.encoder.options["sizes"] = Value::list<int64_t>({300, 50});
  return c;
}

/// The case's model, ready for evaluation.
std::shared_ptr<Model> still(const VaeCase& c) {
  auto out = c.make();
  out->eval();
  return out;
}

std::unique_ptr<Model> fused(Model& model, int threads = 2) {
  Threads guard(threads);
  auto out = try_fused_model(model);
  EXPECT_TRUE(out);
  return out;
}

Batch in_f64(Batch batch) {
  for (Tensor* t : {&batch.x, &batch.input, &batch.mask}) {
    if (t->defined()) *t = t->to(at::kDouble);
  }
  return batch;
}

/// Whether a is b to f32 rounding: to a share of each number and of their usual size, twice that
/// where a multiply-add rounds twice.
::testing::AssertionResult agree(const char* what, const Tensor& a, const Tensor& b,
                                 double share = 1e-5) {
  if (a.defined() != b.defined()) {
    return ::testing::AssertionFailure() << what << ": only one has it";
  }
  if (!a.defined()) return ::testing::AssertionSuccess();
  if (a.sizes() != b.sizes()) return ::testing::AssertionFailure() << what << ": shapes differ";
  Tensor exact = b.to(at::kDouble);
  if (isa() == Isa::scalar) share *= 2;
  Tensor allowed = share * (exact.abs() + exact.abs().mean()) + 1e-6;
  double worst = ((a.to(at::kDouble) - exact).abs() / allowed).max().item<double>();
  if (worst <= 1) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << what << ": off by " << worst << " times what is allowed";
}

void expect_same(const Pass& a, const Pass& b) {
  const Latent &u = a.latents.at(0), &v = b.latents.at(0);
  EXPECT_TRUE(agree("log_px", a.log_px, b.log_px));
  EXPECT_TRUE(agree("z", u.z, v.z));
  EXPECT_TRUE(agree("log_q", u.log_q, v.log_q));
  EXPECT_TRUE(agree("log_p", u.log_p, v.log_p));
  EXPECT_TRUE(agree("kl", u.kl, v.kl));
  EXPECT_TRUE(agree("kl_per_dimension", u.kl_per_dimension, v.kl_per_dimension));
}

void expect_same(const Distribution& a, const Distribution& b) {
  EXPECT_EQ(a.name(), b.name());
  EXPECT_TRUE(agree("mean", a.mean(), b.mean()));
  // Of a continuous Bernoulli it is a difference of large numbers, found by LibTorch either way.
  EXPECT_TRUE(agree("variance", a.variance(), b.variance(),
                    a.name() == "continuous bernoulli" ? 1e-3 : 1e-5));
}

TEST(FusedModel, FindsWhatTheModelItselfFindsInF64) {
  at::NoGradGuard no_grad;
  for (uint64_t seed = 1; seed <= 200 && !::testing::Test::HasFailure(); ++seed) {
    VaeCase c = Draw(seed)();
    // Of many dimensions L is so ill-conditioned that even f64 cannot find the noise again from z.
    if (c.model.posterior.type == "full") c.model.latent = std::min<int64_t>(c.model.latent, 6);
    SCOPED_TRACE(c.text());
    auto model = still(c), exact = still(c);
    exact->to(at::kDouble);
    auto fast = fused(*model);
    Batch batch = c.batch(), batch64 = in_f64(batch);
    bool has_density = model->is_variational();
    PassOptions options{c.samples, has_density, has_density && seed % 2 == 0};
    Rng a(seed, "draws"), b(seed, "draws");
    Pass pass = fast->pass(batch, a, options);
    expect_same(pass, exact->pass(batch64, b, options));
    EXPECT_EQ(a.uniform(), b.uniform());  // both have drawn as much
    expect_same(*fast->encode(batch, a).at(0).q, *exact->encode(batch64, b).at(0).q);
    Tensor z = pass.latents[0].z;
    expect_same(*fast->decode({z}, a), *exact->decode({z.to(at::kDouble)}, b));
    expect_same(*fast->decode({z[0]}, a), *exact->decode({z[0].to(at::kDouble)}, b));
  }
}

TEST(FusedModel, NumberOfThreadsChangesNoBit) {
  at::NoGradGuard no_grad;
  VaeCase c = dense_case(3, 61);
  c.rows = 211, c.model.posterior = "full";
  auto model = still(c);
  Batch batch = c.batch();
  Rng first(1, "draws");
  Pass one = fused(*model, 1)->pass(batch, first, {.samples = 17, .densities = true});
  for (int threads : {2, 3}) {
    Rng rng(1, "draws");
    Pass more = fused(*model, threads)->pass(batch, rng, {.samples = 17, .densities = true});
    EXPECT_TRUE(at::equal(one.log_px, more.log_px)) << threads;
    EXPECT_TRUE(at::equal(one.latents[0].z, more.latents[0].z)) << threads;
    EXPECT_TRUE(at::equal(one.latents[0].log_q, more.latents[0].log_q)) << threads;
  }
}

TEST(FusedModel, RowsDoNotKnowTheirBatch) {
  at::NoGradGuard no_grad;
  VaeCase c = dense_case(4, 61);
  c.rows = 3000, c.density = 0.1;
  c.model.likelihood = "gaussian";  // whose mean is what the kernels put out
  auto model = still(c);
  auto fast = fused(*model, 1), other = fused(*model, 1);  // the other sees few rows
  Batch batch = c.batch();
  Rng rng(1, "draws");
  Tensor mean = fast->encode(batch, rng).at(0).q->mean().clone();
  Tensor x = fast->decode({mean}, rng)->mean();
  for (int64_t row : {0, 249, 250, 500, 2999}) {
    Batch alone;
    alone.x = batch.x.narrow(0, row, 1).clone();
    EXPECT_TRUE(at::equal(other->encode(alone, rng).at(0).q->mean()[0], mean[row])) << row;
    EXPECT_TRUE(at::equal(other->decode({mean.narrow(0, row, 1)}, rng)->mean()[0], x[row])) << row;
  }
}

TEST(FusedModel, SeesThatABatchHasChanged) {
  at::NoGradGuard no_grad;
  VaeCase c = dense_case(5, 20);
  auto model = still(c);
  auto fast = fused(*model);
  Batch batch = c.batch(), other = c.batch();
  other.encoder_input().mul_(0.5);
  Rng rng(1, "draws");
  Tensor before = fast->encode(batch, rng).at(0).q->mean().clone();
  Tensor second = fast->encode(other, rng).at(0).q->mean().clone();
  EXPECT_FALSE(at::equal(before, second));
  EXPECT_TRUE(at::equal(fast->encode(batch, rng).at(0).q->mean(), before));
  batch.encoder_input().mul_(0.5);
  EXPECT_TRUE(at::equal(fast->encode(batch, rng).at(0).q->mean(), second));
}

TEST(FusedModel, RefusesRowsOfAnotherWidth) {
  at::NoGradGuard no_grad;
  VaeCase c = dense_case(7, 12);
  c.has_other_input = c.has_mask = true;
  auto model = still(c);
  auto fast = fused(*model);
  Rng rng(1, "draws");
  EXPECT_NO_THROW(fast->pass(c.batch(), rng, {}));
  for (Tensor Batch::*t : {&Batch::x, &Batch::input, &Batch::mask}) {
    Batch batch = c.batch();
    batch.*t = (batch.*t).narrow(1, 0, 11);
    EXPECT_THROW(fast->pass(batch, rng, {}), Error);
  }
  EXPECT_THROW(fast->decode({at::zeros({3, c.model.latent + 1})}, rng), Error);
}

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// What the decoder puts out for all draws would be a gigabyte, and what lies between the
// convolutions for 256 of them another.
TEST(FusedModel, HoldsFewOfTheDecodersRowsAtATime) {
  at::NoGradGuard no_grad;
  VaeCase dense = dense_case(8, 4096), images = dense_case(9, 1);
  dense.rows = 32;
  images.shape = {1, 64, 64}, images.rows = 2;
  images.model.encoder = Part("conv");
  images.model.encoder.options["channels"] = Value::list<int64_t>({64, 64});
  images.model.encoder.options["stride"] = 1, images.model.encoder.options["kernel"] = 3;
  images.model.encoder.options["dense"] = Value::list<int64_t>({});
  for (auto [c, samples] : {std::pair(dense, 2000), std::pair(images, 256)}) {
    auto model = still(c);
    Batch batch = c.batch();
    auto fast = fused(*model);
    Rng rng(1, "draws");
    fast->pass(batch, rng, {.samples = 32});
    double before = peak_megabytes();
    fast->pass(batch, rng, {.samples = samples, .densities = true});
    EXPECT_LT(peak_megabytes() - before, 32) << c.text();
  }
}

TEST(Chain, LooksForZerosOnlyWhereItsFirstLayerIsDense) {
  VaeCase dense = dense_case(7, 81), images;
  images.shape = {1, 9, 9}, images.model.encoder = "conv";
  for (const VaeCase& c : {dense, images}) {
    auto model = still(c);
    Signal in(81, false);
    SparseInput zeros(81);
    const Network& encoder = *vae_parts(*model)->encoder;
    EXPECT_EQ(Chain(encoder, in, &zeros, Way::forward, Precision::f32).reads_zeros(),
              c.model.encoder.type == "mlp");
    EXPECT_FALSE(Chain(encoder, in, nullptr, Way::forward, Precision::f32).reads_zeros());
  }
}

TEST(FusedModel, LeavesToTheModelWhatKernelsCannotDo) {
  VaeCase c = dense_case(6, 12);
  auto model = still(c);
  model->train();
  EXPECT_FALSE(try_fused_model(*model));
  model->eval();
  EXPECT_TRUE(try_fused_model(*model));
  model->to(at::kDouble);
  EXPECT_FALSE(try_fused_model(*model));

  c.model.posterior = "point";
  auto autoencoder = still(c);
  Rng rng(1, "draws");
  EXPECT_THROW(fused(*autoencoder)->pass(c.batch(), rng, {.densities = true}), Error);
}

}  // namespace
}  // namespace elbo::fused
