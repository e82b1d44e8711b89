// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Parallel.h>
#include <time.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <thread>
#include <vector>

#include "elbo/core/family.h"
#include "elbo/tensor/random.h"
#include "elbo/tensor/schema.h"

// What the tests of several folders need; no other code includes it.
namespace elbo {

/// How GoogleTest prints a part.
inline void PrintTo(const Part& part, std::ostream* out) {
  *out << to_toml_inline(part.to_value());
}

namespace testing {

inline Schema table_schema(int64_t columns) {
  Schema out;
  out.shape = {columns};
  return out;
}

inline Schema image_schema(int64_t channels, int64_t height, int64_t width) {
  Schema out;
  out.kind = "image";
  out.shape = {channels, height, width};
  return out;
}

/// Gives LibTorch as many threads for as long as it lives.
class Threads {
 public:
  explicit Threads(int n) : before_(at::get_num_threads()) { at::set_num_threads(n); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

/// Processor time that the process uses in a tenth of a second after work(), all threads together.
template <class Work>
double idle_processor_seconds(Work work) {
  auto used = [] {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  work();
  double before = used();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  return used() - before;
}

/// max |a - b|, in f64; infinite when the shapes differ.
inline double max_difference(const Tensor& a, const Tensor& b) {
  if (a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  if (a.numel() == 0) return 0;
  return (a.detach().to(at::kDouble) - b.detach().to(at::kDouble)).abs().max().item<double>();
}

/// How many standard errors the mean of draws [n, ...] lies from the expected [...], at most.
/// 1e-6 is allowed on top for rounding.
inline double standard_errors_off(const Tensor& draws, const Tensor& expected) {
  Tensor d = draws.detach().to(at::kDouble);
  Tensor mean = d.mean(0), se = d.std(0) / std::sqrt(static_cast<double>(d.size(0)));
  if (mean.sizes() != expected.sizes()) return std::numeric_limits<double>::infinity();
  Tensor off = ((mean - expected.detach().to(at::kDouble)).abs() - 1e-6).clamp_min(0);
  return (off / (se + 1e-12)).max().item<double>();
}

/// max |analytic - numeric| / (1 + |numeric|) over the elements of an f64 leaf on which the scalar
/// value() depends; numeric by central differences.
inline double gradient_error(const std::function<Tensor()>& value, Tensor leaf) {
  leaf.requires_grad_(true);
  leaf.mutable_grad() = Tensor();
  value().backward();
  Tensor analytic = leaf.grad().defined() ? leaf.grad().clone() : at::zeros_like(leaf);
  at::NoGradGuard no_grad;
  Tensor numeric = at::empty_like(analytic);
  const double h = 1e-5;
  double* place = leaf.data_ptr<double>();
  double* out = numeric.data_ptr<double>();
  for (int64_t i = 0; i < leaf.numel(); ++i) {
    double kept = place[i];
    place[i] = kept + h;
    double up = value().item<double>();
    place[i] = kept - h;
    double down = value().item<double>();
    place[i] = kept;
    out[i] = (up - down) / (2 * h);
  }
  return ((analytic - numeric).abs() / (1 + numeric.abs())).max().item<double>();
}

/// The message of the Error thrown, "code: message"; empty when none is.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return std::string(code_name(e.code())) + ": " + e.message();
  }
  return "";
}

/// Every member of a family with its defaults, and with each choice of each of its options that is
/// a choice.
inline std::vector<Part> variants(const FamilyInfo& family) {
  std::vector<Part> out;
  for (const MemberInfo& member : family.members()) {
    out.emplace_back(member.name);
    auto listing = member.options();
    for (const Field& field : listing->all()) {
      if (field.type == "true|false" || field.type.find('|') == std::string::npos) continue;
      std::string rest = field.type + "|";
      for (size_t bar; (bar = rest.find('|')) != std::string::npos; rest.erase(0, bar + 1)) {
        Part part(member.name);
        part.options[field.name] = rest.substr(0, bar);
        out.push_back(part);
      }
    }
  }
  return out;
}

}  // namespace testing
}  // namespace elbo
