// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"

namespace elbo::cli {
namespace {

struct EncodeVerbOptions : EncodeOptions, SplitOptions, OutputOptions {
  int64_t count = 0;
  void fields(Fields& f) {
    f("count", count, "rows, evenly spaced over the split; 0 takes all", at_least(0));
    EncodeOptions::fields(f);
    SplitOptions::fields(f);
    OutputOptions::fields(f);
  }
};

int run(const EncodeVerbOptions& o, Call& call) {
  Run run = open_for_use(call.positionals[0]);
  Path path = o.output.empty() ? "latents.csv" : o.output;
  check_output(path, o.force);
  DatasetPtr data = open_split(run, call, o);
  std::vector<int64_t> rows = spaced_rows(data->size(), o.count);
  Noise noise(o.seed);
  auto make = [&](std::span<const int64_t> some) {
    Codes codes = encode(run, *data, some, o, noise);
    Output out{{{"mean", codes.mean}, {"sd", codes.sd}},
               latent_columns(codes.mean.size(1)),
               data->schema().target,
               label_texts(codes.y, data->schema()),
               {}};
    if (codes.draws.defined()) out.arrays.insert(out.arrays.begin(), {"draws", codes.draws});
    if (codes.y.defined()) out.arrays.emplace_back("y", codes.y);
    out.arrays.emplace_back("row",
                            at::tensor(at::IntArrayRef(some.data(), some.size()), at::kLong));
    return out;
  };
  // Draws [K, n, Z] do not have the rows first.
  if (o.draws > 0) return finish(path, o, make(rows), Value::table(), call.console);
  return finish_rows(path, o, data->schema(), rows, make, call.console);
}

}  // namespace

Verb encode_verb() {
  return make_verb<EncodeVerbOptions>("encode", "RUN [DATA] [-o FILE]",
                                      "where examples lie in the latent space", 1, 2, false, run);
}

}  // namespace elbo::cli
