// SPDX-License-Identifier: Apache-2.0
// Where each kernel's versions are found: one line for each table that a file of elbo_isa_sources
// exports, and for likelihoods and posteriors one row with its name.
#include <algorithm>
#include <iterator>

#include "elbo/kernels/activation.h"
#include "elbo/kernels/gemm.h"
#include "elbo/kernels/likelihood.h"
#include "elbo/kernels/norm.h"
#include "elbo/kernels/peak.h"
#include "elbo/kernels/posterior.h"
#include "elbo/kernels/update.h"

// ELBO_TABLE(Type, name): name(isa) is the version for isa of the table kName.
#if defined(__x86_64__)
#define ELBO_TABLE(Type, name)                                              \
  namespace scalar {                                                        \
  extern const Type k##name;                                                \
  }                                                                         \
  namespace avx2 {                                                          \
  extern const Type k##name;                                                \
  }                                                                         \
  namespace avx512 {                                                        \
  extern const Type k##name;                                                \
  }                                                                         \
  static const Type* name(Isa isa) {                                        \
    return by_isa(isa, &scalar::k##name, &avx2::k##name, &avx512::k##name); \
  }
#else
#define ELBO_TABLE(Type, name) \
  namespace scalar {           \
  extern const Type k##name;   \
  }                            \
  static const Type* name(Isa) { return &scalar::k##name; }
#endif

namespace elbo {

ELBO_TABLE(ActivationKernels, Activations)
ELBO_TABLE(GemmKernels, Gemms)
ELBO_TABLE(NormKernels, Norms)
ELBO_TABLE(PeakKernels, Peak)
ELBO_TABLE(UpdateKernels, Updates)
ELBO_TABLE(PosteriorKernels, DiagonalPosterior)
ELBO_TABLE(PosteriorKernels, FullPosterior)
ELBO_TABLE(PosteriorKernels, PointPosterior)
ELBO_TABLE(LikelihoodKernels, Bernoulli)
ELBO_TABLE(LikelihoodKernels, ContinuousBernoulli)
ELBO_TABLE(LikelihoodKernels, Gaussian)
ELBO_TABLE(LikelihoodKernels, GaussianElement)

namespace {

template <class Kernels>
struct Row {
  std::string_view name;
  const Kernels* (*of)(Isa);
};

constexpr Row<PosteriorKernels> kPosteriors[] = {
    {"diagonal", DiagonalPosterior},
    {"full", FullPosterior},
    {"point", PointPosterior},
};

constexpr Row<LikelihoodKernels> kLikelihoods[] = {
    {"bernoulli", Bernoulli},
    {"continuous-bernoulli", ContinuousBernoulli},
    {"gaussian", Gaussian},
    {"gaussian-element", GaussianElement},
};

template <class Rows>
auto find(const Rows& rows, std::string_view name, Isa isa) -> decltype(rows[0].of(isa)) {
  for (const auto& row : rows) {
    if (row.name == name) return row.of(isa);
  }
  return nullptr;
}

constexpr std::string_view kActivationNames[] = {"none", "relu", "tanh", "sigmoid", "leaky-relu",
                                                 "elu",  "gelu", "silu", "softplus"};

}  // namespace

const ActivationKernels& activation_kernels(Isa isa) { return *Activations(isa); }
const GemmKernels& gemm_kernels(Isa isa) { return *Gemms(isa); }
const NormKernels& norm_kernels(Isa isa) { return *Norms(isa); }
const PeakKernels& peak_kernels(Isa isa) { return *Peak(isa); }
const UpdateKernels& update_kernels(Isa isa) { return *Updates(isa); }

const PosteriorKernels* posterior_kernels(std::string_view name, Isa isa) {
  return find(kPosteriors, name, isa);
}

const LikelihoodKernels* likelihood_kernels(std::string_view name, Isa isa) {
  return find(kLikelihoods, name, isa);
}

std::optional<Activation> try_activation(std::string_view name) {
  for (size_t i = 0; i < std::size(kActivationNames); ++i) {
    if (kActivationNames[i] == name) return static_cast<Activation>(i);
  }
  return std::nullopt;
}

Panels::Panels(int64_t columns, int64_t lanes)
    : columns_(columns),
      lanes_(lanes),
      vectors_((columns + lanes - 1) / lanes),
      count_((vectors_ + kPanelVectors - 1) / kPanelVectors) {}

int64_t Panels::begin(int64_t panel) const {
  return std::min(columns_, vectors_ * panel / count_ * lanes_);
}

}  // namespace elbo
