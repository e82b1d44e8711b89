// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace elbo {

/// Keeps LibTorch to one thread for as long as it lives, beside code with threads of its own: the
/// idle threads of LibTorch's team would spin.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

}  // namespace elbo
