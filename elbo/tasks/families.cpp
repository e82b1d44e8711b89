// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/families.h"

#include <algorithm>

#include "elbo/tasks/config.h"

namespace elbo {
namespace {

void collect(const Fields& fields, std::vector<const FamilyInfo*>& out) {
  for (const Field& field : fields.all()) {
    if (!field.family || std::find(out.begin(), out.end(), field.family) != out.end()) continue;
    out.push_back(field.family);
    for (const MemberInfo& member : field.family->members()) collect(*member.options(), out);
  }
}

}  // namespace

const std::vector<const FamilyInfo*>& families() {
  static const auto all = [] {
    RunConfig config;
    Fields fields;
    config.fields(fields);
    std::vector<const FamilyInfo*> out;
    collect(fields, out);
    return out;
  }();
  return all;
}

const FamilyInfo& find_family(const std::string& name) {
  std::vector<std::string> names;
  for (const FamilyInfo* family : families()) {
    if (name == family->name() || name == family->name() + "s") return *family;
    names.push_back(family->name());
  }
  fail(Code::usage, "unknown family '{}'{}\n`elbo list` names them all.", name,
       suggestion(name, names));
}

}  // namespace elbo
