// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/sequential/stage.h"

namespace elbo::sequential {

/// Between rows {C, H, W}, as LibTorch lays out images, and the layout of convolutions.
class ImageStage : public Stage {
 public:
  void reserve(int64_t rows) override { out_.reserve(rows); }

 protected:
  ImageStage(Signal& in, Signal& out, const ImageLayout& layout);
  /// Copies all images, shared out among the team.
  void to_layout(const Work& work, const float* planes, float* images);
  void to_planes(const Work& work, const float* images, float* planes);
  Signal &in_, &out_;
  ImageLayout layout_;

 private:
  std::vector<int32_t> pixels_;  // where they are
  const GemmKernels& gemms_ = gemm_kernels(isa());
};

class ToImage : public ImageStage {
 public:
  ToImage(Signal& in, Signal& image) : ImageStage(in, image, *image.image) {}
  std::string name() const override { return "rows to images"; }
  void forward(const Work& work) override;
  void backward(const Work& work) override;
};

class FromImage : public ImageStage {
 public:
  FromImage(Signal& image, Signal& out) : ImageStage(image, out, *image.image) {}
  std::string name() const override { return "images to rows"; }
  void forward(const Work& work) override;
  void backward(const Work& work) override;
};

}  // namespace elbo::sequential
