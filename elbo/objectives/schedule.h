// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "elbo/core/family.h"

namespace elbo {

/// How far training has come.
struct Time {
  int64_t step = 0;   ///< steps done before this one
  double epoch = 0;   ///< passes over the data done, with the fraction of the present one
  double epochs = 1;  ///< passes planned
};

/// A factor for a weight or a rate, as a function of time.
using Schedule = std::function<double(const Time&)>;

/// constant, linear, cosine, cyclical, step.
const Family<Schedule>& schedules();

}  // namespace elbo
