// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "elbo/report/text_table.h"
#include "elbo/tasks/families.h"

namespace elbo::cli {
namespace {

Value option_value(const Field& field) {
  Value out;
  out["name"] = field.name;
  out["type"] = field.type;
  out["range"] = field.range;
  out["default"] = field.get();
  out["help"] = field.help;
  return out;
}

Row option_row(const Field& field) {
  return {field.name, to_toml_inline(field.get()), field.type, field.range, field.help};
}

/// A line or rows of the result, and the document of --json.
struct Listing {
  std::string text;
  Value document;
};

Listing list_families() {
  std::vector<Row> rows;
  Listing out;
  for (const FamilyInfo* family : families()) {
    rows.push_back({family->name(), fmt::format("{}", fmt::join(family->names(), " "))});
    out.document[family->name()] = Value::list(family->names());
  }
  out.text = text_table({"family", "members"}, rows) +
             "\n'elbo list FAMILY' says what its members are, 'elbo list options' every option.\n";
  return out;
}

Listing list_options() {
  RunConfig config;
  Fields fields;
  config.fields(fields);
  std::vector<Row> rows;
  Value::List list;
  for (const Field& field : fields.all()) {
    rows.push_back(option_row(field));
    list.push_back(option_value(field));
  }
  return {text_table({"option", "default", "type", "range", "meaning"}, rows), list};
}

Listing list_family(const FamilyInfo& family) {
  Listing out{fmt::format("{}: {}\n", family.name(), family.summary()), Value(Value::List{})};
  for (const MemberInfo& member : family.members()) {
    out.text += fmt::format("\n{}  {}\n", member.name, member.summary);
    if (!member.source.empty()) out.text += fmt::format("  from {}\n", member.source);
    auto options = member.options();
    std::vector<Row> rows;
    Value entry;
    entry["name"] = member.name;
    entry["summary"] = member.summary;
    entry["source"] = member.source;
    entry["options"] = Value(Value::List{});
    for (const Field& field : options->all()) {
      Row row = option_row(field);
      row.front() = "  " + row.front();
      rows.push_back(std::move(row));
      entry["options"].as_list().push_back(option_value(field));
    }
    out.text += text_table({}, rows);
    out.document.as_list().push_back(std::move(entry));
  }
  return out;
}

int run(const NoOptions&, Call& call) {
  std::string what = call.positionals.empty() ? "" : call.positionals[0];
  Listing listing = what.empty()        ? list_families()
                    : what == "options" ? list_options()
                                        : list_family(find_family(what));
  call.console.result(listing.text);
  call.console.document(listing.document);
  return 0;
}

}  // namespace

Verb list_verb() {
  return make_verb<NoOptions>("list", "[FAMILY|options]", "the parts a model can be made of", 0, 1,
                              false, run);
}

}  // namespace elbo::cli
