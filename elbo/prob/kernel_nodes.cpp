// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/kernel_nodes.h"

#include <algorithm>

#include "elbo/core/error.h"
#include "elbo/kernels/activation.h"
#include "elbo/tensor/autograd.h"
#include "elbo/tensor/memory.h"
#include "elbo/tensor/profile.h"
#include "elbo/tensor/threads.h"

namespace elbo {
namespace {

using torch::autograd::variable_list;

/// use(member, row) for every row, several rows in a turn.
template <class Use>
void for_each_row(int64_t rows, int64_t rows_in_turn, Use&& use) {
  workers().team().each((rows + rows_in_turn - 1) / rows_in_turn, [&](int member, int64_t turn) {
    int64_t end = std::min(rows, (turn + 1) * rows_in_turn);
    for (int64_t r = turn * rows_in_turn; r < end; ++r) use(member, r);
  });
}

void check_once() {
  ELBO_CHECK(!at::GradMode::is_enabled(), Code::usage,
             "the kernels' gradients cannot be differentiated again");
}

const float* data_or_null(const Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }

/// A batch under a likelihood: row r is draw r / B of example r % B.
struct Observations {
  /// log p(x|z) of each row [K B]; with of_parameters and of_own, which then have a place for each
  /// row, scale() times the gradients of -log p(x|z) too.
  void find(double* log_p, float* of_parameters, double* of_own) const {
    const int64_t b = x.size(0), elements = x.numel() / std::max<int64_t>(1, b);
    const int64_t rows = parameters.size(0) * b;
    const int64_t width = parameters.numel() / std::max<int64_t>(1, rows);
    const float *p = parameters.data_ptr<float>(), *seen = x.data_ptr<float>();
    const float* observed = data_or_null(mask);
    for_each_row(rows, 4, [&](int, int64_t r) {
      int64_t at = r % b * elements;
      LikelihoodRow row{p + r * width, seen + at, observed ? observed + at : nullptr,
                        elements,      own,       scale()};
      log_p[r] = kernels->row(row, of_parameters ? of_parameters + r * width : nullptr,
                              of_own ? &(of_own[r] = 0) : nullptr);
    });
  }

  /// The weight that every row has in a mean over all: most likely the one that will be asked for.
  float scale() const {
    return 1 / static_cast<float>(std::max<int64_t>(1, parameters.size(0) * parameters.size(1)));
  }

  const LikelihoodKernels* kernels;
  Tensor parameters, x, mask;  // [K, B, P, event...], [B, event...], contiguous
  float own;
};

/// The gradients were found on the way forward, and are found again where they are asked for twice.
struct LikelihoodNode : torch::autograd::Node {
  std::string name() const override { return "LikelihoodBackward"; }

  variable_list apply(variable_list&& gradients) override {
    check_once();
    variable_list out(2);
    if (!gradients[0].defined()) return out;
    Tensor weight = gradients[0].contiguous();  // [K, B]
    const double* w = weight.data_ptr<double>();
    profiled([] { return "likelihood"; }, Direction::backward,
             [&] {
               if (!of_parameters.defined()) find_again();
               const double found_at = observations.scale();
               scale(w, found_at);
               if (own.defined()) {
                 double sum = 0;
                 for (size_t r = 0; r < of_own.size(); ++r) sum -= w[r] / found_at * of_own[r];
                 out[1] = at::full({}, sum, own.options());
               }
             });
    out[0] = std::move(of_parameters);
    return out;
  }

  void release_variables() override { of_parameters = Tensor(), observations = {}; }

  void find_again() {
    ELBO_CHECK(observations.parameters.defined() && observations.parameters._version() == version,
               Code::failure, "a likelihood's gradient is asked for after what it needs is gone");
    of_parameters = reused_empty(observations.parameters.sizes());
    std::vector<double> log_p(of_own.size());
    observations.find(log_p.data(), of_parameters.data_ptr<float>(), of_own.data());
  }

  /// Brings every row's gradient to its weight, in place, where it is not what it was found at.
  void scale(const double* weight, double found_at) {
    auto is_other = [=](double w) {
      return static_cast<float>(-w) != static_cast<float>(found_at);
    };
    if (std::none_of(weight, weight + of_own.size(), is_other)) return;
    int64_t rows = std::ssize(of_own), width = of_parameters.numel() / std::max<int64_t>(1, rows);
    float* at = of_parameters.data_ptr<float>();
    for_each_row(rows, 8, [&](int, int64_t r) {
      auto factor = static_cast<float>(-weight[r] / found_at);
      for (int64_t i = r * width; i < (r + 1) * width; ++i) at[i] *= factor;
    });
  }

  Observations observations;
  uint32_t version;  // of its parameters
  Tensor own, of_parameters;
  std::vector<double> of_own;  // of each row
};

struct PosteriorNode : torch::autograd::Node {
  std::string name() const override { return "PosteriorBackward"; }

  variable_list apply(variable_list&& gradients) override {
    check_once();
    ELBO_CHECK(parameters.defined(), Code::failure, "the gradient of a draw was taken twice");
    Tensor dz = in_f32(gradients[0]), kl = in_f32(gradients[1]), entropy = in_f32(gradients[2]);
    if (!dz.defined()) dz = at::zeros_like(noise);
    Tensor out = reused_empty(parameters.sizes());
    profiled([] { return "posterior"; }, Direction::backward,
             [&] { find(dz, data_or_null(kl), data_or_null(entropy), out.data_ptr<float>()); });
    return {out};
  }

