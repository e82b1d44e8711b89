// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/distribution.h"

#include "elbo/tensor/convert.h"

namespace elbo {

Tensor Distribution::entropy() const {
  fail(Code::usage, "the {} distribution has no closed form for its entropy", name());
}

void check_all(const Tensor& ok, const Tensor& value, const char* role, const char* law) {
  if (ok.all().item<bool>()) return;
  Tensor bad = ok.logical_not();
  double first = value.expand_as(bad).masked_select(bad)[0].item<double>();
  fail(Code::data, "{} must be {}: got {} at {}", role, law, first, first_place(bad));
}

}  // namespace elbo
