// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/family.h"

namespace elbo {

std::vector<std::string> FamilyInfo::names() const {
  std::vector<std::string> out;
  for (const MemberInfo& member : members_) out.push_back(member.name);
  return out;
}

size_t FamilyInfo::index_of(std::string_view name) const {
  for (size_t i = 0; i < members_.size(); ++i) {
    if (members_[i].name == name) return i;
  }
  fail(Code::usage, "unknown {} '{}'{}", name_, name, suggestion(name, names()));
}

void FamilyInfo::check(const Part& part) const {
  const MemberInfo& member = members_[index_of(part.type)];
  member.options()->read(part.options, name_ + " '" + part.type + "'");
}

}  // namespace elbo
