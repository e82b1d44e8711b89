// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/mixture_node.h"

#include "elbo/core/error.h"
#include "elbo/kernels/mixture.h"
#include "elbo/tensor/autograd.h"
#include "elbo/tensor/memory.h"
#include "elbo/tensor/profile.h"
#include "elbo/tensor/threads.h"

namespace elbo {
namespace {

using torch::autograd::variable_list;

constexpr int64_t kRowsInTurn = 8;

/// use(begin, end) for every row, several in a turn.
template <class Use>
void for_each_run(int64_t rows, Use&& use) {
  workers().team().each((rows + kRowsInTurn - 1) / kRowsInTurn, [&](int, int64_t turn) {
    use(turn * kRowsInTurn, std::min(rows, (turn + 1) * kRowsInTurn));
  });
}

/// The components as the kernels want them, in memory of its own.
struct Components {
  Components() = default;
  Components(const Tensor& mean, const Tensor& log_var)
      : kernels(&mixture_kernels(isa())), latent(mean.size(1)) {
    const int64_t stride = mixture_stride(mean.size(0));
    memory = reused_empty({2 * latent + 1, stride});
    auto* at = memory.data_ptr<float>();
    parts = {at, at + latent * stride, at + 2 * latent * stride, mean.size(0), latent, stride};
    kernels->prepare(mean.data_ptr<float>(), log_var.data_ptr<float>(), parts);
  }
  /// log_p of each row of x; its shares too, where they are defined.
  void density(const Tensor& x, const Tensor& shares, double* log_p) const {
    const float* z = x.data_ptr<float>();
    float* kept = shares.defined() ? shares.data_ptr<float>() : nullptr;
    for_each_run(x.size(0), [&](int64_t begin, int64_t end) {
      std::vector<float> passing(kept ? 0 : static_cast<size_t>(parts.stride));
      for (int64_t n = begin; n < end; ++n) {
        log_p[n] =
            kernels->row(parts, z + n * latent, kept ? kept + n * parts.stride : passing.data());
      }
    });
  }

  const MixtureKernels* kernels = nullptr;
  int64_t latent = 0;
  Tensor memory;
  MixtureParts parts{};
};

struct MixtureNode : torch::autograd::Node {
  std::string name() const override { return "MixtureBackward"; }

  variable_list apply(variable_list&& gradients) override {
    ELBO_CHECK(!at::GradMode::is_enabled(), Code::usage,
               "the kernels' gradients cannot be differentiated again");
    ELBO_CHECK(x.defined(), Code::failure, "the gradient of a mixture was taken twice");
    variable_list out(3);
    if (!gradients[0].defined()) return out;
    Tensor weight = gradients[0].to(at::kFloat).contiguous();
    profiled([] { return "mixture"; }, Direction::backward, [&] { find(weight, out); });
    return out;
  }

  void release_variables() override { x = shares = components.memory = Tensor(); }

  void find(const Tensor& weight, variable_list& out) const {
    const MixtureParts& parts = components.parts;
    const float *w = weight.data_ptr<float>(), *z = x.data_ptr<float>(),
                *p = shares.data_ptr<float>();
    const int64_t rows = x.size(0), latent = components.latent;
    out[0] = reused_empty(x.sizes());
    auto* dz = out[0].data_ptr<float>();
    for_each_run(rows, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) {
        components.kernels->of_row(parts, z + n * latent, p + n * parts.stride, w[n],
                                   dz + n * latent);
      }
    });
    out[1] = reused_empty({parts.components, latent});
    out[2] = reused_empty({parts.components, latent});
    float *of_mean = out[1].data_ptr<float>(), *of_log_var = out[2].data_ptr<float>();
    workers().team().each(parts.stride / kMixtureBlock, [&](int, int64_t block) {
      components.kernels->of_block(parts, z, p, w, rows, block, of_mean, of_log_var);
    });
  }

  Components components;
  Tensor x, shares;  // [N, Z], [N, S]
};

}  // namespace

Tensor mixture_log_prob(const Tensor& given, const Tensor& mean, const Tensor& log_var) {
  ELBO_CHECK(mean.sizes() == log_var.sizes() && mean.size(1) == given.size(1), Code::usage,
             "a mixture of {} components over {} dimensions is asked for the density of {}",
             mean.size(0), mean.size(1), given.size(1));
  Components components(mean.contiguous(), log_var.contiguous());
  Tensor x = given.contiguous(), shares;
  Tensor out = reused_empty({x.size(0)}, at::kDouble);
  NodePtr<MixtureNode> node;
  if (needs_gradient({given, mean, log_var})) {
    node = make_node<MixtureNode>({given, mean, log_var});
    shares = reused_empty({x.size(0), components.parts.stride});
    node->components = components;
    node->x = x;
    node->shares = shares;
  }
  profiled([] { return "mixture"; }, Direction::forward,
           [&] { components.density(x, shares, out.data_ptr<double>()); });
  if (node) set_outputs<MixtureNode>(node, {out});
  return out;
}

}  // namespace elbo
