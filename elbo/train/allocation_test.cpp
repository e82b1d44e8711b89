// SPDX-License-Identifier: Apache-2.0
// Counts what this program and its libraries take from the heap, by standing in for glibc's
// allocators.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>

#include "elbo/tensor/random.h"
#include "elbo/tensor/threads.h"
#include "elbo/train/engine.h"
#include "elbo/train/testing.h"

namespace {

std::atomic<bool> is_counting{false};
std::atomic<int64_t> allocations{0}, bytes{0};

void count(size_t size) {
  if (!is_counting.load(std::memory_order_relaxed)) return;
  ++allocations;
  bytes += static_cast<int64_t>(size);
}

}  // namespace

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t size) {
  count(size);
  return __libc_malloc(size);
}
void* calloc(size_t n, size_t size) {
  count(n * size);
  return __libc_calloc(n, size);
}
void* realloc(void* p, size_t size) {
  count(size);
  return __libc_realloc(p, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}
void* memalign(size_t alignment, size_t size) {
  count(size);
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  count(size);
  *out = __libc_memalign(alignment, size);
  return *out ? 0 : 12;
}
}

namespace elbo {
namespace {

/// What a step takes from the heap.
struct Taken {
  int64_t times, bytes;
};

Taken taken_in_a_step(const ModelOptions& model, const char* optimizer, int64_t rows,
                      const Part& bound = "elbo") {
  Schema schema;
  schema.kind = "image", schema.shape = {2, 10, 7};
  Rng rng(1, "test");
  auto module = make_model(model, schema, rng);
  Workers workers(2);
  WithWorkers guard(workers);
  ObjectiveOptions objective;
  objective.bound = bound;
  Engine engine(make_players(objective, module), {.optimizer = optimizer, .clip = 0.5});
  Batch batch;
  batch.x = (uniform(rng, {rows, 2, 10, 7}) < 0.1).to(at::kFloat);
  at::NoGradGuard no_grad;
  module->start_from(batch, rng);
  at::AutoGradMode with_grad(true);
  for (int64_t i = 0; i < 3; ++i) engine.step(batch, rng, {i, 0, 1}, 1e-3);
  allocations = 0, bytes = 0;
  is_counting = true;
  engine.step(batch, rng, {3, 0, 1}, 1e-3);
  is_counting = false;
  return {allocations, bytes};
}

ModelOptions small_model() {
  ModelOptions out;
  out.latent = 5;
  out.encoder = testing::small_network(0.2);
  return out;
}

TEST(Allocations, AreCounted) { EXPECT_GT(taken_in_a_step(small_model(), "adam", 33).times, 10); }

/// A step takes memory for autograd's nodes and handles of tensors, as much for any batch.
void expect_no_more_for_more_rows(const ModelOptions& model, const std::string& optimizer,
                                  const std::string& what) {
  Taken few = taken_in_a_step(model, optimizer.c_str(), 33);
  Taken many = taken_in_a_step(model, optimizer.c_str(), 400);
  EXPECT_EQ(many.times, few.times) << what;
  EXPECT_LT(few.bytes, 128 << 10) << what;
  EXPECT_LT(many.bytes - few.bytes, 8 << 10) << what;
}

TEST(Allocations, OfAStepDoNotGrowWithTheBatch) {
  Part element = testing::part_with("gaussian", "scale", "element");
  for (const char* posterior : {"diagonal", "full", "point"}) {
    for (const Part& likelihood : {Part("bernoulli"), Part("gaussian"), element}) {
      for (const std::string& optimizer : optimizers().names()) {
        ModelOptions model = small_model();
        model.posterior = posterior;
        model.likelihood = likelihood;
        expect_no_more_for_more_rows(model, optimizer,
                                     posterior + (" " + likelihood.type) + " " + optimizer);
      }
    }
  }
}

TEST(Allocations, OfConvolutionsAndNormsDoNotGrowWithTheBatch) {
  for (const char* norm : {"none", "batch", "layer"}) {
    for (const char* network : {"conv", "mlp"}) {
      ModelOptions model = small_model();
      model.encoder = testing::part_with(network, "norm", std::string(norm));
      model.encoder.options["dropout"] = 0.3;
      expect_no_more_for_more_rows(model, "adam", network + (" " + std::string(norm)));
    }
  }
}

}  // namespace
}  // namespace elbo
