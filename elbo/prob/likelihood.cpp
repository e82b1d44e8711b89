// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/likelihood.h"

#include <cmath>
#include <type_traits>

#include "elbo/prob/autoregressive.h"
#include "elbo/prob/bernoulli.h"
#include "elbo/prob/kernel_nodes.h"
#include "elbo/prob/normal.h"
#include "elbo/tensor/convert.h"

namespace elbo {

std::unique_ptr<Distribution> Likelihood::given(const Decoder& decoder, const Tensor& z) const {
  if (decoder.is_autoregressive) return make_autoregressive(*this, decoder, z);
  return distribution(decoder.forward(z, {}));
}

Tensor Likelihood::log_prob(const Decoder& decoder, const Tensor& z, const Tensor& x,
                            const Tensor& mask) const {
  constexpr int64_t kRows = 2048;  // of a decoder's output, which stay in the cache
  int64_t draws = std::max<int64_t>(1, kRows / std::max<int64_t>(1, z.size(1)));
  if (!at::GradMode::is_enabled() && z.size(0) > draws) {
    std::vector<Tensor> parts;
    for (const Tensor& some : z.split(draws)) parts.push_back(log_prob(decoder, some, x, mask));
    return at::cat(parts);
  }
  const LikelihoodKernels* kernels = likelihood_kernels(kernel(), isa());
  bool is_fit = kernels && !decoder.is_autoregressive && is_kernel_tensor(z) &&
                is_kernel_tensor(x) && (!mask.defined() || is_kernel_tensor(mask));
  if (!is_fit) return given(decoder, z)->log_prob(x, mask);
  return log_prob_by_kernel(*kernels, complete(decoder.forward(z, {})), x, mask, own_parameter());
}

namespace {

/// Parameter number p of [batch..., P, event...].
Tensor parameter(const Tensor& parameters, int64_t p, int64_t event_dims) {
  return parameters.select(-event_dims - 1, p);
}

int64_t event_dims(const Schema& schema) { return static_cast<int64_t>(schema.shape.size()); }

/// Elements in [0, 1] by one logit each: D is Bernoulli or ContinuousBernoulli. A fresh decoder's
/// means start `margin` within 0 and 1 at least.
template <class D>
class BernoulliLikelihood : public Likelihood {
 public:
  BernoulliLikelihood(const char* name, double margin, const Schema& schema)
      : name_(name),
        role_(fmt::format("x under the {} likelihood", name)),
        margin_(margin),
        columns_(schema.columns),
        event_dims_(event_dims(schema)) {}
  int64_t params() const override { return 1; }
  bool is_density() const override { return std::is_same_v<D, ContinuousBernoulli>; }
  void check_support(const Tensor& x, const Tensor&) const override {
    check_unit(x, role_, columns_);
  }
  std::unique_ptr<Distribution> distribution(const Tensor& parameters) const override {
    return std::make_unique<D>(parameter(parameters, 0, event_dims_), event_dims_);
  }
  std::string kernel() const override { return name_; }
  Tensor output_bias(const Tensor& mean, const Tensor&) const override {
    return D::logits_of_mean(mean.clamp(margin_, 1 - margin_)).unsqueeze(0);
  }

