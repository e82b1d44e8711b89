// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/autoregressive.h"

namespace elbo {
namespace {

using Shape = std::vector<int64_t>;

Shape joined(at::IntArrayRef a, at::IntArrayRef b) {
  Shape out(a.begin(), a.end());
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

class Autoregressive : public Distribution {
 public:
  Autoregressive(const Likelihood& likelihood, Decoder decoder, Tensor z)
      : likelihood_(likelihood), decoder_(std::move(decoder)), z_(std::move(z)) {}
  std::string name() const override { return "autoregressive"; }

  Tensor log_prob(const Tensor& x, const Tensor& mask) const override {
    const Shape& event = decoder_.event_shape;
    Tensor all = x.expand(joined(batch(), event)).reshape(joined({-1}, event));
    Tensor flat = decoder_.forward(z_.reshape({-1, z_.size(-1)}), likelihood_.shown(all));
    Tensor parameters = flat.view(joined(batch(), flat.sizes().slice(1)));
    return likelihood_.distribution(parameters)->log_prob(x, mask);
  }

  Tensor sample(Rng& rng, int64_t n) const override {
    at::NoGradGuard no_grad;
    Tensor z = z_.unsqueeze(0).expand(joined({n}, z_.sizes())).reshape({-1, z_.size(-1)});
    Tensor x = generate(z, [&](const Distribution& step) { return step.sample(rng, 1)[0]; });
    return x.view(joined(joined({n}, batch()), decoder_.event_shape));
  }

  Tensor mean() const override {
    Tensor x = generate(z_.reshape({-1, z_.size(-1)}),
                        [](const Distribution& step) { return step.point(); });
    return x.view(joined(batch(), decoder_.event_shape));
  }

  Tensor variance() const override {
    fail(Code::usage, "the {} distribution has no closed form for its variance", name());
  }

 private:
  at::IntArrayRef batch() const { return z_.sizes().slice(0, static_cast<size_t>(z_.dim() - 1)); }

  template <class Take>
  Tensor generate(const Tensor& z, Take take) const {
    Tensor x = at::zeros(joined({z.size(0)}, decoder_.event_shape), z.options());
    for (int64_t t = 0; t < decoder_.event_shape.at(0); ++t) {
      auto step = likelihood_.distribution(decoder_.forward(z, likelihood_.shown(x)));
      x = x.clone();
      x.select(1, t).copy_(take(*step).select(1, t));
    }
    return x;
  }

  const Likelihood& likelihood_;
  Decoder decoder_;
  Tensor z_;
};

}  // namespace

std::unique_ptr<Distribution> make_autoregressive(const Likelihood& likelihood, Decoder decoder,
                                                  Tensor z) {
  return std::make_unique<Autoregressive>(likelihood, std::move(decoder), std::move(z));
}

}  // namespace elbo
