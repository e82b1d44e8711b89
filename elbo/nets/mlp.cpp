// SPDX-License-Identifier: Apache-2.0
#include "elbo/nets/mlp.h"

#include <algorithm>

#include "elbo/nets/layers.h"

namespace elbo {

using sequential::LayerSpec;

void MlpOptions::fields(Fields& f) {
  f("sizes", sizes, "widths of the hidden layers; [] is one linear map", between(1, 65536));
  f("activation", activation, "after each hidden layer", activation_names());
  f("norm", norm, "normalisation before each activation", {"none", "batch", "layer"});
  f("dropout", dropout, "chance of dropping a hidden unit", {.lo = 0, .hi = 1, .open_hi = true});
  f("init", init, "distribution of the first weights", init_names());
}

namespace {

int64_t product(const std::vector<int64_t>& shape) {
  int64_t out = 1;
  for (int64_t d : shape) out *= d;
  return out;
}

class Mlp : public Network {
 public:
  Mlp(const MlpOptions& options, const NetworkContext& context, Rng& rng)
      : options_(options), in_shape_(context.in), out_shape_(context.out) {
    if (context.mirrored) std::reverse(options_.sizes.begin(), options_.sizes.end());
    int64_t width = product(context.in);
    for (size_t i = 0; i < options_.sizes.size(); ++i) {
      int64_t next = options_.sizes[i];
      linears_.push_back(register_module(
          fmt::format("linear{}", i), std::make_shared<Linear>(width, next, options_.init, rng)));
      norms_.push_back(
          register_module(fmt::format("norm{}", i),
                          std::make_shared<Norm>(options_.norm, std::vector<int64_t>{next})));
      width = next;
    }
    last_ = register_module(
        "output", std::make_shared<Linear>(width, product(context.out), options_.init, rng));
  }

  Tensor forward(const Tensor& x, RowNoise& noise) override {
    Tensor h = x.flatten(1);
    for (size_t i = 0; i < linears_.size(); ++i) {
      h = activate(options_.activation, norms_[i]->forward(linears_[i]->forward(h)));
      h = dropout(h, options_.dropout, is_training(), noise);
    }
    std::vector<int64_t> shape = {x.size(0)};
    shape.insert(shape.end(), out_shape_.begin(), out_shape_.end());
    return last_->forward(h).view(shape);
  }

  std::vector<LayerSpec> layers() const override {
    std::vector<LayerSpec> out;
    for (size_t i = 0; i < linears_.size(); ++i) {
      out.push_back({linears_[i]->weight, linears_[i]->bias, norms_[i]->spec(), options_.activation,
                     options_.dropout});
    }
    out.push_back({last_->weight, last_->bias});
    return out;
  }

  std::vector<int64_t> in_shape() const override { return in_shape_; }
  std::vector<int64_t> out_shape() const override { return out_shape_; }

  void set_output_bias(const Tensor& bias) override {
    at::NoGradGuard no_grad;
    last_->bias.copy_(bias.reshape({-1}));
  }
  Tensor output_weight() const override { return last_->weight; }

 private:
  MlpOptions options_;
  std::vector<int64_t> in_shape_, out_shape_;
  std::vector<std::shared_ptr<Linear>> linears_;
  std::vector<std::shared_ptr<Norm>> norms_;
  std::shared_ptr<Linear> last_;
};

}  // namespace

std::shared_ptr<Network> make_mlp(const MlpOptions& options, const NetworkContext& context,
                                  Rng& rng) {
  return std::make_shared<Mlp>(options, context, rng);
}

}  // namespace elbo
