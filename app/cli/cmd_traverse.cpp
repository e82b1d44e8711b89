// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "elbo/tasks/pictures.h"

namespace elbo::cli {
namespace {

struct TraverseVerbOptions : TraverseOptions, SplitOptions, OutputOptions {
  void fields(Fields& f) {
    TraverseOptions::fields(f);
    SplitOptions::fields(f);
    OutputOptions::fields(f);
  }
};

int run(const TraverseVerbOptions& o, Call& call) {
  Run run = open_for_use(call.positionals[0]);
  Path path = output_path(o, run, "traversals");
  DatasetPtr data = open_split(run, call, o);
  Traversal found = traverse(run, *data, o);
  Output out{{{"x", found.x}, {"z", found.z}}, data_columns(run.trained.schema), "", {}, {}};
  out.arrays.emplace_back("dims", at::tensor(found.dims, at::kLong));
  out.arrays.emplace_back("positions", at::tensor(found.positions, at::kDouble));
  if (run.trained.schema.kind == "image") {
    out.picture = picture_grid(found.x, run.trained.schema.range, o.steps, viewing_scale(found.x));
  }
  Value more;
  more["dims"] = Value::list(found.dims);
  more["positions"] = Value::list(found.positions);
  call.console.tell("dims", fmt::format("{}, a row each", fmt::join(found.dims, ", ")));
  return finish(path, o, out, more, call.console);
}

}  // namespace

Verb traverse_verb() {
  return make_verb<TraverseVerbOptions>("traverse", "RUN [DATA] [-n 10] [-o FILE]",
                                        "move one latent dimension after another", 1, 2, false,
                                        run);
}

}  // namespace elbo::cli
