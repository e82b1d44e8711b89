// SPDX-License-Identifier: Apache-2.0
#include "elbo/nets/conv.h"

#include <algorithm>

#include "elbo/nets/layers.h"
#include "elbo/nets/mlp.h"

namespace elbo {

using sequential::ConvSpec;
using sequential::LayerSpec;

void ConvOptions::fields(Fields& f) {
  f("channels", channels, "channels of each convolution", between(1, 8192));
  f("kernel", kernel, "width of the kernels, in pixels", between(1, 31));
  f("stride", stride, "step of the kernels, in pixels", between(1, 8));
  f("dense", dense, "widths of the dense layers between convolutions and latent",
    between(1, 65536));
  f("activation", activation, "after each hidden layer", activation_names());
  f("norm", norm, "normalisation before each activation", {"none", "batch", "layer"});
  f("dropout", dropout, "chance of dropping a hidden unit", {.lo = 0, .hi = 1, .open_hi = true});
  f("init", init, "distribution of the first weights", init_names());
}

namespace {

struct ImageSize {
  int64_t channels, height, width;
  std::vector<int64_t> shape() const { return {channels, height, width}; }
};

/// The image's size before the first convolution and after each.
std::vector<ImageSize> image_sizes(const ConvOptions& o, ImageSize first) {
  int64_t padding = (o.kernel - 1) / 2;
  std::vector<ImageSize> sizes = {first};
  for (int64_t channels : o.channels) {
    const ImageSize& last = sizes.back();
    ImageSize next{channels, (last.height + 2 * padding - o.kernel) / o.stride + 1,
                   (last.width + 2 * padding - o.kernel) / o.stride + 1};
    bool fits = last.height + 2 * padding >= o.kernel && last.width + 2 * padding >= o.kernel;
    ELBO_CHECK(fits, Code::usage,
               "conv: {} layers with kernel {} and stride {} are too many for images of {}x{}, for "
               "which there is room for {}\nName fewer channels, or use the mlp network: "
               "--encoder mlp",
               o.channels.size(), o.kernel, o.stride, first.height, first.width, sizes.size() - 1);
    sizes.push_back(next);
  }
  return sizes;
}

ConvSpec conv_spec(const ConvOptions& o, const ImageSize& in, const ImageSize& out, bool mirrored) {
  return {in.channels, in.height, in.width, out.channels,       out.height,
          out.width,   o.kernel,  o.stride, (o.kernel - 1) / 2, mirrored};
}

MlpOptions dense_options(const ConvOptions& o) {
  return {.sizes = o.dense,
          .activation = o.activation,
          .norm = o.norm,
          .dropout = o.dropout,
          .init = o.init};
}

class ConvEncoder : public Network {
 public:
  ConvEncoder(const ConvOptions& o, const NetworkContext& context, Rng& rng) : options_(o) {
    sizes_ = image_sizes(o, {context.in[0], context.in[1], context.in[2]});
    const auto& sizes = sizes_;
    for (size_t i = 0; i < o.channels.size(); ++i) {
      ConvShape shape{sizes[i].channels, o.channels[i], o.kernel, o.stride, (o.kernel - 1) / 2};
      convs_.push_back(register_module(fmt::format("conv{}", i),
                                       std::make_shared<Conv>(shape, false, o.init, rng)));
      norms_.push_back(register_module(fmt::format("norm{}", i),
                                       std::make_shared<Norm>(o.norm, sizes[i + 1].shape())));
    }
    dense_ = register_module("dense",
                             make_mlp(dense_options(o), {sizes.back().shape(), context.out}, rng));
  }

  Tensor forward(const Tensor& x, RowNoise& noise) override {
    Tensor h = x;
    for (size_t i = 0; i < convs_.size(); ++i) {
      h = activate(options_.activation, norms_[i]->forward(convs_[i]->forward(h)));
      h = dropout(h, options_.dropout, is_training(), noise);
    }
    return dense_->forward(h, noise);
  }

  std::vector<LayerSpec> layers() const override {
    std::vector<LayerSpec> dense = dense_->layers(), out;
    for (size_t i = 0; i < convs_.size(); ++i) {
      out.push_back({convs_[i]->weight, convs_[i]->bias, norms_[i]->spec(), options_.activation,
                     options_.dropout, conv_spec(options_, sizes_[i], sizes_[i + 1], false)});
    }
    out.insert(out.end(), dense.begin(), dense.end());
    return out;
  }

