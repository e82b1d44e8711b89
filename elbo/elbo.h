// SPDX-License-Identifier: Apache-2.0
#pragma once

// All that a program over the library needs.
#include "elbo/eval/diagnose.h"
#include "elbo/eval/evaluate.h"
#include "elbo/eval/latent_view.h"
#include "elbo/tasks/presets.h"
#include "elbo/tasks/report.h"
#include "elbo/tasks/run.h"
