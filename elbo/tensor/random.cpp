// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/random.h"

#include <algorithm>

#include "elbo/core/error.h"
#include "elbo/core/rng_fill.h"
#include "elbo/tensor/threads.h"

namespace elbo {
namespace {

std::span<float> span_of(const Tensor& t) {
  return {t.data_ptr<float>(), static_cast<size_t>(t.numel())};
}

thread_local NoiseTape* tape_in_use = nullptr;

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

void fill_normal(Rng& rng, Tensor& out) {
  if (!out.is_cpu()) {
    out.normal_(0, 1, generator_on(out.device(), rng));
  } else {
    fill_on_cpu(out, [&](std::span<float> drawn) { rng.normal(drawn); });
  }
}

void fill_uniform(Rng& rng, Tensor& out) {
  if (!out.is_cpu()) {
    out.uniform_(0, 1, generator_on(out.device(), rng));
  } else {
    fill_on_cpu(out, [&](std::span<float> drawn) { rng.uniform(drawn); });
  }
}

Tensor draw(Rng& rng, at::IntArrayRef shape, at::TensorOptions options, NoiseTape::Fill fill) {
  at::NoGradGuard no_grad;
  if (tape_in_use) return tape_in_use->next(rng, shape, options, fill);
  Tensor out = at::empty(shape, options);
  fill(rng, out);
  return out;
}

/// draw(rng.at(rows[b]), b, row b of out [B, n]) for every b.
template <class Draw>
void for_each_row(const Rng& rng, const Tensor& rows, const Tensor& out, int64_t n, Draw draw) {
  constexpr int64_t kRows = 8;
  const int64_t* row = rows.data_ptr<int64_t>();
  float* x = out.data_ptr<float>();
  share_loop((rows.size(0) + kRows - 1) / kRows, [&](int64_t turn) {
    for (int64_t b = turn * kRows; b < std::min(rows.size(0), (turn + 1) * kRows); ++b) {
      draw(rng.at(static_cast<uint64_t>(row[b])), b, std::span<float>(x + b * n, size_t(n)));
    }
  });
}

}  // namespace

Tensor normal(Rng& rng, at::IntArrayRef shape, at::TensorOptions options) {
  return draw(rng, shape, options, fill_normal);
}

Tensor uniform(Rng& rng, at::IntArrayRef shape, at::TensorOptions options) {
  return draw(rng, shape, options, fill_uniform);
}

NoiseTape::Use::Use(NoiseTape& tape) {
  ELBO_ASSERT(!tape_in_use);
  tape.given_ = 0;
  tape_in_use = &tape;
}

NoiseTape::Use::~Use() {
  tape_in_use->is_recorded_ = true;
  tape_in_use = nullptr;
}

Tensor NoiseTape::next(Rng& rng, at::IntArrayRef shape, at::TensorOptions options, Fill fill) {
  if (!is_recorded_) {
    Draw draw{rng.at(rng.step()), fill, at::empty(shape, options)};
    fill(rng, draw.noise);
    draws_.push_back(draw);
    ++given_;
    return draw.noise.clone();  // what the work makes of it must not reach the tape
  }
  bool is_known = given_ < draws_.size() && draws_[given_].fill == fill &&
                  draws_[given_].noise.sizes() == shape;
  ELBO_CHECK(is_known, Code::failure, "replayed work draws other noise than what was recorded");
  return draws_[given_++].noise;
}

std::map<uint64_t, Rng> NoiseTape::redraw(uint64_t step) {
  at::NoGradGuard no_grad;
  std::map<uint64_t, Rng> by_key;
  for (Draw& draw : draws_) {
    auto it = by_key.try_emplace(draw.rng.key(), draw.rng.at(step)).first;
    draw.fill(it->second, draw.noise);
  }
  return by_key;
}

bool NoiseTape::can_redraw(const Rng& after) {
  std::vector<Tensor> drawn;
  for (const Draw& draw : draws_) drawn.push_back(draw.noise.clone());
  auto by_key = redraw(after.step());
  for (size_t i = 0; i < drawn.size(); ++i) {
    if (!at::equal(drawn[i], draws_[i].noise)) return false;
  }
  Rng own = after, redrawn = by_key.try_emplace(after.key(), after.at(after.step())).first->second;
  return own.uniform() == redrawn.uniform();
}

Tensor uniform_by_row(const Rng& rng, const Tensor& rows, int64_t n, at::Device device) {
  if (!device.is_cpu()) return uniform_by_row_by_operators(rng, rows.to(device), n);
  Tensor out = at::empty({rows.size(0), n}, at::kFloat);
  for_each_row(rng, rows, out, n, [](Rng own, int64_t, std::span<float> x) { own.uniform(x); });
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
  for_each_row(rng, rows, out, n, [&](Rng own, int64_t b, std::span<float> x) {
    if (has_bytes) return own.bernoulli({chance.data_ptr<uint8_t>() + b * n, x.size()}, x);
    const float* threshold = chance.data_ptr<float>() + b * n;
    own.uniform(x);
    for (int64_t i = 0; i < n; ++i) x[size_t(i)] = x[size_t(i)] < threshold[i] ? 1.0f : 0.0f;
  });
  return out;
}

}  // namespace elbo
