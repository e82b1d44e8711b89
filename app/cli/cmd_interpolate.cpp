// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "elbo/tasks/pictures.h"

namespace elbo::cli {
namespace {

struct InterpolateVerbOptions : InterpolateOptions, SplitOptions, OutputOptions {
  void fields(Fields& f) {
    InterpolateOptions::fields(f);
    SplitOptions::fields(f);
    OutputOptions::fields(f);
  }
};

int run(const InterpolateVerbOptions& o, Call& call) {
  Run run = open_for_use(call.positionals[0]);
  Path path = output_path(o, run, "interpolations");
  DatasetPtr data = open_split(run, call, o);
  Interpolation ways = interpolate(run, *data, o);
  Output out{{{"x", ways.x}, {"z", ways.z}}, data_columns(run.trained.schema), "", {}, {}};
  out.arrays.emplace_back("from", at::tensor(ways.from, at::kLong));
  out.arrays.emplace_back("to", at::tensor(ways.to, at::kLong));
  if (run.trained.schema.kind == "image") {
    out.picture = picture_grid(ways.x, run.trained.schema.range, o.steps, viewing_scale(ways.x));
  }
  Value rows;
  rows["from"] = Value::list(ways.from);
  rows["to"] = Value::list(ways.to);
  return finish(path, o, out, rows, call.console);
}

}  // namespace

Verb interpolate_verb() {
  return make_verb<InterpolateVerbOptions>(
      "interpolate", "RUN [DATA] [--from 3,7 --to 10,12] [-o FILE]",
      "walk through the latent space from example to example", 1, 2, false, run);
}

}  // namespace elbo::cli
