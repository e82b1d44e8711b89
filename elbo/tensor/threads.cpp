// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/threads.h"

#include <ATen/Parallel.h>

namespace elbo {

OneThread::OneThread() : before_(at::get_num_threads()) { at::set_num_threads(1); }
OneThread::~OneThread() { at::set_num_threads(before_); }

}  // namespace elbo
