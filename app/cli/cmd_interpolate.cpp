// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "elbo/tasks/pictures.h"

namespace elbo::cli {
namespace {

struct InterpolateVerbOptions : InterpolateOptions, SelectOptions, OutputOptions {
  void fields(Fields& f) {
    InterpolateOptions::fields(f);
    SelectOptions::fields(f);
    OutputOptions::fields(f);
  }
};

int run(const InterpolateVerbOptions& o, Call& call) {
  Run run = open_for_use(call.positionals[0], o.data);
  OutputFile file = output_file(o, run, "interpolations", call.console);
  Selection selection = open_rows(run, call, o, o.from.empty() ? "" : "all");
  InterpolateOptions asked = o;
  asked.from = selection.places(o.from, "from");
  asked.to = selection.places(o.to, "to");
  Interpolation ways = interpolate(run, *selection.data, asked);
  std::vector<int64_t> from = selection.numbers(ways.from), to = selection.numbers(ways.to);
  auto pairs = static_cast<int64_t>(from.size());
  Output out{
      {{"x", ways.x},
       {"z", ways.z},
       {"from", at::tensor(from, at::kLong)},
       {"to", at::tensor(to, at::kLong)}},
      data_columns(run.trained.schema),
      {spread({"from", texts(from)}, o.steps, 1), spread({"to", texts(to)}, o.steps, 1),
       spread({"step", counted_up(o.steps)}, 1, pairs), decoded_column(o.decode, pairs * o.steps)},
      {}};
  if (run.trained.schema.kind == "image") {
    out.picture = picture_grid(ways.x, run.trained.schema.range, o.steps, viewing_scale(ways.x));
  }
  Value more;
  more["split"] = selection.split;
  more["from"] = Value::list(from);
  more["to"] = Value::list(to);
  tell_decoded(o.decode, call.console, more);
  return finish(file, o, out, more, call.console);
}

}  // namespace

Verb interpolate_verb() {
  return make_verb<InterpolateVerbOptions>(
      "interpolate", "RUN [DATA] [--from 3,7 --to 10,12] [-o FILE]",
      "walk through the latent space from example to example", 1, 2, false, run);
}

}  // namespace elbo::cli
