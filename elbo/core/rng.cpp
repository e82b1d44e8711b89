// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/rng.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "elbo/core/error.h"

// One function body compiled for several instruction sets and chosen when the program loads. The
// file is compiled without contraction to fused multiply-adds, so that all give the same bits.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define ELBO_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ELBO_CLONES
#endif

namespace elbo {
namespace {

constexpr uint32_t kMultiply0 = 0xD2511F53, kMultiply1 = 0xCD9E8D57;
constexpr uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
constexpr int kRounds = 10;

// Fills draw 16 blocks of four words at once; word w of block b stands at 16 w + b.
constexpr size_t kLanes = 16;
constexpr size_t kGroup = 4 * kLanes;

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

inline __attribute__((always_inline)) void group_bits(uint64_t key, uint64_t step, uint64_t block,
                                                      uint32_t* out) {
  uint32_t c0[kLanes], c1[kLanes], c2[kLanes], c3[kLanes];
  for (size_t i = 0; i < kLanes; ++i) {
    c0[i] = static_cast<uint32_t>(block + i);
    c1[i] = static_cast<uint32_t>((block + i) >> 32);
    c2[i] = static_cast<uint32_t>(step);
    c3[i] = static_cast<uint32_t>(step >> 32);
  }
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < kRounds; ++round, k0 += kWeyl0, k1 += kWeyl1) {
    for (size_t i = 0; i < kLanes; ++i) {
      uint64_t p0 = uint64_t{kMultiply0} * c0[i], p1 = uint64_t{kMultiply1} * c2[i];
      uint32_t n0 = static_cast<uint32_t>(p1 >> 32) ^ c1[i] ^ k0;
      uint32_t n2 = static_cast<uint32_t>(p0 >> 32) ^ c3[i] ^ k1;
      c0[i] = n0;
      c1[i] = static_cast<uint32_t>(p1);
      c2[i] = n2;
      c3[i] = static_cast<uint32_t>(p0);
    }
  }
  std::memcpy(out, c0, sizeof c0);
  std::memcpy(out + kLanes, c1, sizeof c1);
  std::memcpy(out + 2 * kLanes, c2, sizeof c2);
  std::memcpy(out + 3 * kLanes, c3, sizeof c3);
}

/// ln(x) for normal x > 0, within 2 ulp (Cephes logf).
inline __attribute__((always_inline)) float log_positive(float x) {
  int32_t i;
  std::memcpy(&i, &x, sizeof i);
  int32_t e = (i - 0x3F3504F3) >> 23;  // x = m 2^e with m in [sqrt(1/2), sqrt(2))
  i -= e << 23;
  float m;
  std::memcpy(&m, &i, sizeof m);
  float t = m - 1.0f, t2 = t * t;
  float p = 7.0376836292e-2f;
  p = p * t - 1.1514610310e-1f;
  p = p * t + 1.1676998740e-1f;
  p = p * t - 1.2420140846e-1f;
  p = p * t + 1.4249322787e-1f;
  p = p * t - 1.6668057665e-1f;
  p = p * t + 2.0000714765e-1f;
  p = p * t - 2.4999993993e-1f;
  p = p * t + 3.3333331174e-1f;
  auto f = static_cast<float>(e);
  float y = p * t * t2 + f * -2.12194440e-4f - 0.5f * t2;
  return t + y + f * 0.693359375f;
}

/// Two independent standard normals from two words (Box & Muller 1958).
inline __attribute__((always_inline)) void normal_pair(uint32_t a, uint32_t b, float* z0,
                                                       float* z1) {
  float u = static_cast<float>(static_cast<int32_t>(a >> 8) + 1) * 0x1p-24f;  // (0, 1]
  float r = std::sqrt(-2.0f * log_positive(u));
  // The angle is a quarter turn times quadrant plus f in [-1/2, 1/2).
  float turn = static_cast<float>(static_cast<int32_t>(b >> 8)) * 0x1p-22f;
  auto quadrant = static_cast<int32_t>(turn + 0.5f);
  float x = (turn - static_cast<float>(quadrant)) * 1.57079632679f, x2 = x * x;
  float sine = ((-1.9515295891e-4f * x2 + 8.3321608736e-3f) * x2 - 1.6666654611e-1f) * x2 * x + x;
  float cosine =
      ((2.443315711809948e-5f * x2 - 1.388731625493765e-3f) * x2 + 4.166664568298827e-2f) * x2 *
          x2 -
      0.5f * x2 + 1.0f;
  bool odd = quadrant & 1;
  float s = odd ? cosine : sine, c = odd ? sine : cosine;
  *z0 = r * (((quadrant + 1) & 2) ? -c : c);
  *z1 = r * ((quadrant & 2) ? -s : s);
}

ELBO_CLONES
void fill_bits(uint64_t key, uint64_t step, uint64_t block, uint32_t* out, size_t groups) {
  for (size_t g = 0; g < groups; ++g) group_bits(key, step, block + g * kLanes, out + g * kGroup);
}

ELBO_CLONES
void fill_uniform(uint64_t key, uint64_t step, uint64_t block, float* out, size_t groups) {
  for (size_t g = 0; g < groups; ++g) {
    uint32_t words[kGroup];
    group_bits(key, step, block + g * kLanes, words);
    for (size_t i = 0; i < kGroup; ++i) {
      out[g * kGroup + i] = static_cast<float>(static_cast<int32_t>(words[i] >> 8)) * 0x1p-24f;
    }
  }
}

ELBO_CLONES
void fill_normal(uint64_t key, uint64_t step, uint64_t block, float* out, size_t groups) {
  for (size_t g = 0; g < groups; ++g) {
    uint32_t words[kGroup];
    group_bits(key, step, block + g * kLanes, words);
    float* z = out + g * kGroup;
    for (size_t i = 0; i < kGroup / 2; ++i) {
      normal_pair(words[i], words[i + kGroup / 2], z + i, z + i + kGroup / 2);
    }
  }
}

/// Whole groups straight into out, the rest through a buffer.
template <class T, class Fill>
uint64_t fill_groups(std::span<T> out, Fill fill) {
  size_t groups = out.size() / kGroup, rest = out.size() % kGroup;
  fill(out.data(), groups, 0);
  if (rest) {
    T tail[kGroup];
    fill(tail, 1, groups * kLanes);
    std::copy_n(tail, rest, out.data() + groups * kGroup);
  }
  return (groups + (rest ? 1 : 0)) * kLanes;
}

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  for (int round = 0; round < kRounds; ++round, k[0] += kWeyl0, k[1] += kWeyl1) {
    uint64_t p0 = uint64_t{kMultiply0} * c[0], p1 = uint64_t{kMultiply1} * c[2];
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

void Rng::bits(std::span<uint32_t> out) {
  block_ += fill_groups(out, [&](uint32_t* p, size_t groups, uint64_t offset) {
    fill_bits(key_, step_, block_ + offset, p, groups);
  });
}

void Rng::uniform(std::span<float> out) {
  block_ += fill_groups(out, [&](float* p, size_t groups, uint64_t offset) {
    fill_uniform(key_, step_, block_ + offset, p, groups);
  });
}

void Rng::normal(std::span<float> out) {
  block_ += fill_groups(out, [&](float* p, size_t groups, uint64_t offset) {
    fill_normal(key_, step_, block_ + offset, p, groups);
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
