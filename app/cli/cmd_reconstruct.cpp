// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "elbo/tasks/pictures.h"

namespace elbo::cli {
namespace {

struct ReconstructVerbOptions : DecodeOptions, SplitOptions, OutputOptions {
  int64_t count = 64;
  void fields(Fields& f) {
    f("count", count, "rows, evenly spaced over the split; 0 takes all", at_least(0));
    DecodeOptions::fields(f);
    SplitOptions::fields(f);
    OutputOptions::fields(f);
  }
};

int run(const ReconstructVerbOptions& o, Call& call) {
  Run run = open_for_use(call.positionals[0]);
  Path path = output_path(o, run, "reconstructions");
  DatasetPtr data = open_split(run, call, o);
  std::vector<int64_t> rows = spaced_rows(data->size(), o.count);
  Noise noise(o.seed);
  auto make = [&](std::span<const int64_t> some) {
    Reconstruction found = reconstruct(run, *data, some, o, noise);
    Output out{{{"reconstruction", found.result}, {"x", found.x}, {"z", found.z}},
               data_columns(run.trained.schema),
               "",
               {},
               {}};
    if (found.mask.defined()) out.arrays.emplace_back("mask", found.mask);
    out.arrays.emplace_back("row",
                            at::tensor(at::IntArrayRef(some.data(), some.size()), at::kLong));
    if (path.extension() == ".png" && run.trained.schema.kind == "image") {
      out.picture =
          paired_grid(found.x, found.result, run.trained.schema.range, 16, viewing_scale(found.x));
    }
    return out;
  };
  return finish_rows(path, o, run.trained.schema, rows, make, call.console);
}

}  // namespace

Verb reconstruct_verb() {
  return make_verb<ReconstructVerbOptions>("reconstruct", "RUN [DATA] [-n 64] [-o FILE]",
                                           "pass examples through a model and back", 1, 2, false,
                                           run);
}

}  // namespace elbo::cli
