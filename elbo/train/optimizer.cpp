// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/optimizer.h"

namespace elbo {
namespace {

std::vector<Tensor> zeros_like_all(const std::vector<Tensor>& params) {
  std::vector<Tensor> out;
  for (const Tensor& p : params) out.push_back(at::zeros_like(p));
  return out;
}

void add_state(NamedTensors& out, const char* name, const std::vector<Tensor>& tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    out.emplace_back(fmt::format("{}.{}", name, i), tensors[i]);
  }
}

class OptimizerBase : public Optimizer {
 public:
  explicit OptimizerBase(const std::vector<Tensor>& params) : params_(params) {}

 protected:
  std::vector<Tensor> grads() const {
    std::vector<Tensor> out;
    for (const Tensor& p : params_) out.push_back(p.grad());
    return out;
  }
  std::vector<Tensor> params_;
};

struct SgdOptions {
  double momentum = 0, weight_decay = 0;
  bool nesterov = false;
  void fields(Fields& f) {
    f("momentum", momentum, "share of the last step that is repeated",
      {.lo = 0, .hi = 1, .open_hi = true});
    f("nesterov", nesterov, "look ahead along the momentum (Nesterov 1983); needs momentum > 0");
    f("weight_decay", weight_decay, "L2 penalty added to the gradient", at_least(0));
  }
};

class Sgd : public OptimizerBase {
 public:
  Sgd(const SgdOptions& o, const std::vector<Tensor>& params)
      : OptimizerBase(params), options_(o), momentum_(zeros_like_all(params)) {
    ELBO_CHECK(!o.nesterov || o.momentum > 0, Code::usage, "sgd: nesterov needs momentum > 0");
  }
  void step(double lr) override {
    at::NoGradGuard no_grad;
    auto g = grads();
    if (options_.weight_decay > 0) g = at::_foreach_add(g, params_, options_.weight_decay);
    if (options_.momentum > 0) {
      at::_foreach_mul_(momentum_, options_.momentum);
      at::_foreach_add_(momentum_, g, 1);
      g = options_.nesterov ? at::_foreach_add(g, momentum_, options_.momentum) : momentum_;
    }
    at::_foreach_add_(params_, g, -lr);
  }
  NamedTensors state() const override {
    NamedTensors out;
    if (options_.momentum > 0) add_state(out, "momentum", momentum_);
    return out;
  }

 private:
  SgdOptions options_;
  std::vector<Tensor> momentum_;
};

struct RmspropOptions {
  double alpha = 0.9, eps = 1e-8, momentum = 0;
  void fields(Fields& f) {
    f("alpha", alpha, "decay of the mean squared gradient", {.lo = 0, .hi = 1, .open_hi = true});
    f("eps", eps, "added to its root", above(0));
    f("momentum", momentum, "share of the last step that is repeated",
      {.lo = 0, .hi = 1, .open_hi = true});
  }
};

class Rmsprop : public OptimizerBase {
 public:
  Rmsprop(const RmspropOptions& o, const std::vector<Tensor>& params)
      : OptimizerBase(params),
        options_(o),
        square_(zeros_like_all(params)),
        momentum_(zeros_like_all(params)) {}
  void step(double lr) override {
    at::NoGradGuard no_grad;
    auto g = grads();
    at::_foreach_mul_(square_, options_.alpha);
    at::_foreach_addcmul_(square_, g, g, 1 - options_.alpha);
    auto root = at::_foreach_sqrt(square_);
    at::_foreach_add_(root, options_.eps);
    if (options_.momentum > 0) {
      at::_foreach_mul_(momentum_, options_.momentum);
      at::_foreach_addcdiv_(momentum_, g, root, 1);
      at::_foreach_add_(params_, momentum_, -lr);
    } else {
      at::_foreach_addcdiv_(params_, g, root, -lr);
    }
  }
  NamedTensors state() const override {
    NamedTensors out;
    add_state(out, "square", square_);
    if (options_.momentum > 0) add_state(out, "momentum", momentum_);
    return out;
  }

 private:
  RmspropOptions options_;
  std::vector<Tensor> square_, momentum_;
};

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  void fields(Fields& f) {
    f("beta1", beta1, "decay of the mean gradient", {.lo = 0, .hi = 1, .open_hi = true});
    f("beta2", beta2, "decay of the mean squared gradient", {.lo = 0, .hi = 1, .open_hi = true});
    f("eps", eps, "added to its root", above(0));
    f("weight_decay", weight_decay, "adam: L2 penalty in the gradient; adamw: decay of the weights",
      at_least(0));
  }
};

struct AdamWOptions : AdamOptions {
  AdamWOptions() { weight_decay = 0.01; }
};

class Adam : public OptimizerBase {
 public:
  Adam(const AdamOptions& o, bool decoupled, const std::vector<Tensor>& params)
      : OptimizerBase(params),
        options_(o),
        decoupled_(decoupled),
        mean_(zeros_like_all(params)),
        square_(zeros_like_all(params)),
        steps_(at::zeros({}, params.at(0).device())) {}
  void step(double lr) override {
    at::NoGradGuard no_grad;
    steps_.add_(1);
    std::vector<Tensor> steps(params_.size(), steps_);
    const AdamOptions& o = options_;
    if (decoupled_) {
      at::_fused_adamw_(params_, grads(), mean_, square_, {}, steps, lr, o.beta1, o.beta2,
                        o.weight_decay, o.eps, /*amsgrad=*/false, /*maximize=*/false);
    } else {
      at::_fused_adam_(params_, grads(), mean_, square_, {}, steps, lr, o.beta1, o.beta2,
                       o.weight_decay, o.eps, /*amsgrad=*/false, /*maximize=*/false);
    }
  }
  NamedTensors state() const override {
    NamedTensors out;
    add_state(out, "mean", mean_);
    add_state(out, "square", square_);
    out.emplace_back("steps", steps_);
    return out;
  }

 private:
  AdamOptions options_;
  bool decoupled_;
  std::vector<Tensor> mean_, square_;
  Tensor steps_;
};

}  // namespace

const Family<std::unique_ptr<Optimizer>, const std::vector<Tensor>&>& optimizers() {
  using Params = const std::vector<Tensor>&;
  static const auto family = [] {
    Family<std::unique_ptr<Optimizer>, Params> f("optimizer", "how weights follow their gradients");
    f.row<SgdOptions>("sgd", "stochastic gradient descent, with momentum or Nesterov's",
                      "Robbins & Monro 1951; Sutskever et al. 2013",
                      [](const SgdOptions& o, Params p) { return std::make_unique<Sgd>(o, p); });
    f.row<RmspropOptions>(
        "rmsprop", "gradients divided by their running root mean square", "Tieleman & Hinton 2012",
        [](const RmspropOptions& o, Params p) { return std::make_unique<Rmsprop>(o, p); });
    f.row<AdamOptions>(
        "adam", "running means of gradient and square, unbiased", "Kingma & Ba 2015",
        [](const AdamOptions& o, Params p) { return std::make_unique<Adam>(o, false, p); });
    f.row<AdamWOptions>(
        "adamw", "adam with decoupled weight decay", "Loshchilov & Hutter 2019",
        [](const AdamWOptions& o, Params p) { return std::make_unique<Adam>(o, true, p); });
    return f;
  }();
  return family;
}

}  // namespace elbo
