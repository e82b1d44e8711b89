// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"

namespace elbo::cli {

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> all = {
      train_verb(),       resume_verb(),      eval_verb(),      score_verb(),    report_verb(),
      doctor_verb(),      compare_verb(),     sample_verb(),    encode_verb(),   decode_verb(),
      reconstruct_verb(), interpolate_verb(), traverse_verb(),  describe_verb(), info_verb(),
      list_verb(),        presets_verb(),     completion_verb()};
  return all;
}

}  // namespace elbo::cli
