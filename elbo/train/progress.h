// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "elbo/core/value.h"

namespace elbo {

/// Sums of the terms seen in an epoch.
class TermSums {
 public:
  /// means: of each term over a batch of so many examples.
  void add(const std::vector<std::string>& names, const std::vector<double>& means,
           int64_t examples);
  /// Empty before the first add().
  std::map<std::string, double> means() const;
  void clear() { *this = {}; }
  Value to_value() const;
  static TermSums from_value(const Value& value);

 private:
  std::map<std::string, double> sums_;
  int64_t examples_ = 0;
};

/// All that a resumed run needs to know beside tensors.
struct Progress {
  int64_t epoch = 0;          ///< epochs done
  int64_t step_in_epoch = 0;  ///< steps done of the present one
  int64_t batch = 1;          ///< examples in each of these
  int64_t step = 0;           ///< steps done in all, skipped ones included
  int64_t skipped = 0;        ///< non-finite steps
  int64_t bad_in_a_row = 0;
  bool rolled_back = false;
  double lr_factor = 1;
  std::optional<double> best;  ///< of the term that is watched
  int64_t best_epoch = 0;
  double epoch_seconds = 0;  ///< spent on the present epoch
  TermSums sums;
  Value to_value() const;
  /// Throws Error for anything to_value could not have written.
  static Progress from_value(const Value& value);
};

}  // namespace elbo
