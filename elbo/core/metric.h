// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "elbo/core/value.h"

namespace elbo {

/// One number with what is needed to read it.
struct Metric {
  std::string name;  ///< "neg_elbo"
  double value = 0;
  double se =
      std::numeric_limits<double>::quiet_NaN();  ///< standard error; NaN where none is known
  std::string unit;                              ///< "nats", "bits/dim", "" for counts
  std::string help;                              ///< one sentence
};

/// {"name": {"value": .., "se": .., "unit": ..}}; se is left out where it is NaN.
Value metrics_to_value(const std::vector<Metric>& metrics);

/// A number as a reader wants it; se is empty where none is known.
struct NumberText {
  std::string value, se;
};

/// The standard error to two significant digits and the value to the same decimal place. Without
/// one: whole numbers in full with commas, others to four significant digits, the digits before the
/// point never rounded away. Below 1e-4 and from 1e9 on both are written with one exponent.
NumberText format_number(double value, double se = std::numeric_limits<double>::quiet_NaN());
/// 652824 -> "652,824".
std::string with_commas(int64_t n);
/// "1 row", "60,000 rows".
std::string counted(int64_t n, const std::string& noun);
/// "97.92 ± 0.24 nats"
std::string format_metric(const Metric& metric);

}  // namespace elbo
