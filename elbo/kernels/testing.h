// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "elbo/core/cpu.h"
#include "elbo/core/error.h"
#include "elbo/core/rng.h"

namespace elbo {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

/// The instruction sets that this machine has, those that only serve products in bf16 left out
/// unless they are asked for.
inline std::vector<Isa> machine_isas(bool for_bf16 = false) {
  std::vector<Isa> out;
  for (Isa isa : kIsas) {
    if (isa <= highest_isa() && (for_bf16 || isa <= Isa::avx512)) out.push_back(isa);
  }
  return out;
}
inline std::string name_of(Isa isa) { return std::string(isa_name(isa)); }

/// Uniform numbers in [lo, hi).
inline std::vector<float> uniforms(size_t n, float lo, float hi, uint64_t seed = 1) {
  std::vector<float> out(n);
  Rng(seed, "kernels").uniform(out);
  for (float& x : out) x = lo + x * (hi - lo);
  return out;
}

/// n floats that start one float past a vector's boundary, between guards that must stay as they
/// are.
class Guarded {
 public:
  explicit Guarded(size_t n, float fill = 0) : n_(n), all_(n + 4 * kGuard, kSentinel) {
    auto past = reinterpret_cast<uintptr_t>(all_.data() + kGuard) % 64 / sizeof(float);
    begin_ = kGuard + (16 - past) % 16 + 1;
    std::fill_n(data(), n, fill);
  }
  explicit Guarded(std::span<const float> values) : Guarded(values.size()) {
    std::copy(values.begin(), values.end(), data());
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  float* data() { return all_.data() + begin_; }
  operator float*() { return data(); }
  std::vector<float> values() { return {data(), data() + n_}; }
  bool is_intact() const {
    for (size_t i = 0; i < all_.size(); ++i) {
      if ((i < begin_ || i >= begin_ + n_) && all_[i] != kSentinel) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kGuard = 32;
  static constexpr float kSentinel = -987.25f;
  size_t n_, begin_;
  std::vector<float> all_;
};

/// n floats that end where the readable memory does: to touch the next one ends the program.
class Edge {
 public:
  explicit Edge(size_t n, float fill = 0) {
    auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    size_t pages = (n * sizeof(float) + page - 1) / page;
    bytes_ = (pages + 1) * page;
    void* at = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ELBO_CHECK(at != MAP_FAILED, Code::resource, "no memory for a test's buffer");
    begin_ = static_cast<char*>(at);
    mprotect(begin_ + pages * page, page, PROT_NONE);
    data_ = reinterpret_cast<float*>(begin_ + pages * page) - n;
    std::fill_n(data_, n, fill);
  }
  ~Edge() { munmap(begin_, bytes_); }
  Edge(const Edge&) = delete;
  Edge& operator=(const Edge&) = delete;
  float* data() { return data_; }
  operator float*() { return data_; }

 private:
  size_t bytes_;
  char* begin_;
  float* data_;
};

/// body(isa, n, n) for every instruction set and lengths from 1 to some vectors.
template <class Body>
void for_each_length(Body body) {
  constexpr size_t kLongest = 40;
  for (Isa isa : machine_isas()) {
    for (size_t n = 1; n <= kLongest; ++n) body(isa, n, static_cast<int64_t>(n));
  }
}

inline std::vector<double> doubles(std::span<const float> x) { return {x.begin(), x.end()}; }

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() &&
         (a.empty() || !std::memcmp(a.data(), b.data(), a.size() * sizeof(float)));
}

/// (f(at + h e_i) - f(at - h e_i)) / 2h, for a function of a vector of doubles.
template <class F>
double central_difference(F f, std::vector<double> at, size_t i, double h = 1e-5) {
  double middle = at[i];
  at[i] = middle + h;
  double above = f(at);
  at[i] = middle - h;
  return (above - f(at)) / (2 * h);
}

}  // namespace elbo
