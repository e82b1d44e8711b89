// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/chain.h"

#include <algorithm>

#include "elbo/fused/conv.h"
#include "elbo/fused/dense.h"
#include "elbo/fused/image.h"
#include "elbo/fused/norm.h"

namespace elbo::fused {

namespace {

/// How the images lie that a convolution is given.
ImageLayout in_side(const ChainConv& conv) {
  ConvSides sides = sides_of(conv);
  return conv.mirrored ? sides.coarse : sides.fine;
}

}  // namespace

Parameter parameter_of(const Tensor& t, Way way) {
  if (way == Way::forward) return {t.data_ptr<float>(), nullptr};
  if (!t.grad().defined()) t.mutable_grad() = at::zeros_like(t);
  return {t.data_ptr<float>(), t.mutable_grad().data_ptr<float>()};
}

Chain::Chain(const Network& network, Signal& in, const SparseInput* sparse, Way way,
             Precision precision, const std::vector<Tensor>& panels)
    : way_(way), precision_(precision), last_(&in) {
  std::vector<ChainLayer> layers = network.chain();
  for (size_t i = 0; i < layers.size(); ++i) {
    auto next = i + 1 < layers.size() ? layers[i + 1].conv : std::nullopt;
    if (layers[i].conv) {
      add_conv(layers[i], next);
    } else {
      reads_zeros_ = reads_zeros_ || (i == 0 && sparse);
      add_dense(layers[i], i == 0 ? sparse : nullptr, i < panels.size() ? panels[i] : Tensor());
    }
    if (layers[i].norm) add_norm(layers[i], next);
    last_->activation = *try_activation(layers[i].activation);
    last_->dropout = way == Way::both ? layers[i].dropout : 0;
  }
  add_flat();
}

template <class Like>
Signal& Chain::add_signal(const Like& like, bool has_gradient) {
  signals_.push_back(std::make_unique<Signal>(like, has_gradient && way_ == Way::both));
  return *signals_.back();
}

void Chain::add_dense(const ChainLayer& l, const SparseInput* sparse, const Tensor& panels) {
  add_flat();
  Signal& out = add_signal(l.weight.size(0), true);
  Parameter weight = parameter_of(panels.defined() ? panels : l.weight, way_);
  stages_.push_back(std::make_unique<Dense>(*last_, out, weight, parameter_of(l.bias, way_), sparse,
                                            precision_, panels.defined()));
  last_ = &out;
}

/// An image lies between two convolutions with the borders that both need.
void Chain::add_conv(const ChainLayer& l, const std::optional<ChainConv>& next) {
  add_image(in_side(*l.conv));
  ConvSides s = sides_of(*l.conv);
  ImageLayout out = l.conv->mirrored ? s.fine : s.coarse;
  if (next) {
    ImageLayout other = in_side(*next);
    out.before = std::max(out.before, other.before), out.after = std::max(out.after, other.after);
  }
  Signal& image = add_signal(out, true);
  stages_.push_back(std::make_unique<Conv>(*l.conv, *last_, image, parameter_of(l.weight, way_),
                                           parameter_of(l.bias, way_), precision_));
  last_ = &image;
}

void Chain::add_norm(const ChainLayer& l, const std::optional<ChainConv>& next) {
  if (!l.image.empty()) {
    add_image(next ? in_side(*next) : ImageLayout{l.image[0], l.image[1], l.image[2]});
  }
  Signal& out = last_->image ? add_signal(*last_->image, true) : add_signal(last_->width, true);
  Parameter weight = parameter_of(l.norm->weight, way_), bias = parameter_of(l.norm->bias, way_);
  if (l.norm->kind == "batch") {
    stages_.push_back(std::make_unique<BatchNorm>(*l.norm, *last_, out, weight, bias));
  } else {
    stages_.push_back(std::make_unique<LayerNorm>(*last_, out, weight, bias));
  }
  last_ = &out;
}

/// Plain rows become images.
void Chain::add_image(const ImageLayout& layout) {
  if (last_->image) return;
  Signal& image = add_signal(layout, last_->has_gradient);
  stages_.push_back(std::make_unique<ToImage>(*last_, image));
  last_ = &image;
}

/// Images become plain rows.
void Chain::add_flat() {
  if (!last_->image) return;
  const ImageLayout& l = *last_->image;
  Signal& out = add_signal(l.channels * l.height * l.width, true);
  stages_.push_back(std::make_unique<FromImage>(*last_, out));
  last_ = &out;
}

void Chain::reserve(int64_t rows) {
  for (auto& stage : stages_) stage->reserve(rows);
}

int64_t Chain::scratch() const {
  int64_t most = 0;
  for (const auto& stage : stages_) most = std::max(most, stage->scratch());
  return most;
}

int64_t Chain::row_size() const {
  int64_t sum = 0;
  for (const auto& signal : signals_) sum += signal->width;
  return sum;
}

void Chain::forward(const Work& work) {
  for (auto& stage : stages_) stage->forward(work);
}

std::string why_not_chain(const char* which, const Network& network) {
  std::vector<ChainLayer> layers = network.chain();
  if (layers.empty()) {
    return fmt::format("the {} is not a chain of dense layers and convolutions", which);
  }
  for (const ChainLayer& l : layers) {
    if (!try_activation(l.activation)) return "no kernel for activation " + l.activation;
    bool fits = l.weight.is_cpu() && l.weight.scalar_type() == at::kFloat &&
                l.weight.is_contiguous() && l.bias.is_contiguous();
    if (l.conv && is_too_large(*l.conv)) {
      return fmt::format("a convolution of the {} is too large", which);
    }
    if (!fits) return fmt::format("the {} is not in f32 on the CPU", which);
  }
  return "";
}

}  // namespace elbo::fused