  std::vector<int64_t> in_shape() const override { return sizes_[0].shape(); }
  std::vector<int64_t> out_shape() const override { return dense_->out_shape(); }
  void set_output_bias(const Tensor& bias) override { dense_->set_output_bias(bias); }
  Tensor output_weight() const override { return dense_->output_weight(); }

 private:
  ConvOptions options_;
  std::vector<ImageSize> sizes_;  // before the first convolution and after each
  std::vector<std::shared_ptr<Conv>> convs_;
  std::vector<std::shared_ptr<Norm>> norms_;
  std::shared_ptr<Network> dense_;
};

class ConvDecoder : public Network {
 public:
  ConvDecoder(const ConvOptions& o, const NetworkContext& context, Rng& rng)
      : options_(o), in_shape_(context.in), out_shape_(context.out) {
    int64_t out_channels = context.out[0] * context.out[1];
    sizes_ = image_sizes(o, {out_channels, context.out[2], context.out[3]});
    std::reverse(sizes_.begin(), sizes_.end());
    const auto& sizes = sizes_;
    dense_ = register_module("dense",
                             make_mlp(dense_options(o), {context.in, sizes[0].shape(), true}, rng));
    for (size_t i = 0; i + 1 < sizes.size(); ++i) {
      const ImageSize &from = sizes[i], &to = sizes[i + 1];
      ConvShape shape{from.channels, to.channels, o.kernel, o.stride, (o.kernel - 1) / 2};
      shape.output_padding_h = to.height - unpadded(from.height, shape);
      shape.output_padding_w = to.width - unpadded(from.width, shape);
      convs_.push_back(register_module(fmt::format("conv{}", i),
                                       std::make_shared<Conv>(shape, true, o.init, rng)));
      norms_.push_back(
          register_module(fmt::format("norm{}", i), std::make_shared<Norm>(o.norm, from.shape())));
    }
  }

  Tensor forward(const Tensor& z, RowNoise& noise) override {
    Tensor h = dense_->forward(z, noise);
    for (size_t i = 0; i < convs_.size(); ++i) {
      h = activate(options_.activation, norms_[i]->forward(h));
      h = convs_[i]->forward(dropout(h, options_.dropout, is_training(), noise));
    }
    std::vector<int64_t> shape = {z.size(0)};
    shape.insert(shape.end(), out_shape_.begin(), out_shape_.end());
    return h.view(shape);
  }

  std::vector<LayerSpec> layers() const override {
    std::vector<LayerSpec> out = dense_->layers();
    out.back().image = sizes_[0].shape();
    for (size_t i = 0; i < convs_.size(); ++i) {
      out.back().norm = norms_[i]->spec();
      out.back().activation = options_.activation;
      out.back().dropout = options_.dropout;
      out.push_back({convs_[i]->weight, convs_[i]->bias, std::nullopt, "none", 0,
                     conv_spec(options_, sizes_[i], sizes_[i + 1], true)});
    }
    return out;
  }

  std::vector<int64_t> in_shape() const override { return in_shape_; }
  std::vector<int64_t> out_shape() const override { return out_shape_; }

  /// A convolution has one bias for each channel: the mean over its pixels.
  void set_output_bias(const Tensor& bias) override {
    if (convs_.empty()) return dense_->set_output_bias(bias);
    at::NoGradGuard no_grad;
    convs_.back()->bias.copy_(bias.flatten(0, 1).mean({-2, -1}));
  }
  Tensor output_weight() const override {
    return convs_.empty() ? dense_->output_weight() : convs_.back()->weight;
  }

 private:
  static int64_t unpadded(int64_t size, const ConvShape& s) {
    return (size - 1) * s.stride - 2 * s.padding + s.kernel;
  }

  ConvOptions options_;
  std::vector<ImageSize> sizes_;  // after the dense layers and after each convolution
  std::vector<int64_t> in_shape_, out_shape_;
  std::shared_ptr<Network> dense_;
  std::vector<std::shared_ptr<Conv>> convs_;
  std::vector<std::shared_ptr<Norm>> norms_;
};

}  // namespace

std::shared_ptr<Network> make_conv(const ConvOptions& options, const NetworkContext& context,
                                   Rng& rng) {
  if (context.in.size() == 3) return std::make_shared<ConvEncoder>(options, context, rng);
  ELBO_CHECK(context.out.size() == 4, Code::usage,
             "conv: this data has no height and width\nUse the mlp network, or say what images the "
             "columns make: --image 28x28");
  return std::make_shared<ConvDecoder>(options, context, rng);
}

}  // namespace elbo
