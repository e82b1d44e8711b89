// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "elbo/kernels/activation.h"
#include "elbo/tensor/profile.h"
#include "elbo/tensor/threads.h"

namespace elbo {

Optimizer::Optimizer(const std::vector<Tensor>& params)
    : params_(params), kernels_(update_kernels(isa())) {
  constexpr int64_t kPiece = 16384;  // weights; its tensors fit the second-level cache
  for (const Tensor& p : params) {
    if (p.scalar_type() != at::kFloat || !p.is_cpu() || !p.is_contiguous()) return;
  }
  for (size_t i = 0; i < params.size(); ++i) {
    for (int64_t at = 0; at < params[i].numel(); at += kPiece) {
      pieces_.push_back({i, at, std::min(kPiece, params[i].numel() - at)});
    }
  }
  squares_.resize(pieces_.size());
  weights_.resize(params.size());
  gradients_.resize(params.size());
}

double Optimizer::gradient_norm() {
  at::NoGradGuard no_grad;
  for (Tensor& p : params_) {
    Tensor& g = p.mutable_grad();
    if (!g.defined()) g = at::zeros_like(p);
    if (!g.is_contiguous()) g = g.contiguous();
  }
  // In f32 LibTorch's sum of squares is off by a thousandth for some millions of elements.
  if (pieces_.empty()) {
    return at::stack(at::_foreach_norm(grads(), 2, at::kDouble)).norm().item<double>();
  }
  for (size_t i = 0; i < params_.size(); ++i) {
    weights_[i] = params_[i].data_ptr<float>();
    gradients_[i] = params_[i].grad().data_ptr<float>();
  }
  auto square_sum = activation_kernels(isa()).square_sum;
  profiled([] { return "norm of the gradient"; }, Direction::backward,
           [&] {
             workers().team().each(std::ssize(pieces_), [&](int, int64_t i) {
               const Piece& p = pieces_[static_cast<size_t>(i)];
               squares_[size_t(i)] =
                   square_sum(gradients_[p.param] + p.offset, p.count, 1, p.count);
             });
           });
  return std::sqrt(std::accumulate(squares_.begin(), squares_.end(), 0.0));
}

void Optimizer::step(double lr, double scale, const Moved& moved) {
  at::NoGradGuard no_grad;
  if (pieces_.empty()) {
    if (scale != 1) at::_foreach_mul_(grads(), scale);
    return step_by_operators(lr);
  }
  UpdateStep s;
  s.lr = static_cast<float>(lr);
  s.scale = static_cast<float>(scale);
  fill(s);
  profiled([] { return "optimizer"; }, Direction::backward,
           [&] {
             workers().team().each(std::ssize(pieces_), [&](int, int64_t i) {
               const Piece& p = pieces_[static_cast<size_t>(i)];
               move(s, p.param, p.offset, p.count);
               if (moved) moved(p.param, p.offset, p.count);
             });
           });
  for (const Tensor& p : params_) p.unsafeGetTensorImpl()->bump_version();
}

std::vector<Tensor> Optimizer::grads() const {
  std::vector<Tensor> out;
  for (const Tensor& p : params_) out.push_back(p.grad());
  return out;
}

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

/// Where a state tensor's elements of one parameter begin; null if there is no such state.
float* place(const std::vector<Tensor>& state, size_t i, int64_t offset) {
  return state.empty() ? nullptr : state[i].data_ptr<float>() + offset;
}

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

class Sgd : public Optimizer {
 public:
  Sgd(const SgdOptions& o, const std::vector<Tensor>& params) : Optimizer(params), options_(o) {
    if (o.momentum > 0) momentum_ = zeros_like_all(params);
    ELBO_CHECK(!o.nesterov || o.momentum > 0, Code::usage, "sgd: nesterov needs momentum > 0");
  }
  void step_by_operators(double lr) override {
    at::_fused_sgd_(params_, grads(), momentum_, options_.weight_decay, options_.momentum, lr,
                    /*dampening=*/0, options_.nesterov, /*maximize=*/false,
                    /*is_first_step=*/false);
  }
  void fill(UpdateStep& s) override {
    s.momentum = static_cast<float>(options_.momentum);
    s.weight_decay = static_cast<float>(options_.weight_decay);
    s.nesterov = options_.nesterov;
  }
  void move(const UpdateStep& s, size_t i, int64_t at, int64_t n) const override {
    kernels_.sgd(s, weight(i) + at, gradient(i) + at, place(momentum_, i, at), n);
  }
  NamedTensors state() const override {
    NamedTensors out;
    add_state(out, "momentum", momentum_);
    return out;
  }

