// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "elbo/tasks/pictures.h"

namespace elbo::cli {
namespace {

struct TraverseVerbOptions : TraverseOptions, SelectOptions, OutputOptions {
  void fields(Fields& f) {
    TraverseOptions::fields(f);
    SelectOptions::fields(f);
    OutputOptions::fields(f);
  }
};

int run(const TraverseVerbOptions& o, Call& call) {
  Run run = open_for_use(call.positionals[0], o.data);
  OutputFile file = output_file(o, run, "traversals", call.console);
  Selection selection = open_rows(run, call, o, o.row < 0 ? "" : "all");
  TraverseOptions asked = o;
  if (o.row >= 0) asked.row = selection.places(std::span(&o.row, 1), "row")[0];
  Traversal found = traverse(run, *selection.data, asked);
  std::vector<std::string> positions;
  for (double p : found.positions) positions.push_back(fmt::format("{:g}", p));
  auto dims = static_cast<int64_t>(found.dims.size());
  Output out{{{"x", found.x}, {"z", found.z}},
             data_columns(run.trained.schema),
             {spread({"dim", texts(found.dims)}, o.steps, 1),
              spread({"position", positions}, 1, dims), decoded_column(o.decode, dims * o.steps)},
             {}};
  out.arrays.emplace_back("dims", at::tensor(found.dims, at::kLong));
  out.arrays.emplace_back("positions", at::tensor(found.positions, at::kDouble));
  if (run.trained.schema.kind == "image") {
    out.picture = picture_grid(found.x, run.trained.schema.range, o.steps, viewing_scale(found.x));
  }
  Value more;
  more["split"] = selection.split;
  more["dims"] = Value::list(found.dims);
  more["positions"] = Value::list(found.positions);
  call.console.tell("dims", fmt::format("{}, a row each", fmt::join(found.dims, ", ")));
  tell_decoded(o.decode, call.console, more);
  return finish(file, o, out, more, call.console);
}

}  // namespace

Verb traverse_verb() {
  return make_verb<TraverseVerbOptions>("traverse", "RUN [DATA] [-n 10] [-o FILE]",
                                        "move one latent dimension after another", 1, 2, false,
                                        run);
}

}  // namespace elbo::cli
