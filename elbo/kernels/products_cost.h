// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/kernels/gemm.h"

namespace elbo {

/// The share of non-zeros of a layer's input up to which products that skip zeros are the faster
/// ones with isa(). It is a constant of the instruction set, not measured in each process: in bf16
/// the choice changes the bits, since zeros are skipped in f32, and in f32 it would change the
/// memory that lists take.
double most_nonzeros(Precision precision);

}  // namespace elbo
