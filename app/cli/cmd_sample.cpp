// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "elbo/tasks/pictures.h"

namespace elbo::cli {
namespace {

struct SampleVerbOptions : SampleOptions, OutputOptions {
  bool mean = false;
  void fields(Fields& f) {
    f("mean", mean, "the same as --decode mean");
    SampleOptions::fields(f);
    OutputOptions::fields(f);
  }
};

int run(const SampleVerbOptions& asked, Call& call) {
  SampleVerbOptions o = asked;
  ELBO_CHECK(!o.mean || o.decode != "sample", Code::usage,
             "--mean and --decode sample contradict each other\nGive one of them.");
  if (o.mean) o.decode = "mean";
  Run run = open_for_use(call.positionals[0]);
  OutputFile file = output_file(o, run, "samples", call.console);
  Samples found = sample(run, o);
  Output out{{{"x", found.x}, {"z", found.z}},
             data_columns(run.trained.schema),
             {decoded_column(found.decode, found.x.size(0))},
             {}};
  if (run.trained.schema.kind == "image") {
    out.picture = picture_grid(found.x, run.trained.schema.range, 0, viewing_scale(found.x));
  }
  Value more;
  tell_decoded(found.decode, call.console, more);
  return finish(file, o, out, more, call.console);
}

}  // namespace

Verb sample_verb() {
  return make_verb<SampleVerbOptions>("sample", "RUN [-n 64] [-o FILE]",
                                      "draw new examples from a model", 1, 1, false, run);
}

}  // namespace elbo::cli
