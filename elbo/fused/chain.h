// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "elbo/fused/sparse_input.h"
#include "elbo/fused/stage.h"
#include "elbo/nets/network.h"

namespace elbo::fused {

/// Whether a chain only runs forwards or also has a way back, with its parameters' gradients.
enum class Way { forward, both };

/// A parameter's own memory. With a way back its gradient is made if it has none.
Parameter parameter_of(const Tensor& t, Way way);

/// The stages of one network and the signals between them.
class Chain {
 public:
  /// network must be one that why_not_chain finds no fault with; `in` must outlive this. sparse:
  /// the same batch as `in` as lists of its non-zeros, or null. panels, going forwards only and in
  /// f32: the layers' weights by in_panels(), which are read faster; undefined for those as they
  /// are.
  Chain(const Network& network, Signal& in, const SparseInput* sparse, Way way, Precision precision,
        const std::vector<Tensor>& panels = {});

  Signal& out() { return *last_; }
  void reserve(int64_t rows);
  int64_t scratch() const;
  /// Floats that its signals take for a row.
  int64_t row_size() const;
  void forward(const Work& work);
  const std::vector<std::unique_ptr<Stage>>& stages() const { return stages_; }
  /// Whether a layer walks the lists of `sparse`: the first one, if it is dense.
  bool reads_zeros() const { return reads_zeros_; }

 private:
  template <class Like>
  Signal& add_signal(const Like& like, bool has_gradient);
  void add_dense(const ChainLayer& layer, const SparseInput* sparse, const Tensor& panels);
  void add_conv(const ChainLayer& layer, const std::optional<ChainConv>& next);
  void add_norm(const ChainLayer& layer, const std::optional<ChainConv>& next);
  void add_image(const ImageLayout& layout);
  void add_flat();

  Way way_;
  Precision precision_;
  bool reads_zeros_ = false;
  Signal* last_;
  std::vector<std::unique_ptr<Signal>> signals_;
  std::vector<std::unique_ptr<Stage>> stages_;
};

/// Why no chain can be made of a network, `which` being its name in words; empty when one can.
std::string why_not_chain(const char* which, const Network& network);

}  // namespace elbo::fused
