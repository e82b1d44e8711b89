// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"

namespace elbo::cli {
namespace {

struct EncodeVerbOptions : EncodeOptions, SelectOptions, OutputOptions {
  int64_t count = 0;
  void fields(Fields& f) {
    f("count", count, "of these rows so many, evenly spaced; 0 takes all", at_least(0));
    EncodeOptions::fields(f);
    SelectOptions::fields(f);
    OutputOptions::fields(f);
  }
};

int run(const EncodeVerbOptions& o, Call& call) {
  Run run = open_for_use(call.positionals[0], o.data);
  OutputFile file = table_file(o, "latents", call.console);
  Selection selection = open_rows(run, call, o);
  std::vector<int64_t> rows = spaced_rows(selection.data->size(), o.count);
  Noise noise(o.seed);
  auto make = [&](std::span<const int64_t> some) {
    Codes codes = encode(run, *selection.data, some, o, noise);
    Output out{{{"mean", codes.mean}, {"sd", codes.sd}},
               latent_columns(codes.mean.size(1)),
               selection.keys(some, codes.y),
               {}};
    if (codes.draws.defined()) {  // [K, n, Z]: in a .csv each draw has its rows
      out.arrays.insert(out.arrays.begin(), {"draws", codes.draws});
      for (TextColumn& key : out.keys) key = spread(key, 1, o.draws);
      out.keys.push_back(spread({"draw", counted_up(o.draws)}, codes.mean.size(0), 1));
    }
    if (codes.y.defined()) out.arrays.emplace_back("y", codes.y);
    out.arrays.emplace_back("row", at::tensor(selection.numbers(some), at::kLong));
    return out;
  };
  Value more;
  more["split"] = selection.split;
  // Draws do not have the rows first.
  if (o.draws > 0) return finish(file, o, make(rows), more, call.console);
  return finish_rows(file, o, selection.schema, rows, make, more, call.console);
}

}  // namespace

Verb encode_verb() {
  return make_verb<EncodeVerbOptions>("encode", "RUN [DATA] [-o FILE]",
                                      "where examples lie in the latent space", 1, 2, false, run);
}

}  // namespace elbo::cli
