// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/forward.h"

#include <algorithm>

#include "elbo/core/error.h"
#include "elbo/fused/dense.h"

namespace elbo::fused {
namespace {

/// Rows in a turn: enough that packing weights costs little beside using them.
constexpr int64_t kMostRows = 256;
/// Floats of signals in a turn, at most: images between convolutions are large.
constexpr int64_t kMostFloats = 1 << 20;

/// Rows after which laying out the weights in panels costs little beside what it saves.
constexpr int64_t kPanelsAfter = 2048;

}  // namespace

Forward::Member::Member(const Network& network, int64_t width, bool sparse,
                        const std::vector<Tensor>& panels)
    : in(width, false),
      zeros(width),
      chain(network, in, sparse ? &zeros : nullptr, Way::forward, Precision::f32, panels) {}

void Forward::Member::reserve(int64_t rows) {
  if (rows <= room) return;
  room = rows;
  if (chain.reads_zeros()) zeros.reserve(rows);
  chain.reserve(rows);
  scratch.clear();
  scratch.emplace_back(chain.scratch());
}

const float* Forward::Member::run(const float* x, int64_t rows) {
  in.value = x;
  Work work{alone, rows, scratch};
  if (chain.reads_zeros()) zeros.read(work, x);
  chain.forward(work);
  return chain.out().value;
}

Forward::Forward(const Network& network, int64_t width, bool sparse, Team& team)
    : network_(network), width_(width), is_sparse_(sparse), team_(team) {
  make_members();
}

void Forward::make_members() {
  members_.clear();
  for (int i = 0; i < team_.size(); ++i) {
    members_.push_back(std::make_unique<Member>(network_, width_, is_sparse_, panels_));
  }
}

void Forward::prepare(int64_t rows) {
  rows_ += rows;
  if (rows_ < kPanelsAfter || !panels_.empty()) return;
  for (const ChainLayer& l : network_.chain()) {
    panels_.push_back(l.conv ? Tensor() : in_panels(l.weight.detach()));
  }
  make_members();
}

int64_t Forward::reserve(int64_t rows) {
  if (rows == 0) return 1;
  int64_t members = team_.size();
  int64_t most = std::clamp<int64_t>(kMostFloats / members_[0]->chain.row_size(), 1, kMostRows);
  int64_t height = ceil_div(rows, ceil_div(rows, most * members) * members);
  for (auto& m : members_) m->reserve(height);
  return height;
}

Tensor Forward::operator()(const Tensor& x) {
  Tensor in = x.flatten(1).contiguous();
  ELBO_CHECK(in.size(1) == width_ && in.scalar_type() == at::kFloat && in.is_cpu(), Code::usage,
             "rows of {} numbers given to a network that takes {}, in f32 on the CPU", in.size(1),
             width_);
  Tensor out = at::empty({x.size(0), out_width()}, x.options());
  float* to = out.data_ptr<float>();
  run(
      in.data_ptr<float>(), in.size(0), [](int, int64_t, int64_t) {},
      [&](int64_t first, int64_t n, const float* y) {
        std::copy_n(y, n * out_width(), to + first * out_width());
      });
  return out;
}

}  // namespace elbo::fused
