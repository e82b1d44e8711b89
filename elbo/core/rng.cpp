// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/rng.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "elbo/core/error.h"
#include "elbo/core/rng_fill.h"

namespace elbo {

namespace scalar {
extern const RngFills kRngFills;
}
namespace avx2 {
extern const RngFills kRngFills;
}
namespace avx512 {
extern const RngFills kRngFills;
}

const RngFills& rng_fills(Isa isa) {
#if defined(__x86_64__)
  return *by_isa(isa, &scalar::kRngFills, &avx2::kRngFills, &avx512::kRngFills);
#else
  return *by_isa(isa, &scalar::kRngFills, &scalar::kRngFills, &scalar::kRngFills);
#endif
}

namespace {

uint64_t mix(uint64_t x) {  // the finaliser of SplitMix64
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

uint64_t hash(std::string_view name) {  // FNV-1a
  uint64_t h = 0xCBF29CE484222325u;
  for (unsigned char c : name) h = (h ^ c) * 0x100000001B3u;
  return h;
}

/// Whole groups straight into out, the rest through a buffer.
template <class T, class Fill>
uint64_t fill_groups(std::span<T> out, Fill fill) {
  size_t groups = out.size() / kFillGroup, rest = out.size() % kFillGroup;
  fill(out.data(), groups, 0);
  if (rest) {
    T tail[kFillGroup];
    fill(tail, 1, groups * kFillLanes);
    std::copy_n(tail, rest, out.data() + groups * kFillGroup);
  }
  return (groups + (rest ? 1 : 0)) * kFillLanes;
}

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < kPhiloxRounds; ++round, k[0] += kPhiloxWeyl0, k[1] += kPhiloxWeyl1) {
    uint64_t p0 = uint64_t{kPhiloxMultiply0} * c[0], p1 = uint64_t{kPhiloxMultiply1} * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
  }
  return c;
}

Rng::Rng(uint64_t seed, std::string_view stream, uint64_t step)
    : key_(mix(mix(seed + 0x9E3779B97F4A7C15u) ^ hash(stream))), step_(step) {}

Rng Rng::stream(std::string_view name) const {
  Rng out(*this);
  out.key_ = mix(mix(key_) ^ hash(name));
  out.block_ = 0;
  return out;
}

Rng Rng::at(uint64_t step) const {
  Rng out(*this);
  out.step_ = step;
  out.block_ = 0;
  return out;
}

Rng Rng::split() {
  Rng out(*this);
  out.key_ = mix(mix(mix(key_) ^ step_) ^ block_++);
  out.step_ = 0;
  out.block_ = 0;
  return out;
}

void Rng::bits(std::span<uint32_t> out) {
  block_ += fill_groups(out, [&](uint32_t* p, size_t groups, uint64_t offset) {
    rng_fills(isa()).bits(key_, step_, block_ + offset, p, groups);
  });
}

void Rng::uniform(std::span<float> out) {
  block_ += fill_groups(out, [&](float* p, size_t groups, uint64_t offset) {
    rng_fills(isa()).uniform(key_, step_, block_ + offset, p, groups);
  });
}

void Rng::bernoulli(std::span<const uint8_t> p, std::span<float> out) {
  ELBO_ASSERT(p.size() == out.size());
  uniform(out);
  rng_fills(isa()).below(p.data(), out.data(), out.size());
}

void Rng::normal(std::span<float> out) {
  block_ += fill_groups(out, [&](float* p, size_t groups, uint64_t offset) {
    rng_fills(isa()).normal(key_, step_, block_ + offset, p, groups);
  });
}

namespace {

uint64_t draw64(uint64_t key, uint64_t step, uint64_t block) {
  auto words = philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                           static_cast<uint32_t>(step), static_cast<uint32_t>(step >> 32)},
                          {static_cast<uint32_t>(key), static_cast<uint32_t>(key >> 32)});
  return (uint64_t{words[1]} << 32) | words[0];
}

}  // namespace

double Rng::uniform() { return static_cast<double>(draw64(key_, step_, block_++) >> 11) * 0x1p-53; }

uint64_t Rng::below(uint64_t n) {
  ELBO_CHECK(n > 0, Code::failure, "Rng::below: n must be > 0");
  // Lemire 2019: the high half of draw * n, redrawn where it would be uneven.
  while (true) {
    auto product = static_cast<unsigned __int128>(draw64(key_, step_, block_++)) * n;
    auto low = static_cast<uint64_t>(product);
    if (low >= n || low >= (0 - n) % n) return static_cast<uint64_t>(product >> 64);
  }
}

std::vector<int64_t> Rng::permutation(int64_t n) {
  std::vector<int64_t> out(static_cast<size_t>(n));
  std::iota(out.begin(), out.end(), 0);
  for (size_t i = out.size(); i > 1; --i) std::swap(out[i - 1], out[below(i)]);
  return out;
}

}  // namespace elbo
