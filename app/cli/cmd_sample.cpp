// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "elbo/tasks/pictures.h"

namespace elbo::cli {
namespace {

struct SampleVerbOptions : SampleOptions, OutputOptions {
  void fields(Fields& f) {
    SampleOptions::fields(f);
    OutputOptions::fields(f);
  }
};

int run(const SampleVerbOptions& o, Call& call) {
  Run run = open_for_use(call.positionals[0]);
  Path path = output_path(o, run, "samples");
  Samples found = sample(run, o);
  Output out{{{"x", found.x}, {"z", found.z}}, data_columns(run.trained.schema), "", {}, {}};
  if (run.trained.schema.kind == "image") {
    out.picture = picture_grid(found.x, run.trained.schema.range, 0, viewing_scale(found.x));
  }
  return finish(path, o, out, Value::table(), call.console);
}

}  // namespace

Verb sample_verb() {
  return make_verb<SampleVerbOptions>("sample", "RUN [-n 64] [-o FILE]",
                                      "draw new examples from a model", 1, 1, false, run);
}

}  // namespace elbo::cli
