// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/tasks/run.h"

namespace elbo {

/// What a run's model has not met in training, of the rows of other data, a sentence each:
///
/// | what            | when it is named |
/// |-----------------|-----------------------------------------------------------------------------|
/// | classes         | those of the labels that the run did not know | | missing cells   | where
/// the training rows had none (run.json)                                 | | values of a     | more
/// than 8 standard deviations from the training mean under `standardise`, | | table's columns |
/// more than a whole training range beyond either end under `min-max`          |
std::vector<std::string> unfamiliar(const Run& run, const Dataset& rows);

}  // namespace elbo
