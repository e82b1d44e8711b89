// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/sequential/conv_products.h"
#include "elbo/sequential/layer.h"
#include "elbo/sequential/stage.h"

namespace elbo::sequential {

/// out = dropout(activation(convolution of in + bias)), or with its mirror; both signals images.
class Conv : public Stage {
 public:
  Conv(const ConvSpec& conv, Signal& in, Signal& out, const Parameter& weight,
       const Parameter& bias, Precision precision);
  std::string name() const override;
  void reserve(int64_t rows) override;
  int64_t scratch() const override;
  void draw(RowNoise& noise, int64_t rows) override { out_.draw_keep(noise, rows); }
  void forward(const Work& work) override;
  void backward(const Work& work) override;
  double operations(int64_t rows) const override;

 private:
  /// Parts of the batch whose gradients are found each by itself and then added up. They depend on
  /// the number of rows alone, so that the bits do not depend on the team.
  int64_t parts(int64_t rows) const;
  /// The most parts of a batch of at most that many rows; a smaller batch may have more than this
  /// one.
  int64_t most_parts(int64_t rows) const;
  void prepare_weights(const Work& work);
  void spread(const float* in, bool to_coarse, int64_t images, float* out, float* scratch) const;
  void input_gradient(const Work& work);
  void parameter_gradients(const Work& work);
  void bias_part(int64_t first, int64_t end, float* out, float* scratch) const;
  void add_parts(const Work& work);

  bool mirrored_;
  Signal &in_, &out_;
  ConvProducts products_;
  const Parameter &weight_, &bias_;
  Buffer for_coarse_, for_fine_;                // weights as the two products take them
  Buffer packed_for_coarse_, packed_for_fine_;  // and in bf16 their uint32_t
  Buffer bias_row_;                             // the biases along a row of pixels
  Buffer weight_parts_, bias_parts_;            // gradients of the parts
};

}  // namespace elbo::sequential