  void release_variables() override { parameters = Tensor(); }

  /// d KL and d H meet the first draw; what the others add is that of z alone.
  void find(const Tensor& dz, const float* of_kl, const float* of_entropy, float* out) const {
    const int64_t draws = noise.size(0), b = noise.size(1), z = noise.size(2);
    const int64_t width = parameters.size(1), groups = kernels->groups(z);
    std::vector<float> none(static_cast<size_t>(groups), 0.0f);
    const float *p = parameters.data_ptr<float>(), *eps = noise.data_ptr<float>();
    const float* d = dz.data_ptr<float>();
    for_each_row(b, 8, [&](int, int64_t r) {
      kernels->backward(p + r * width, eps + r * z, z, d + r * z,
                        of_kl ? of_kl + r * groups : none.data(), of_entropy ? of_entropy[r] : 0,
                        out + r * width);
      std::vector<float> more(draws > 1 ? static_cast<size_t>(width) : 0);
      for (int64_t k = 1; k < draws; ++k) {
        int64_t at = (k * b + r) * z;
        kernels->backward(p + r * width, eps + at, z, d + at, none.data(), 0, more.data());
        for (int64_t i = 0; i < width; ++i) out[r * width + i] += more[size_t(i)];
      }
    });
  }

  static Tensor in_f32(const Tensor& t) {
    if (!t.defined()) return t;
    if (t.scalar_type() == at::kFloat) return t.contiguous();
    return t.to(at::kFloat).contiguous();
  }

  const PosteriorKernels* kernels = nullptr;
  Tensor parameters, noise;
};

}  // namespace

bool is_kernel_tensor(const Tensor& t) { return t.is_cpu() && t.scalar_type() == at::kFloat; }

Tensor log_prob_by_kernel(const LikelihoodKernels& kernels, const Tensor& parameters,
                          const Tensor& x, const Tensor& mask, const Tensor& own) {
  const int64_t draws = parameters.size(0), b = parameters.size(1);
  ELBO_CHECK(
      x.size(0) == b && (!mask.defined() || mask.numel() == x.numel()), Code::usage,
      "x of {} examples, with a mask of {} elements for {}, observed under parameters for {}",
      x.size(0), mask.defined() ? mask.numel() : x.numel(), x.numel(), b);
  Observations o{&kernels, parameters.contiguous(), x.contiguous(),
                 mask.defined() ? mask.contiguous() : mask, own.defined() ? own.item<float>() : 0};
  Tensor out = reused_empty({draws, b}, at::kDouble);
  NodePtr<LikelihoodNode> node;
  if (needs_gradient({parameters, own})) {
    bool is_own_wanted = own.defined() && own.requires_grad();
    node = make_node<LikelihoodNode>({o.parameters, is_own_wanted ? own : Tensor()});
    node->of_parameters = reused_empty(parameters.sizes());
    node->of_own.resize(static_cast<size_t>(draws * b));
    if (is_own_wanted) node->own = own;
    node->observations = o;
    node->version = o.parameters._version();
  }
  profiled([] { return "likelihood"; }, Direction::forward,
           [&] {
             o.find(out.data_ptr<double>(), node ? node->of_parameters.data_ptr<float>() : nullptr,
                    node ? node->of_own.data() : nullptr);
           });
  if (node) set_outputs<LikelihoodNode>(node, {out});
  return out;
}

KernelDraws draw_by_kernel(const PosteriorKernels& kernels, const Tensor& given,
                           const Tensor& noise) {
  const int64_t draws = noise.size(0), b = noise.size(1), latent = noise.size(2);
  const int64_t groups = kernels.groups(latent);
  Tensor parameters = given.contiguous();
  ELBO_ASSERT(parameters.size(1) == kernels.parameters(latent));
  KernelDraws out{reused_empty({draws, b, latent}), reused_empty({b, groups}),
                  reused_empty({b}, at::kDouble)};
  const float *p = parameters.data_ptr<float>(), *eps = noise.data_ptr<float>();
  float *z = out.z.data_ptr<float>(), *kl = groups ? out.kl.data_ptr<float>() : nullptr;
  double* entropy = out.entropy.data_ptr<double>();
  profiled([] { return "posterior"; }, Direction::forward,
           [&] {
             for_each_row(b, 8, [&](int, int64_t r) {
               for (int64_t k = 0; k < draws; ++k) {
                 int64_t at = (k * b + r) * latent;
                 entropy[r] = kernels.forward(p + r * parameters.size(1), eps + at, latent, z + at,
                                              kl ? kl + r * groups : nullptr);
               }
             });
           });
  if (!needs_gradient({given})) return out;
  auto node = make_node<PosteriorNode>({parameters});
  node->kernels = &kernels;
  node->parameters = parameters;
  node->noise = noise;
  set_outputs<PosteriorNode>(node, {out.z, out.kl, out.entropy});
  return out;
}

}  // namespace elbo
