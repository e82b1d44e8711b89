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

Part FamilyInfo::checked(const Part& part) const {
  auto fields = members_[index_of(part.type)].options();
  fields->read(part.options, name_ + " '" + part.type + "'");
  Part out = part;
  for (const Field& field : fields->all()) {
    if (part.options.find_path(field.name)) out.options.set_path(field.name, field.get());
  }
  return out;
}

}  // namespace elbo