 private:
  SgdOptions options_;
  std::vector<Tensor> momentum_;  // none when options_.momentum is 0
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

class Rmsprop : public Optimizer {
 public:
  Rmsprop(const RmspropOptions& o, const std::vector<Tensor>& params)
      : Optimizer(params), options_(o), square_(zeros_like_all(params)) {
    if (o.momentum > 0) momentum_ = zeros_like_all(params);
  }
  void step_by_operators(double lr) override {
    auto g = grads();
    at::_foreach_mul_(square_, options_.alpha);
    at::_foreach_addcmul_(square_, g, g, 1 - options_.alpha);
    auto root = at::_foreach_sqrt(square_);
    at::_foreach_add_(root, options_.eps);
    auto move = at::_foreach_div(g, root);
    if (options_.momentum > 0) {
      at::_foreach_mul_(momentum_, options_.momentum);
      at::_foreach_add_(momentum_, move);
      move = momentum_;
    }
    at::_foreach_add_(params_, move, -lr);
  }
  void fill(UpdateStep& s) override {
    s.beta2 = static_cast<float>(options_.alpha);
    s.rest2 = static_cast<float>(1 - options_.alpha);
    s.eps = static_cast<float>(options_.eps);
    s.momentum = static_cast<float>(options_.momentum);
  }
  void move(const UpdateStep& s, size_t i, int64_t at, int64_t n) const override {
    kernels_.rmsprop(s, weight(i) + at, gradient(i) + at, place(square_, i, at),
                     place(momentum_, i, at), n);
  }
  NamedTensors state() const override {
    NamedTensors out;
    add_state(out, "square", square_);
    add_state(out, "momentum", momentum_);
    return out;
  }

 private:
  RmspropOptions options_;
  std::vector<Tensor> square_;
  std::vector<Tensor> momentum_;  // none when options_.momentum is 0
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

class Adam : public Optimizer {
 public:
  Adam(const AdamOptions& o, bool decoupled, const std::vector<Tensor>& params)
      : Optimizer(params),
        options_(o),
        decoupled_(decoupled),
        mean_(zeros_like_all(params)),
        square_(zeros_like_all(params)),
        steps_(at::zeros({}, params.at(0).device())) {}
  void step_by_operators(double lr) override {
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
  void fill(UpdateStep& s) override {
    double t = *steps_.data_ptr<float>() += 1;
    s.beta1 = static_cast<float>(options_.beta1);
    s.beta2 = static_cast<float>(options_.beta2);
    s.rest1 = static_cast<float>(1 - options_.beta1);
    s.rest2 = static_cast<float>(1 - options_.beta2);
    s.correction1 = static_cast<float>(1 - std::pow(options_.beta1, t));
    s.correction2 = static_cast<float>(1 - std::pow(options_.beta2, t));
    s.eps = static_cast<float>(options_.eps);
    s.weight_decay = static_cast<float>(options_.weight_decay);
    s.decoupled = decoupled_;
  }
  void move(const UpdateStep& s, size_t i, int64_t at, int64_t n) const override {
    kernels_.adam(s, weight(i) + at, gradient(i) + at, place(mean_, i, at), place(square_, i, at),
                  n);
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
