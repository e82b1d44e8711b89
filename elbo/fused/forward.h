// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "elbo/fused/chain.h"

namespace elbo::fused {

/// One network run forwards by a team: every member runs the whole network for rows of its own, so
/// that nobody waits between layers and what a layer puts out stays in the member's cache.
class Forward {
 public:
  /// network must be one that why_not_chain finds no fault with, and outlive this; `width` is that
  /// of its input. Its weights must keep their values. sparse: whether to skip the zeros of its
  /// input.
  Forward(const Network& network, int64_t width, bool sparse, Team& team);

  int64_t in_width() const { return width_; }
  int64_t out_width() const { return members_[0]->chain.out().width; }

  /// use(first, n, y) for rows first .. first + n - 1 until all of them are done; y [n, out_width]
  /// is what the network puts out and is gone after the call. before(member, first, n) makes those
  /// rows of x [rows, in_width] first. Both are called by all members at once and must not throw.
  template <class Before, class Use>
  void run(const float* x, int64_t rows, Before&& before, Use&& use) {
    prepare(rows);
    int64_t height = reserve(rows);
    team_.each((rows + height - 1) / height, [&](int member, int64_t turn) {
      int64_t first = turn * height, n = std::min(height, rows - first);
      before(member, first, n);
      use(first, n, members_[static_cast<size_t>(member)]->run(x + first * in_width(), n));
    });
  }
  /// x [N, in_width] to [N, out_width]. Throws Error(Code::usage) for rows of another width.
  Tensor operator()(const Tensor& x);

 private:
  struct Member {
    Member(const Network& network, int64_t width, bool sparse, const std::vector<Tensor>& panels);
    void reserve(int64_t rows);
    const float* run(const float* x, int64_t rows);

    Signal in;
    SparseInput zeros;
    Chain chain;
    Team alone{1};
    std::vector<Buffer> scratch;
    int64_t room = 0;  // rows
  };
  /// Makes room for what a member takes in a turn of so many rows in all, and says how many rows
  /// that is.
  int64_t reserve(int64_t rows);

  /// Makes the members, again with the weights in panels once so many rows have come that it pays.
  void prepare(int64_t rows);
  void make_members();

  const Network& network_;
  int64_t width_;
  bool is_sparse_;
  Team& team_;
  int64_t rows_ = 0;  // that have come
  std::vector<Tensor> panels_;
  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace elbo::fused