 private:
  std::string name_, role_;
  double margin_;
  std::vector<std::string> columns_;
  int64_t event_dims_;
};

struct GaussianOptions {
  std::string scale = "learned";
  double value = 1.0;
  void fields(Fields& f) {
    f("scale", scale,
      "how the standard deviation is found: fixed at `value`, one learned number for all "
      "elements, a learned one for each column or pixel, or put out by the decoder for each "
      "element",
      {"fixed", "learned", "column", "element"});
    f("value", value, "the standard deviation when fixed, or where learning starts",
      between(1e-3, 2e4));
  }
};

const double kMinLogVar = 2 * std::log(kGaussianScaleFloor);
constexpr double kMaxLogVar = 20;

class GaussianLikelihood : public Likelihood {
 public:
  GaussianLikelihood(const GaussianOptions& options, const Schema& schema)
      : scale_(options.scale), columns_(schema.columns), event_dims_(event_dims(schema)) {
    double start = 2 * std::log(options.value);
    if (scale_ == "learned") {
      log_var_ = register_parameter("log_var", at::full({}, start, at::kFloat));
    }
    if (scale_ == "column") {
      log_var_ = register_parameter("log_var", at::full(schema.shape, start, at::kFloat));
    }
    if (scale_ == "fixed") log_var_ = at::full({}, start, at::kDouble);
  }
  int64_t params() const override { return scale_ == "element" ? 2 : 1; }
  Tensor complete(const Tensor& parameters) const override {
    if (scale_ != "column") return parameters;
    return at::cat({parameters, log_var_.to(parameters.options()).expand_as(parameters)},
                   -event_dims_ - 1);
  }
  void check_support(const Tensor& x, const Tensor&) const override {
    check_all(x.isfinite(), x, "x under the gaussian likelihood", "finite", columns_);
  }
  std::unique_ptr<Distribution> distribution(const Tensor& parameters) const override {
    Tensor mu = parameter(parameters, 0, event_dims_);
    Tensor log_var = scale_ == "element" ? parameter(parameters, 1, event_dims_)
                                         : own_log_var(parameters.options());
    return std::make_unique<DiagonalNormal>(mu, log_var.clamp(kMinLogVar, kMaxLogVar), event_dims_);
  }
  std::string kernel() const override { return is_shared() ? "gaussian" : "gaussian-element"; }
  Tensor own_parameter() const override { return is_shared() ? log_var_ : Tensor(); }
  Tensor output_bias(const Tensor& mean, const Tensor& variance) const override {
    if (scale_ != "element") return mean.unsqueeze(0);
    return at::stack({mean, variance.clamp_min(1e-4).log()});
  }
  std::optional<FactorOptions> as_factor_analysis() const override {
    FactorOptions out;
    out.form = scale_ == "fixed"     ? NoiseForm::fixed
               : scale_ == "learned" ? NoiseForm::shared
                                     : NoiseForm::per_element;
    if (scale_ == "fixed") out.noise = std::exp(log_var_.item<double>());
    return out;
  }
  void set_noise(const Tensor& variance) override {
    at::NoGradGuard no_grad;
    if (scale_ == "learned") log_var_.fill_(variance.mean().log().item<double>());
    if (scale_ == "column") log_var_.copy_(variance.log().view_as(log_var_));
  }

 private:
  /// Whether one number serves all elements.
  bool is_shared() const { return scale_ == "learned" || scale_ == "fixed"; }
  /// A fixed one is written where it is wanted.
  Tensor own_log_var(at::TensorOptions options) const {
    if (log_var_.requires_grad() || log_var_.dim() > 0) return log_var_.to(options);
    return at::full({}, log_var_.item<double>(), options);
  }

  std::string scale_;
  std::vector<std::string> columns_;
  int64_t event_dims_;
  Tensor log_var_;
};

}  // namespace

const Family<std::shared_ptr<Likelihood>, const Schema&>& likelihoods() {
  static const auto family = [] {
    Family<std::shared_ptr<Likelihood>, const Schema&> f("likelihood",
                                                         "what an observation x is, given z");
    f.row<NoOptions>(
        "bernoulli", "binary elements, or grey values in [0, 1] as cross-entropy",
        "Kingma & Welling 2014, appendix C.1", [](const NoOptions&, const Schema& schema) {
          return std::make_shared<BernoulliLikelihood<Bernoulli>>("bernoulli", 1e-3, schema);
        });
    f.row<NoOptions>("continuous-bernoulli", "elements in [0, 1] with a normalised density",
                     "Loaiza-Ganem & Cunningham 2019", [](const NoOptions&, const Schema& schema) {
                       return std::make_shared<BernoulliLikelihood<ContinuousBernoulli>>(
                           "continuous-bernoulli", 1e-2, schema);
                     });
    f.row<GaussianOptions>("gaussian", "real elements with a fixed, learned or decoded scale",
                           "Kingma & Welling 2014, appendix C.2; learned scale: Rybkin et al. 2021",
                           [](const GaussianOptions& o, const Schema& schema) {
                             return std::make_shared<GaussianLikelihood>(o, schema);
                           });
    return f;
  }();
  return family;
}

}  // namespace elbo
