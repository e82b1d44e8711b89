// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "elbo/tasks/pictures.h"

namespace elbo::cli {
namespace {

constexpr int64_t kRowsByDefault = 64;

struct ReconstructVerbOptions : DecodeOptions, SelectOptions, OutputOptions {
  int64_t count = -1;
  void fields(Fields& f) {
    f("count", count,
      "of these rows so many, evenly spaced; 0 takes all; -1 takes all of a file that is named, "
      "but 64 for a picture and of the run's own data",
      at_least(-1));
    DecodeOptions::fields(f);
    SelectOptions::fields(f);
    OutputOptions::fields(f);
  }
};

int run(const ReconstructVerbOptions& o, Call& call) {
  Run run = open_for_use(call.positionals[0], o.data);
  OutputFile file = output_file(o, run, "reconstructions", call.console);
  Selection selection = open_rows(run, call, o);
  const bool is_picture = file.format == "png" && run.trained.schema.kind == "image";
  const bool are_some = o.count < 0 && (is_picture || !selection.is_whole);
  std::vector<int64_t> rows = spaced_rows(
      selection.data->size(), are_some ? kRowsByDefault : std::max<int64_t>(o.count, 0));
  if (are_some && static_cast<int64_t>(rows.size()) < selection.data->size()) {
    call.console.tell("", fmt::format("{} of them, evenly spaced; -n 0 takes all", rows.size()));
  }
  Noise noise(o.seed);
  auto make = [&](std::span<const int64_t> some) {
    Reconstruction found = reconstruct(run, *selection.data, some, o, noise);
    Output out{{{"reconstruction", found.result}, {"x", found.x}, {"z", found.z}},
               data_columns(run.trained.schema),
               selection.keys(some, found.y),
               {}};
    out.keys.push_back(decoded_column(o.decode, found.result.size(0)));
    if (found.mask.defined()) out.arrays.emplace_back("mask", found.mask);
    if (found.y.defined()) out.arrays.emplace_back("y", found.y);
    out.arrays.emplace_back("row", at::tensor(selection.numbers(some), at::kLong));
    if (is_picture) {
      out.picture =
          paired_grid(found.x, found.result, run.trained.schema.range, 16, viewing_scale(found.x));
    }
    return out;
  };
  Value more;
  more["split"] = selection.split;
  tell_decoded(o.decode, call.console, more);
  return finish_rows(file, o, run.trained.schema, rows, make, more, call.console);
}

}  // namespace

Verb reconstruct_verb() {
  return make_verb<ReconstructVerbOptions>("reconstruct", "RUN [DATA] [-n 64] [-o FILE]",
                                           "pass examples through a model and back", 1, 2, false,
                                           run);
}

}  // namespace elbo::cli
