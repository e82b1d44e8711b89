// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/core/family.h"

namespace elbo {

/// Every family a configuration can name a member of, in the order of its options: found by walking
/// the listing of RunConfig and, inside, that of each member.
const std::vector<const FamilyInfo*>& families();

/// Throws Error(Code::usage) naming the nearest one. A plural is understood: "likelihoods".
const FamilyInfo& find_family(const std::string& name);

}  // namespace elbo
