// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/cli/verb.h"
#include "elbo/tasks/run.h"

namespace elbo::cli {

/// One function for each file cmd_<verb>.cpp.
Verb train_verb();
Verb resume_verb();
Verb eval_verb();
Verb score_verb();
Verb sample_verb();
Verb reconstruct_verb();
Verb encode_verb();
Verb decode_verb();
Verb interpolate_verb();
Verb traverse_verb();
Verb report_verb();
Verb compare_verb();
Verb doctor_verb();
Verb describe_verb();
Verb info_verb();
Verb list_verb();
Verb presets_verb();
Verb completion_verb();

/// What follows training, fresh or resumed: evaluation, report, next steps; returns the exit code.
int finish_run(const RunResult& result, bool report, Console& console);

}  // namespace elbo::cli
