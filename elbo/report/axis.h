// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace elbo {

/// Three to nine ticks in [lo, hi], all multiples of a step 1, 2 or 5 times a power of ten, and
/// none left out between lo and hi. Of the steps possible, the one with the count nearest to five.
/// Requires lo < hi, both finite, further apart than 1e-9 of their size.
std::vector<double> round_ticks(double lo, double hi);

/// Powers of ten in [lo, hi], every k-th so that at most nine remain; where fewer than three fit,
/// 1, 2 and 5 times powers of ten, and where these are fewer than three, round_ticks.
/// Requires 0 < lo < hi.
std::vector<double> log_ticks(double lo, double hi);

/// One text per tick, alike in form: "0.5", "20k", "1.5M", "2e-5".
std::vector<std::string> tick_labels(const std::vector<double>& ticks);

/// A stretch of numbers laid along a stretch of pixels.
struct Axis {
  double lo = 0, hi = 1;    ///< numbers
  double from = 0, to = 1;  ///< pixels; to < from for an axis that grows upwards
  bool log = false;
  std::vector<double> ticks;
  std::vector<std::string> labels;

  double at(double v) const;  ///< the pixel of a number
};

/// An axis for numbers from lo to hi, widened at both ends by the share `margin` of its length, and
/// where they (almost) coincide. Pixels are left to the caller.
Axis make_axis(double lo, double hi, double margin, bool log = false);

}  // namespace elbo
