// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "elbo/tasks/pictures.h"

namespace elbo::cli {
namespace {

struct DecodeVerbOptions : DecodeOptions, OutputOptions {
  void fields(Fields& f) {
    DecodeOptions::fields(f);
    OutputOptions::fields(f);
  }
};

int run(const DecodeVerbOptions& o, Call& call) {
  Run run = open_for_use(call.positionals[0]);
  OutputFile file = output_file(o, run, "decoded", call.console);
  Tensor z = read_latents(call.positionals[1], latent_size(*run.trained.model));
  Tensor x = decode(run, z, o);
  Output out{{{"x", x}, {"z", z}},
             data_columns(run.trained.schema),
             {decoded_column(o.decode, z.numel() / z.size(-1))},
             {}};
  if (run.trained.schema.kind == "image") {
    out.picture = picture_grid(x, run.trained.schema.range, 0, viewing_scale(x));
  }
  Value more;
  tell_decoded(o.decode, call.console, more);
  return finish(file, o, out, more, call.console);
}

}  // namespace

Verb decode_verb() {
  return make_verb<DecodeVerbOptions>("decode", "RUN LATENTS [-o FILE]",
                                      "what latents from a .npy, .npz or .csv file stand for", 2, 2,
                                      false, run);
}

}  // namespace elbo::cli
