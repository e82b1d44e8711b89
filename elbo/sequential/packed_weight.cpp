// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/packed_weight.h"

#include <algorithm>

#include "elbo/core/cpu.h"

namespace elbo::sequential {

bool PackedWeight::Copy::is_of(const Tensor& weight) const {
  return seen.defined() && weight.data_ptr() == seen.data_ptr() && weight._version() == version;
}

void PackedWeight::renew(Copy& copy, const Gemm& g) const {
  int64_t size = bf16_kernels(isa()).packed_size(g);
  if (copy.packed.size() < size) copy.packed = Buffer(size);
  copy.seen = weight_.detach();
  copy.version = weight_._version();
}

void PackedWeight::refresh(Team& team, bool to_output, bool to_input) {
  std::lock_guard lock(mutex_);
  to_output = to_output && !to_output_.is_of(weight_);
  to_input = to_input && !to_input_.is_of(weight_);
  if (!to_output && !to_input) return;
  int64_t outs = weight_.size(0), ins = weight_.size(1);
  Gemm forwards{.n = outs, .k = ins}, backwards{.n = ins, .k = outs};
  forwards.b = backwards.b = weight_.data_ptr<float>();
  forwards.ldb = backwards.ldb = ins;
  forwards.b_transposed = true;
  if (to_output) renew(to_output_, forwards);
  if (to_input) renew(to_input_, backwards);
  const Bf16Kernels& kernels = bf16_kernels(isa());
  team.each((outs + kPackedRows - 1) / kPackedRows, [&](int, int64_t turn) {
    int64_t first = turn * kPackedRows, end = std::min(outs, first + kPackedRows);
    if (to_output) kernels.pack_b(forwards, first, end, to_output_.data());
    if (to_input) kernels.pack_b(backwards, first, end, to_input_.data());
  });
}

}  // namespace elbo::sequential
