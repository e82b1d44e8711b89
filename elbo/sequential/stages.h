// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "elbo/sequential/layer.h"
#include "elbo/sequential/packed_weight.h"
#include "elbo/sequential/sparse_input.h"
#include "elbo/sequential/stage.h"

namespace elbo::sequential {

/// What a pass is for.
struct PassKind {
  bool has_gradient = false;        ///< whether there is a way back
  bool has_input_gradient = false;  ///< which reaches the input
  bool is_training = false;         ///< whether units are dropped and batches give statistics
  Precision precision = Precision::f32;
  bool operator==(const PassKind&) const = default;
};

/// The stages of one network and the signals between them.
class Stages {
 public:
  /// layers must be such as why_not_stages finds no fault with; `in` and `packed`, which is for
  /// products in bf16, must outlive this. sparse: the same batch as `in` as lists of its non-zeros,
  /// or null. panels, going forwards only and in f32: the layers' weights by in_panels(), which are
  /// read faster; undefined for those as they are.
  Stages(const std::vector<LayerSpec>& layers, Signal& in, const SparseInput* sparse,
         const PackedWeights& packed, const PassKind& kind, const std::vector<Tensor>& panels = {});

  Signal& out() { return *last_; }
  /// In the order of parameters_of(layers): the pass sets where each lies and its gradient is
  /// wanted.
  std::deque<Parameter>& parameters() { return parameters_; }
  void reserve(int64_t rows);
  int64_t scratch() const { return scratch_; }
  /// Floats that its signals take for a row.
  int64_t row_size() const;
  void draw(RowNoise& noise, int64_t rows);
  void forward(const Work& work);
  void backward(const Work& work);
  /// See Stage::operations.
  double operations(int64_t rows) const;
  /// Whether a layer walks the lists of `sparse`: the first one, if it is dense.
  bool reads_zeros() const { return reads_zeros_; }

 private:
  template <class Like>
  Signal& add_signal(const Like& like, bool has_gradient);
  const Parameter& add_parameter() { return parameters_.emplace_back(); }
  void add_dense(const LayerSpec& layer, const SparseInput* sparse, PackedWeight* packed,
                 bool has_panels);
  void add_conv(const LayerSpec& layer, const std::optional<ConvSpec>& next);
  void add_norm(const LayerSpec& layer, const std::optional<ConvSpec>& next);
  void add_image(const ImageLayout& layout);
  void add_flat();

  PassKind kind_;
  bool reads_zeros_ = false;
  int64_t scratch_ = 0;
  Signal* last_;
  std::deque<Parameter> parameters_;
  std::vector<std::unique_ptr<Signal>> signals_;
  std::vector<std::unique_ptr<Stage>> stages_;
};

/// Weight and bias of each layer, then those of its normalisation.
std::vector<Tensor> parameters_of(const std::vector<LayerSpec>& layers);

PackedWeights packed_weights_of(const std::vector<LayerSpec>& layers);

/// Why no stages can be made of such layers; empty when they can.
std::string why_not_stages(const std::vector<LayerSpec>& layers);

}  // namespace elbo::sequential
