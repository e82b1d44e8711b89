// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set.
#include "elbo/kernels/norm.h"

#include "elbo/kernels/vec.h"

namespace elbo::ELBO_ISA {
namespace {

void add(const float* x, int64_t n, float* sums) {
  for_each_vec(n, [=](int64_t i, int64_t count) {
    store_n(sums + i, load_n(sums + i, count) + load_n(x + i, count), count);
  });
}

void add_squares(const float* x, const float* mean, int64_t n, float* squares) {
  for_each_vec(n, [=](int64_t i, int64_t count) {
    Vec off = load_n(x + i, count) - load_n(mean + i, count);
    store_n(squares + i, load_n(squares + i, count) + off * off, count);
  });
}

void by_column(const float* x, const float* mean, const float* factor, const float* shift,
               int64_t n, float* y) {
  for_each_vec(n, [=](int64_t i, int64_t count) {
    Vec off = load_n(x + i, count) - load_n(mean + i, count);
    store_n(y + i, off * load_n(factor + i, count) + load_n(shift + i, count), count);
  });
}

void add_gradients(const float* g, const float* x, const float* mean, const float* inverse,
                   int64_t n, float* sum, float* product) {
  for_each_vec(n, [=](int64_t i, int64_t count) {
    Vec d = load_n(g + i, count);
    Vec xh = (load_n(x + i, count) - load_n(mean + i, count)) * load_n(inverse + i, count);
    store_n(sum + i, load_n(sum + i, count) + d, count);
    store_n(product + i, load_n(product + i, count) + d * xh, count);
  });
}

void column_gradient(const float* g, const float* x, const float* mean, const float* inverse,
                     const float* factor, const float* a, const float* b, int64_t n, float* dx) {
  for_each_vec(n, [=](int64_t i, int64_t count) {
    Vec xh = (load_n(x + i, count) - load_n(mean + i, count)) * load_n(inverse + i, count);
    Vec rest = load_n(g + i, count) - load_n(a + i, count) - xh * load_n(b + i, count);
    store_n(dx + i, rest * load_n(factor + i, count), count);
  });
}

void row_sums(const float* x, float mean, int64_t n, double* sum_out, double* squares_out) {
  double total = 0, squares = 0;
  for_each_run(n, [&](int64_t begin, int64_t end) {
    Vec run = {}, square_run = {};
    for_each_vec(end - begin, [&](int64_t i, int64_t count) {
      Vec off = load_n(x + begin + i, count) - mean;
      if (count < kLanes) off = only(off, count);
      run += off;
      square_run += off * off;
    });
    total += sum(run);
    squares += sum(square_run);
  });
  *sum_out = total;
  *squares_out = squares;
}

void by_row(const float* x, float mean, float inverse, const float* weight, const float* bias,
            int64_t n, float* y) {
  for_each_vec(n, [=](int64_t i, int64_t count) {
    Vec xh = (load_n(x + i, count) - mean) * inverse;
    store_n(y + i, xh * load_n(weight + i, count) + load_n(bias + i, count), count);
  });
}

void row_gradients(const float* g, const float* x, float mean, float inverse, const float* weight,
                   int64_t n, double* sum_out, double* product_out, float* d_weight,
                   float* d_bias) {
  double total = 0, products = 0;
  for_each_run(n, [&](int64_t begin, int64_t end) {
    Vec run = {}, product_run = {};
    for_each_vec(end - begin, [&](int64_t i, int64_t count) {
      i += begin;
      Vec d = load_n(g + i, count), xh = (load_n(x + i, count) - mean) * inverse;
      Vec by_weight = d * load_n(weight + i, count);  // 0 beyond the end
      run += by_weight;
      product_run += by_weight * xh;
      store_n(d_weight + i, load_n(d_weight + i, count) + d * xh, count);
      store_n(d_bias + i, load_n(d_bias + i, count) + d, count);
    });
    total += sum(run);
    products += sum(product_run);
  });
  *sum_out = total;
  *product_out = products;
}

void row_gradient(const float* g, const float* x, float mean, float inverse, const float* weight,
                  float a, float b, int64_t n, float* dx) {
  for_each_vec(n, [=](int64_t i, int64_t count) {
    Vec xh = (load_n(x + i, count) - mean) * inverse;
    store_n(dx + i, (load_n(g + i, count) * load_n(weight + i, count) - a - xh * b) * inverse,
            count);
  });
}

}  // namespace

extern const NormKernels kNorms;
const NormKernels kNorms = {add,      add_squares, by_column,     add_gradients, column_gradient,
                            row_sums, by_row,      row_gradients, row_gradient};

}  // namespace elbo::ELBO_ISA
