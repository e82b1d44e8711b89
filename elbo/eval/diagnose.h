// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace elbo {

struct Finding {
  std::string level;
  std::string text;
};

}  // namespace elbo
