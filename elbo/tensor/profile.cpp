// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/profile.h"

namespace elbo {
namespace {

thread_local const Profile* in_use = nullptr;

}  // namespace

WithProfile::WithProfile(const Profile& profile) : outer_(in_use) { in_use = &profile; }

WithProfile::~WithProfile() { in_use = outer_; }

const Profile* profile() { return in_use; }

}  // namespace elbo
