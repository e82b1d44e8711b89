// SPDX-License-Identifier: Apache-2.0
#pragma once

// All that a program over the library needs.
#include "elbo/eval/diagnose.h"
#include "elbo/eval/evaluate.h"
#include "elbo/eval/latent_view.h"
#include "elbo/tasks/compare.h"
#include "elbo/tasks/doctor.h"
#include "elbo/tasks/families.h"
#include "elbo/tasks/latent.h"
#include "elbo/tasks/output.h"
#include "elbo/tasks/presets.h"
#include "elbo/tasks/report.h"
#include "elbo/tasks/run.h"
