// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/random.h"

#include <algorithm>

#include "elbo/core/error.h"
#include "elbo/core/rng_fill.h"
#include "elbo/tensor/memory.h"
#include "elbo/tensor/threads.h"

namespace elbo {
namespace {

std::span<float> span_of(const Tensor& t) {
  return {t.data_ptr<float>(), static_cast<size_t>(t.numel())};
}

/// Our own numbers, which are f32.
template <class Draw>
void fill_on_cpu(Tensor& out, Draw draw) {
  if (out.scalar_type() == at::kFloat) return draw(span_of(out));
  Tensor drawn = at::empty(out.sizes(), at::kFloat);
  draw(span_of(drawn));
  out.copy_(drawn);
}

/// A generator of that device seeded with the next bits.
at::Generator generator_on(at::Device device, Rng& rng) {
  std::array<uint32_t, 2> words;
  rng.bits(words);
  at::Generator out = at::globalContext().defaultGenerator(device).clone();
  out.set_current_seed((uint64_t{words[1]} << 32) | words[0]);
  return out;
}

/// Whether a tensor of such options is what our generator fills.
bool is_plain(at::TensorOptions options) {
  return options.device().is_cpu() && options.dtype() == at::kFloat;
}

/// draw(rng.at(rows[b]), b) for every b.
template <class Draw>
void for_each_row(const Rng& rng, const Tensor& rows, Draw draw) {
  constexpr int64_t kRows = 8;
  const int64_t *row = rows.data_ptr<int64_t>(), n = rows.size(0);
  share_loop((n + kRows - 1) / kRows, [&](int64_t turn) {
    for (int64_t b = turn * kRows; b < std::min(n, (turn + 1) * kRows); ++b) {
      draw(rng.at(static_cast<uint64_t>(row[b])), b);
    }
  });
}

/// Row b of [B, n].
std::span<float> row_of(const Tensor& t, int64_t b) {
  int64_t n = t.numel() / t.size(0);
  return {t.data_ptr<float>() + b * n, static_cast<size_t>(n)};
}

}  // namespace

Tensor normal(Rng& rng, at::IntArrayRef shape, at::TensorOptions options) {
  at::NoGradGuard no_grad;
  Tensor out = at::empty(shape, options);
  if (out.is_meta()) return out;
  if (!out.is_cpu()) return out.normal_(0, 1, generator_on(out.device(), rng));
  fill_on_cpu(out, [&](std::span<float> drawn) { rng.normal(drawn); });
  return out;
}

Tensor uniform(Rng& rng, at::IntArrayRef shape, at::TensorOptions options) {
  at::NoGradGuard no_grad;
  Tensor out = at::empty(shape, options);
  if (out.is_meta()) return out;
  if (!out.is_cpu()) return out.uniform_(0, 1, generator_on(out.device(), rng));
  fill_on_cpu(out, [&](std::span<float> drawn) { rng.uniform(drawn); });
  return out;
}

Tensor uniform_by_row(const Rng& rng, const Tensor& rows, int64_t n, at::Device device) {
  if (!device.is_cpu()) return uniform_by_row_by_operators(rng, rows.to(device), n);
  Tensor out = at::empty({rows.size(0), n}, at::kFloat);
  for_each_row(rng, rows, [&](Rng own, int64_t b) { own.uniform(row_of(out, b)); });
  return out;
}

// Words stand in the low halves of i64 elements. A product of two of them wraps to the right bits,
// and what a shift leaves in the high half is cut off where it would matter.
Tensor uniform_by_row_by_operators(const Rng& rng, const Tensor& rows, int64_t n) {
  constexpr int64_t kWord = 0xFFFFFFFF, kLanes = kFillLanes;
  int64_t groups = (n + 4 * kLanes - 1) / (4 * kLanes);
  Tensor row = rows.unsqueeze(1), block = at::arange(groups * kLanes, rows.options());
  Tensor c0 = block.expand({rows.size(0), -1}), c1 = at::zeros_like(block);
  Tensor c2 = row.bitwise_and(kWord), c3 = row.bitwise_right_shift(32);
  auto k0 = static_cast<uint32_t>(rng.key()), k1 = static_cast<uint32_t>(rng.key() >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round, k0 += kPhiloxWeyl0, k1 += kPhiloxWeyl1) {
    Tensor p0 = c0.bitwise_and(kWord) * int64_t{kPhiloxMultiply0};
    Tensor p1 = c2.bitwise_and(kWord) * int64_t{kPhiloxMultiply1};
    c0 = p1.bitwise_right_shift(32).bitwise_xor(c1).bitwise_xor(int64_t{k0});
    c2 = p0.bitwise_right_shift(32).bitwise_xor(c3).bitwise_xor(int64_t{k1});
    c1 = p1, c3 = p0;
  }
  // [B, groups, 4, lanes]: word w of a group's lane b stands at 16 w + b.
  Tensor words = at::stack({c0.view({-1, groups, kLanes}), c1.view({-1, groups, kLanes}),
                            c2.view({-1, groups, kLanes}), c3.view({-1, groups, kLanes})},
                           2);
  Tensor out = words.bitwise_right_shift(8).bitwise_and(0xFFFFFF).to(at::kFloat) * 0x1p-24;
  return out.view({rows.size(0), -1}).narrow(1, 0, n);
}

Tensor bernoulli_by_row(const Rng& rng, const Tensor& rows, const Tensor& p) {
  int64_t n = p[0].numel();
  bool has_bytes = p.scalar_type() == at::kByte;
  if (!p.is_cpu()) {
    // By a tensor: LibTorch multiplies by the reciprocal of a number on some devices.
    Tensor chance =
        has_bytes ? p.to(at::kFloat) / at::full({}, 255, p.options().dtype(at::kFloat)) : p;
    return (uniform_by_row(rng, rows, n, p.device()).view_as(p) < chance).to(at::kFloat);
  }
  Tensor chance = (has_bytes ? p : p.to(at::kFloat)).contiguous();
  Tensor out = at::empty(p.sizes(), at::kFloat);
  for_each_row(rng, rows, [&](Rng own, int64_t b) {
    std::span<float> x = row_of(out, b);
    if (has_bytes) return own.bernoulli({chance.data_ptr<uint8_t>() + b * n, x.size()}, x);
    const float* threshold = chance.data_ptr<float>() + b * n;
    own.uniform(x);
    for (int64_t i = 0; i < n; ++i) x[size_t(i)] = x[size_t(i)] < threshold[i] ? 1.0f : 0.0f;
  });
  return out;
}

RowNoise::RowNoise(const Rng& rng, const Tensor& examples, int64_t n)
    : rng_(rng), examples_(examples), count_(n) {}

uint64_t RowNoise::key(int64_t r) const {
  int64_t at = r % count_;
  auto example =
      static_cast<uint64_t>(examples_.defined() ? examples_.data_ptr<int64_t>()[at] : at);
  return example + (static_cast<uint64_t>(r / count_) << 48);
}

template <class Fill>
void RowNoise::for_each_row(Fill fill) {
  constexpr int64_t kRows = 8;
  const Rng rng = rng_.split();
  const int64_t n = rows();
  share_loop((n + kRows - 1) / kRows, [&](int64_t turn) {
    for (int64_t r = turn * kRows; r < std::min(n, (turn + 1) * kRows); ++r)
      fill(rng.at(key(r)), r);
  });
}

Tensor RowNoise::uniform(int64_t n, at::TensorOptions options) {
  at::NoGradGuard no_grad;
  Tensor out = reused_empty({rows(), n});
  float* to = out.data_ptr<float>();
  for_each_row([&](Rng own, int64_t r) { own.uniform({to + r * n, static_cast<size_t>(n)}); });
  return is_plain(options) ? out : out.to(options);
}

Tensor RowNoise::normal(int64_t k, int64_t n, at::TensorOptions options) {
  at::NoGradGuard no_grad;
  const int64_t count = rows();
  Tensor out = reused_empty({k, count, n});
  float* to = out.data_ptr<float>();
  for_each_row([&](Rng own, int64_t r) {
    if (k == 1) return own.normal({to + r * n, static_cast<size_t>(n)});
    std::vector<float> drawn(static_cast<size_t>(k * n));
    own.normal(drawn);
    for (int64_t i = 0; i < k; ++i) std::copy_n(&drawn[size_t(i * n)], n, to + (i * count + r) * n);
  });
  return is_plain(options) ? out : out.to(options);
}

RowNoise RowNoise::draws(int64_t k) {
  RowNoise out = *this;
  out.rng_ = rng_.split();
  out.draws_ = k * draws_;
  return out;
}

}  // namespace elbo
