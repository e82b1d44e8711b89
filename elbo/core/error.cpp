// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/error.h"

namespace elbo {

const char* code_name(Code code) {
  switch (code) {
    case Code::failure:
      return "failure";
    case Code::usage:
      return "usage";
    case Code::data:
      return "data";
    case Code::model:
      return "model";
    case Code::resource:
      return "resource";
    case Code::diverged:
      return "diverged";
    case Code::stopped:
      return "stopped";
  }
  return "failure";
}

}  // namespace elbo
