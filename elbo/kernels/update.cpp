// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set.
#include "elbo/kernels/update.h"

#include "elbo/kernels/math.h"

namespace elbo::ELBO_ISA {
namespace {

void sgd(const UpdateStep& s, float* w, const float* g, float* m, int64_t n) {
  UpdateStep o = s;
  for_each_vec(n, [=](int64_t i, int64_t count) {
    Vec weight = load_n(w + i, count);
    Vec step = load_n(g + i, count) * o.scale + weight * o.weight_decay;
    if (m) {
      Vec moved = load_n(m + i, count) * o.momentum + step;
      store_n(m + i, moved, count);
      step = o.nesterov ? step + moved * o.momentum : moved;
    }
    store_n(w + i, weight - step * o.lr, count);
  });
}

void rmsprop(const UpdateStep& s, float* w, const float* g, float* v, float* m, int64_t n) {
  UpdateStep o = s;
  for_each_vec(n, [=](int64_t i, int64_t count) {
    Vec gradient = load_n(g + i, count) * o.scale;
    Vec square = load_n(v + i, count) * o.beta2 + gradient * gradient * o.rest2;
    store_n(v + i, square, count);
    Vec step = gradient / (root(square) + o.eps);
    if (m) {
      step += load_n(m + i, count) * o.momentum;
      store_n(m + i, step, count);
    }
    store_n(w + i, load_n(w + i, count) - step * o.lr, count);
  });
}

void adam(const UpdateStep& s, float* w, const float* g, float* m, float* v, int64_t n) {
  UpdateStep o = s;
  float rate = o.lr / o.correction1, shrink = o.decoupled ? 1.0f - o.lr * o.weight_decay : 1.0f;
  float decay = o.decoupled ? 0.0f : o.weight_decay;
  float unbias = 1.0f / __builtin_sqrtf(o.correction2);
  for_each_vec(n, [=](int64_t i, int64_t count) {
    Vec weight = load_n(w + i, count);
    Vec gradient = load_n(g + i, count) * o.scale + weight * decay;
    Vec mean = load_n(m + i, count);
    mean += (gradient - mean) * o.rest1;
    Vec square = load_n(v + i, count) * o.beta2 + gradient * gradient * o.rest2;
    store_n(m + i, mean, count);
    store_n(v + i, square, count);
    Vec step = mean / (root(square) * unbias + o.eps);
    store_n(w + i, weight * shrink - step * rate, count);
  });
}

void average(float share, float* m, const float* w, int64_t n) {
  for_each_vec(n, [=](int64_t i, int64_t count) {
    Vec mean = load_n(m + i, count);
    store_n(m + i, mean + (load_n(w + i, count) - mean) * share, count);
  });
}

}  // namespace

extern const UpdateKernels kUpdates;
const UpdateKernels kUpdates = {sgd, rmsprop, adam, average};

}  // namespace elbo::ELBO_ISA
