// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/stages.h"

#include <fmt/format.h>

#include <algorithm>

#include "elbo/sequential/conv.h"
#include "elbo/sequential/dense.h"
#include "elbo/sequential/image.h"
#include "elbo/sequential/norm.h"
#include "elbo/tensor/profile.h"

namespace elbo::sequential {
namespace {

/// How the images lie that a convolution is given.
ImageLayout in_side(const ConvSpec& conv) {
  ConvSides sides = sides_of(conv);
  return conv.mirrored ? sides.coarse : sides.fine;
}

}  // namespace

Stages::Stages(const std::vector<LayerSpec>& layers, Signal& in, const SparseInput* sparse,
               const PackedWeights& packed, const PassKind& kind, const std::vector<Tensor>& panels)
    : kind_(kind), last_(&in) {
  for (size_t i = 0; i < layers.size(); ++i) {
    auto next = i + 1 < layers.size() ? layers[i + 1].conv : std::nullopt;
    if (layers[i].conv) {
      add_conv(layers[i], next);
    } else {
      reads_zeros_ = reads_zeros_ || (i == 0 && sparse);
      add_dense(layers[i], i == 0 ? sparse : nullptr,
                kind.precision == Precision::bf16 ? packed[i].get() : nullptr,
                i < panels.size() && panels[i].defined());
    }
    if (layers[i].norm) add_norm(layers[i], next);
    last_->activation = *try_activation(layers[i].activation);
    last_->dropout = kind.is_training ? layers[i].dropout : 0;
  }
  add_flat();
  last_->is_outside = true;
}

template <class Like>
Signal& Stages::add_signal(const Like& like, bool has_gradient) {
  signals_.push_back(std::make_unique<Signal>(like, has_gradient && kind_.has_gradient));
  return *signals_.back();
}

void Stages::add_dense(const LayerSpec& l, const SparseInput* sparse, PackedWeight* packed,
                       bool has_panels) {
  add_flat();
  Signal& out = add_signal(l.weight.size(0), true);
  const Parameter &weight = add_parameter(), &bias = add_parameter();
  stages_.push_back(std::make_unique<Dense>(*last_, out, weight, bias, sparse, packed, has_panels));
  last_ = &out;
}

/// An image lies between two convolutions with the borders that both need.
void Stages::add_conv(const LayerSpec& l, const std::optional<ConvSpec>& next) {
  add_image(in_side(*l.conv));
  ConvSides s = sides_of(*l.conv);
  ImageLayout out = l.conv->mirrored ? s.fine : s.coarse;
  if (next) {
    ImageLayout other = in_side(*next);
    out.before = std::max(out.before, other.before), out.after = std::max(out.after, other.after);
  }
  Signal& image = add_signal(out, true);
  const Parameter &weight = add_parameter(), &bias = add_parameter();
  stages_.push_back(std::make_unique<Conv>(*l.conv, *last_, image, weight, bias, kind_.precision));
  last_ = &image;
}

void Stages::add_norm(const LayerSpec& l, const std::optional<ConvSpec>& next) {
  if (!l.image.empty()) {
    add_image(next ? in_side(*next) : ImageLayout{l.image[0], l.image[1], l.image[2]});
  }
  Signal& out = last_->image ? add_signal(*last_->image, true) : add_signal(last_->width, true);
  const Parameter &weight = add_parameter(), &bias = add_parameter();
  if (l.norm->kind == "batch") {
    stages_.push_back(
        std::make_unique<BatchNorm>(*l.norm, kind_.is_training, *last_, out, weight, bias));
  } else {
    stages_.push_back(std::make_unique<LayerNorm>(*last_, out, weight, bias));
  }
  last_ = &out;
}

/// Plain rows become images.
void Stages::add_image(const ImageLayout& layout) {
  if (last_->image) return;
  Signal& image = add_signal(layout, last_->has_gradient);
  stages_.push_back(std::make_unique<ToImage>(*last_, image));
  last_ = &image;
}

/// Images become plain rows.
void Stages::add_flat() {
  if (!last_->image) return;
  const ImageLayout& l = *last_->image;
  Signal& out = add_signal(l.channels * l.height * l.width, true);
  stages_.push_back(std::make_unique<FromImage>(*last_, out));
  last_ = &out;
}

void Stages::reserve(int64_t rows) {
  for (auto& stage : stages_) {
    stage->reserve(rows);
    scratch_ = std::max(scratch_, stage->scratch());
  }
}

int64_t Stages::row_size() const {
  int64_t sum = 0;
  for (const auto& signal : signals_) sum += signal->width;
  return sum;
}

void Stages::draw(RowNoise& noise, int64_t rows) {
  for (auto& stage : stages_) stage->draw(noise, rows);
}

void Stages::forward(const Work& work) {
  for (auto& stage : stages_) {
    profiled([&] { return stage->name(); }, Direction::forward, [&] { stage->forward(work); });
  }
}

void Stages::backward(const Work& work) {
  for (size_t i = stages_.size(); i-- > 0;) {
    Stage& stage = *stages_[i];
    profiled([&] { return stage.name(); }, Direction::backward, [&] { stage.backward(work); },
             [&] { return stage.operations(work.rows); });
  }
}

double Stages::operations(int64_t rows) const {
  double sum = 0;
  for (const auto& stage : stages_) sum += stage->operations(rows);
  return sum;
}

std::vector<Tensor> parameters_of(const std::vector<LayerSpec>& layers) {
  std::vector<Tensor> out;
  for (const LayerSpec& l : layers) {
    out.insert(out.end(), {l.weight, l.bias});
    if (l.norm) out.insert(out.end(), {l.norm->weight, l.norm->bias});
  }
  return out;
}

PackedWeights packed_weights_of(const std::vector<LayerSpec>& layers) {
  PackedWeights out;
  for (const LayerSpec& l : layers) {
    out.push_back(l.conv ? nullptr : std::make_unique<PackedWeight>(l.weight));
  }
  return out;
}

std::string why_not_stages(const std::vector<LayerSpec>& layers) {
  if (layers.empty()) return "it is no sequence of dense layers and convolutions";
  for (const LayerSpec& l : layers) {
    if (!try_activation(l.activation)) return "no kernel for activation " + l.activation;
    if (l.conv && is_too_large(*l.conv)) return "one of its convolutions is too large";
  }
  return "";
}

}  // namespace elbo::sequential
