// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set.
#include "elbo/kernels/activation.h"

#include "elbo/kernels/math.h"

namespace elbo::ELBO_ISA {
namespace {

constexpr float kLeak = 0.01f;

inline Vec gelu_share(Vec x) { return erf(x * 0.70710678f) * 0.5f + 0.5f; }

template <Activation kKind>
inline Vec activated(Vec x) {
  switch (kKind) {
    case Activation::none:
      return x;
    case Activation::relu:
      return select(x <= 0.0f, Vec{}, x);  // NaN stays
    case Activation::tanh:
      return tanh(x);
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::leaky_relu:
      return select(x > 0.0f, x, x * kLeak);
    case Activation::elu:
      return select(x > 0.0f, x, expm1_negative(smaller(Vec{}, x)));  // NaN stays
    case Activation::gelu:
      return x * gelu_share(x);
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::softplus: {
      Vec unused, y;
      sigmoid_softplus(x, unused, y);
      return y;
    }
  }
}

/// From y = act(x), and from x where needs_sums.
template <Activation kKind>
inline Vec derivative(Vec y, Vec x) {
  switch (kKind) {
    case Activation::none:
      return splat(1.0f);
    case Activation::relu:
      return select(y > 0.0f, splat(1.0f), Vec{});
    case Activation::tanh:
      return 1.0f - y * y;
    case Activation::sigmoid:
      return y * (1.0f - y);
    case Activation::leaky_relu:
      return select(y > 0.0f, splat(1.0f), splat(kLeak));
    case Activation::elu:
      return select(y > 0.0f, splat(1.0f), y + 1.0f);
    case Activation::gelu:
      return gelu_share(x) + x * 0.39894228f * exp(x * x * -0.5f);
    case Activation::silu: {
      Vec s = sigmoid(x);
      return s * (x * (1.0f - s) + 1.0f);
    }
    case Activation::softplus:
      return -expm1_negative(-y);
  }
}

template <Activation kKind>
void forward(const float* bias, float* y, float* sums, int64_t n) {
  for_each_vec(n, [=](int64_t i, int64_t count) {
    Vec x = load_n(y + i, count) + load_n(bias + i, count);
    if (sums) store_n(sums + i, x, count);
    store_n(y + i, activated<kKind>(x), count);
  });
}

template <Activation kKind>
void backward(const float* y, const float* sums, float* dy, int64_t n) {
  for_each_vec(n, [=](int64_t i, int64_t count) {
    constexpr bool kSums = needs_sums(kKind);
    Vec x = kSums ? load_n(sums + i, count) : Vec{};
    store_n(dy + i, load_n(dy + i, count) * derivative<kKind>(load_n(y + i, count), x), count);
  });
}

template <class F>
inline void with_kind(Activation a, F f) {
  switch (a) {
    case Activation::none:
      return f.template operator()<Activation::none>();
    case Activation::relu:
      return f.template operator()<Activation::relu>();
    case Activation::tanh:
      return f.template operator()<Activation::tanh>();
    case Activation::sigmoid:
      return f.template operator()<Activation::sigmoid>();
    case Activation::leaky_relu:
      return f.template operator()<Activation::leaky_relu>();
    case Activation::elu:
      return f.template operator()<Activation::elu>();
    case Activation::gelu:
      return f.template operator()<Activation::gelu>();
    case Activation::silu:
      return f.template operator()<Activation::silu>();
    case Activation::softplus:
      return f.template operator()<Activation::softplus>();
  }
}

void any_forward(Activation a, const float* bias, float* y, float* sums, int64_t n) {
  with_kind(a, [=]<Activation kKind>() { forward<kKind>(bias, y, sums, n); });
}

void any_backward(Activation a, const float* y, const float* sums, float* dy, int64_t n) {
  with_kind(a, [=]<Activation kKind>() { backward<kKind>(y, sums, dy, n); });
}

void multiply(const float* factors, float* x, int64_t n) {
  for_each_vec(n, [=](int64_t i, int64_t count) {
    store_n(x + i, load_n(x + i, count) * load_n(factors + i, count), count);
  });
}

/// column_sums in f32.
void run_sums(const float* x, int64_t stride, int64_t rows, int64_t n, float* out) {
  for_each_vec(n, [=](int64_t i, int64_t count) {
    Vec sum = {};
    for (int64_t r = 0; r < rows; ++r) sum += load_n(x + r * stride + i, count);
    store_n(out + i, sum, count);
  });
}

void column_sums(const float* x, int64_t stride, int64_t rows, int64_t n, float* out) {
  if (rows <= kSumRows) return run_sums(x, stride, rows, n, out);
  constexpr int64_t kColumns = 64;
  for (int64_t j = 0; j < n; j += kColumns) {
    int64_t columns = j + kColumns < n ? kColumns : n - j;
    double total[kColumns] = {};
    for (int64_t r = 0; r < rows; r += kSumRows) {
      float run[kColumns];
      run_sums(x + r * stride + j, stride, r + kSumRows < rows ? kSumRows : rows - r, columns, run);
      for (int64_t i = 0; i < columns; ++i) total[i] += double{run[i]};
    }
    for (int64_t i = 0; i < columns; ++i) out[j + i] = static_cast<float>(total[i]);
  }
}

double square_sum(const float* x, int64_t stride, int64_t rows, int64_t n) {
  double total = 0;
  constexpr int64_t kRows = 8;  // whose squares are added up in f32
  for_each_run(n, [&](int64_t begin, int64_t end) {
    for (int64_t first = 0; first < rows; first += kRows) {
      Vec run = {};
      for (int64_t r = first; r < rows && r < first + kRows; ++r) {
        for_each_vec(end - begin, [&](int64_t i, int64_t count) {
          Vec v = load_n(x + r * stride + begin + i, count);
          run += v * v;
        });
      }
      total += sum(run);
    }
  });
  return total;
}

}  // namespace

extern const ActivationKernels kActivations;
const ActivationKernels kActivations = {any_forward, any_backward, multiply, column_sums,
                                        square_sum};

}  // namespace elbo::ELBO_ISA
