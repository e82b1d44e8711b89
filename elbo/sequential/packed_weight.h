// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "elbo/kernels/buffer.h"
#include "elbo/kernels/gemm.h"
#include "elbo/kernels/team.h"
#include "elbo/tensor/torch.h"

namespace elbo::sequential {

/// A dense layer's weight [out, in] in bf16, packed both ways products read it, for all passes of a
/// network: once whenever it has changed, however many passes there are.
class PackedWeight {
 public:
  explicit PackedWeight(Tensor weight) : weight_(std::move(weight)) {}
  /// Packs, of the two, those that are wanted and do not hold what the weight, contiguous f32 on
  /// the CPU, holds now: that it has changed is seen by its version and its memory.
  void refresh(Team& team, bool to_output, bool to_input);
  /// Gemm::b_packed of out = in weight^T and of d in = d out weight, as refresh() left them.
  const uint32_t* to_output() const { return to_output_.data(); }
  const uint32_t* to_input() const { return to_input_.data(); }

 private:
  struct Copy {
    bool is_of(const Tensor& weight) const;
    uint32_t* data() const { return reinterpret_cast<uint32_t*>(packed.data()); }
    Buffer packed;
    Tensor seen;  // the weight's memory, which is held lest other weights come to lie there
    uint32_t version = 0;
  };
  void renew(Copy& copy, const Gemm& g) const;

  Tensor weight_;
  std::mutex mutex_;
  Copy to_output_, to_input_;
};

/// By layer, null for those that are not dense.
using PackedWeights = std::vector<std::unique_ptr<PackedWeight>>;

}  // namespace elbo::sequential
