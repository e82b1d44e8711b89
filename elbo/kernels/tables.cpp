// SPDX-License-Identifier: Apache-2.0
// Where each kernel's versions are found: one line for each table that a file of elbo_isa_sources
// exports, and for likelihoods and posteriors one row with its name.
#include <algorithm>
#include <iterator>

#include "elbo/kernels/activation.h"
#include "elbo/kernels/gemm.h"
#include "elbo/kernels/likelihood.h"
#include "elbo/kernels/mixture.h"
#include "elbo/kernels/norm.h"
#include "elbo/kernels/peak.h"
#include "elbo/kernels/posterior.h"
#include "elbo/kernels/update.h"

// ELBO_TABLE(Type, name): name(isa) is the version for isa of the table kName. ELBO_WIDE_TABLE: of
// what also has versions for instructions on bf16.
#if defined(__x86_64__)
#define ELBO_VERSION(Type, isa, name) \
  namespace isa {                     \
  extern const Type k##name;          \
  }
#define ELBO_TABLE(Type, name)                                              \
  ELBO_VERSION(Type, scalar, name)                                          \
  ELBO_VERSION(Type, avx2, name)                                            \
  ELBO_VERSION(Type, avx512, name)                                          \
  static const Type* name(Isa isa) {                                        \
    return by_isa(isa, &scalar::k##name, &avx2::k##name, &avx512::k##name); \
  }
#define ELBO_WIDE_TABLE(Type, name)                                                               \
  ELBO_VERSION(Type, scalar, name)                                                                \
  ELBO_VERSION(Type, avx2, name)                                                                  \
  ELBO_VERSION(Type, avx512, name)                                                                \
  ELBO_VERSION(Type, avx512_bf16, name)                                                           \
  ELBO_VERSION(Type, amx, name)                                                                   \
  static const Type* name(Isa isa) {                                                              \
    return by_isa(isa, &scalar::k##name, &avx2::k##name, &avx512::k##name, &avx512_bf16::k##name, \
                  &amx::k##name);                                                                 \
  }
#else
#define ELBO_TABLE(Type, name) \
  namespace scalar {           \
  extern const Type k##name;   \
  }                            \
  static const Type* name(Isa) { return &scalar::k##name; }
#define ELBO_WIDE_TABLE ELBO_TABLE
#endif

namespace elbo {

ELBO_TABLE(ActivationKernels, Activations)
ELBO_TABLE(GemmKernels, Gemms)
ELBO_WIDE_TABLE(Bf16Kernels, Bf16Gemms)
ELBO_TABLE(MixtureKernels, Mixture)
ELBO_TABLE(NormKernels, Norms)
ELBO_TABLE(PeakKernels, Peak)
ELBO_WIDE_TABLE(PeakKernels, Bf16Peak)
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
GemmBlock gemm_block(Precision precision, Isa isa) {
  return precision == Precision::bf16 ? Bf16Gemms(isa)->block : Gemms(isa)->block;
}
const Bf16Kernels& bf16_kernels(Isa isa) { return *Bf16Gemms(isa); }
const MixtureKernels& mixture_kernels(Isa isa) { return *Mixture(isa); }
const NormKernels& norm_kernels(Isa isa) { return *Norms(isa); }
const PeakKernels& peak_kernels(Precision precision, Isa isa) {
  return precision == Precision::bf16 ? *Bf16Peak(isa) : *Peak(isa);
}
const UpdateKernels& update_kernels(Isa isa) { return *Updates(isa); }

const PosteriorKernels* posterior_kernels(std::string_view name, Isa isa) {
  return find(kPosteriors, name, isa);
}

const LikelihoodKernels* likelihood_kernels(std::string_view name, Isa isa) {
  return find(kLikelihoods, name, isa);
}

std::vector<std::string_view> likelihood_kernel_names() {
  std::vector<std::string_view> out;
  for (const auto& row : kLikelihoods) out.push_back(row.name);
  return out;
}

std::optional<Activation> try_activation(std::string_view name) {
  for (size_t i = 0; i < std::size(kActivationNames); ++i) {
    if (kActivationNames[i] == name) return static_cast<Activation>(i);
  }
  return std::nullopt;
}

Panels::Panels(int64_t columns, int64_t lanes, int64_t most_vectors)
    : columns_(columns),
      lanes_(lanes),
      vectors_((columns + lanes - 1) / lanes),
      count_((vectors_ + most_vectors - 1) / most_vectors) {}

Panels Panels::shared_by(int64_t members) const {
  Panels out = *this;
  int64_t count = (count_ + members - 1) / members * members;
  if (2 * count <= vectors_) out.count_ = count;
  return out;
}

int64_t Panels::begin(int64_t panel) const {
  return std::min(columns_, vectors_ * panel / count_ * lanes_);
}

}  // namespace elbo
