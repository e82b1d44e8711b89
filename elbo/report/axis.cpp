// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>

#include "elbo/core/error.h"

namespace elbo {
namespace {

constexpr size_t kFewest = 3, kMost = 9;

/// m * 10^power, correctly rounded: the product of a double and a power of ten may not be.
double decimal(double m, int power) { return std::stod(fmt::format("{}e{}", m, power)); }

/// The multiples of m * 10^power in [lo, hi]; at most kMost + 1 of them.
std::vector<double> multiples(double lo, double hi, int m, int power) {
  double step = decimal(m, power);
  std::vector<double> out;
  for (double k = std::ceil(lo / step - 1e-9); out.size() <= kMost; ++k) {
    if (k * step > hi + 1e-9 * step) break;
    out.push_back(k == 0 ? 0 : decimal(k * m, power));
  }
  return out;
}

/// 1, 2 and 5 times powers of ten in [lo, hi].
std::vector<double> decade_steps(double lo, double hi) {
  std::vector<double> out;
  for (int p = static_cast<int>(std::floor(std::log10(lo))); decimal(1, p) <= hi; ++p) {
    for (int m : {1, 2, 5}) {
      double v = decimal(m, p);
      if (v >= lo && v <= hi) out.push_back(v);
    }
  }
  return out;
}

/// "2e-05" as "2e-5", "1e+10" as "1e10".
std::string short_exponent(std::string text) {
  if (size_t plus = text.find('+'); plus != std::string::npos) text.erase(plus, 1);
  size_t zero = text.find_first_of("0", text.find('e'));
  bool leads =
      zero != std::string::npos && !std::isdigit(static_cast<unsigned char>(text[zero - 1]));
  return leads ? text.erase(zero, 1) : text;
}

}  // namespace

std::vector<double> round_ticks(double lo, double hi) {
  ELBO_ASSERT(lo < hi && std::isfinite(hi - lo));
  std::vector<double> best;
  auto distance = [](const std::vector<double>& ticks) {
    return std::abs(static_cast<double>(ticks.size()) - 5);
  };
  int power = static_cast<int>(std::floor(std::log10(hi - lo)));
  for (int p = power - 1; p <= power; ++p) {
    for (int m : {1, 2, 5}) {
      std::vector<double> ticks = multiples(lo, hi, m, p);
      bool fits = ticks.size() >= kFewest && ticks.size() <= kMost;
      if (fits && (best.empty() || distance(ticks) < distance(best))) best = std::move(ticks);
    }
  }
  return best;
}

std::vector<double> log_ticks(double lo, double hi) {
  int first = static_cast<int>(std::ceil(std::log10(lo) - 1e-9));
  int last = static_cast<int>(std::floor(std::log10(hi) + 1e-9));
  if (last - first + 1 >= static_cast<int>(kFewest)) {
    int stride = (last - first) / static_cast<int>(kMost) + 1;
    std::vector<double> out;
    for (int p = first; p <= last; p += stride) out.push_back(decimal(1, p));
    return out;
  }
  std::vector<double> out = decade_steps(lo, hi);
  return out.size() >= kFewest ? out : round_ticks(lo, hi);
}

std::vector<std::string> tick_labels(const std::vector<double>& ticks) {
  double largest = 0, step = INFINITY, widest = 0;
  for (size_t i = 0; i < ticks.size(); ++i) {
    largest = std::max(largest, std::abs(ticks[i]));
    if (i == 0) continue;
    step = std::min(step, std::abs(ticks[i] - ticks[i - 1]));
    widest = std::max(widest, std::abs(ticks[i] - ticks[i - 1]));
  }
  double scale = largest >= 1e6 ? 1e6 : largest >= 1e4 ? 1e3 : 1;
  const char* suffix = scale == 1e6 ? "M" : scale == 1e3 ? "k" : "";
  int place = static_cast<int>(std::floor(std::log10(std::min(step, largest) / scale) + 1e-9));
  int decimals = std::max(0, -place);
  // Uneven ticks (of a logarithmic axis) and very large or small ones stand each for itself.
  bool even = widest <= step * (1 + 1e-6);
  bool alone = !even || largest < 1e-3 || largest >= 1e9 || decimals > 6;
  std::vector<std::string> out;
  for (double v : ticks) {
    out.push_back(v == 0  ? fmt::format("0")
                  : alone ? short_exponent(fmt::format("{:.10g}", v))
                          : fmt::format("{:.{}f}{}", v / scale, decimals, suffix));
  }
  return out;
}

double Axis::at(double v) const {
  double share = log ? std::log(v / lo) / std::log(hi / lo) : (v - lo) / (hi - lo);
  return from + share * (to - from);
}

Axis make_axis(double lo, double hi, double margin, bool log) {
  double size = std::max(std::abs(lo), std::abs(hi));
  if (log && hi / lo < 1 + 1e-6) {
    lo /= 1.1;
    hi *= 1.1;
  } else if (!log && hi - lo <= 1e-6 * size) {
    double half = size == 0 ? 0.5 : 0.05 * size;
    lo -= half;
    hi += half;
  }
  double factor = log ? std::pow(hi / lo, margin) : 1;
  double pad = log ? 0 : margin * (hi - lo);
  Axis axis{lo / factor - pad, hi * factor + pad, 0, 1, log, {}, {}};
  axis.ticks = log ? log_ticks(axis.lo, axis.hi) : round_ticks(axis.lo, axis.hi);
  axis.labels = tick_labels(axis.ticks);
  return axis;
}

}  // namespace elbo
