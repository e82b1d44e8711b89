// SPDX-License-Identifier: Apache-2.0
// Counts what this program and its libraries take from the heap, by standing in for glibc's
// allocators.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>

#include "elbo/tensor/random.h"
#include "elbo/train/engine.h"
#include "elbo/train/testing.h"

namespace {

std::atomic<bool> is_counting{false};
std::atomic<int64_t> allocations{0};

void count() {
  if (is_counting.load(std::memory_order_relaxed)) ++allocations;
}

}  // namespace

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t size) {
  count();
  return __libc_malloc(size);
}
void* calloc(size_t n, size_t size) {
  count();
  return __libc_calloc(n, size);
}
void* realloc(void* p, size_t size) {
  count();
  return __libc_realloc(p, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
void* memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  count();
  *out = __libc_memalign(alignment, size);
  return *out ? 0 : 12;
}
}

namespace elbo {
namespace {

int64_t allocations_in_a_step(const ModelOptions& model, const char* optimizer,
                              const char* engine_name) {
  Schema schema;
  schema.shape = {2, 10, 7};
  Rng rng(1, "test");
  auto module = make_model(model, schema, rng);
  at::set_num_threads(2);
  auto engine = make_engine(engine_name, {}, module, {.optimizer = optimizer, .clip = 0.5});
  at::set_num_threads(1);
  Batch batch;
  batch.x = (uniform(rng, {33, 2, 10, 7}) < 0.1).to(at::kFloat);
  for (int64_t i = 0; i < 3; ++i) engine->step(batch, rng, {i, 0, 1}, 1e-3);
  allocations = 0;
  is_counting = true;
  engine->step(batch, rng, {3, 0, 1}, 1e-3);
  is_counting = false;
  return allocations;
}

ModelOptions small_model() {
  ModelOptions out;
  out.latent = 5;
  out.encoder = testing::small_network(0.2);
  return out;
}

TEST(Allocations, AreCounted) {
  EXPECT_GT(allocations_in_a_step(small_model(), "adam", "autograd"), 100);
}

TEST(Allocations, NoneInAFusedStepAfterTheFirst) {
  Part element = testing::part_with("gaussian", "scale", "element");
  for (const char* posterior : {"diagonal", "full", "point"}) {
    for (const Part& likelihood : {Part("bernoulli"), Part("gaussian"), element}) {
      for (const std::string& optimizer : optimizers().names()) {
        ModelOptions model = small_model();
        model.posterior = posterior;
        model.likelihood = likelihood;
        EXPECT_EQ(allocations_in_a_step(model, optimizer.c_str(), "fused"), 0)
            << posterior << " " << likelihood.type << " " << optimizer;
      }
    }
  }
}

TEST(Allocations, NoneInAFusedStepOfConvolutionsAndNorms) {
  for (const char* norm : {"none", "batch", "layer"}) {
    for (const char* network : {"conv", "mlp"}) {
      ModelOptions model = small_model();
      model.encoder = testing::part_with(network, "norm", std::string(norm));
      model.encoder.options["dropout"] = 0.3;
      EXPECT_EQ(allocations_in_a_step(model, "adam", "fused"), 0) << network << " " << norm;
    }
  }
}

}  // namespace
}  // namespace elbo
