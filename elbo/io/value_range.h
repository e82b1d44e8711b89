// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace elbo {

/// The ends of the values that pixels may take, in the units in which images are stored.
struct ValueRange {
  double lo = 0;    ///< black
  double hi = 255;  ///< white
  bool operator==(const ValueRange&) const = default;
};

}  // namespace elbo
