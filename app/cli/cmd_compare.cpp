// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "elbo/report/text_table.h"
#include "elbo/tasks/compare.h"

namespace elbo::cli {
namespace {

struct CompareVerbOptions {
  std::string output = "compare.html";
  bool force = false;
  void fields(Fields& f) {
    f("output", output, "the page to write");
    f("force", force, "replace the page when it is there");
  }
};

int run(const CompareVerbOptions& o, Call& call) {
  ELBO_CHECK(Path(o.output).extension() == ".html", Code::usage,
             "--output {}: the page is HTML\nName a file that ends in .html.", o.output);
  ELBO_CHECK(o.force || !std::filesystem::exists(o.output), Code::usage,
             "{} is there already\nAdd --force to replace it, or name another file with -o.",
             o.output);
  Comparison found = compare({call.positionals.begin(), call.positionals.end()}, o.output);
  call.console.tell("compare", counted(found.examples, found.split + " example"));
  for (const Finding& note : found.notes) call.console.tell("note", call.console.yellow(note.text));
  TextTable table = found.table();
  call.console.result(text_table(table.header, table.rows) + o.output);
  Value document = found.to_value();
  document["output"] = o.output;
  call.console.document(document);
  return 0;
}

}  // namespace

Verb compare_verb() {
  return make_verb<CompareVerbOptions>("compare", "RUN RUN... [-o compare.html]",
                                       "measure runs on the same data and show them side by side",
                                       1, 20, false, run);
}

}  // namespace elbo::cli
