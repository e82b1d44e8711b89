// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "elbo/core/metric.h"
#include "elbo/eval/units.h"

namespace elbo {

struct EvalOptions {
  int64_t samples = 0;
  int64_t batch = 500;
  int64_t limit = 0;
  bool rows = false;  ///< whether Evaluation::rows is wanted
  int64_t draws = 0;  ///< of z for each row in neg_elbo; 0: one, or more where rows are few
  void fields(Fields& f);
};

/// What is found out about a model on a data set. Every number is over the whole set.
struct Evaluation {
  std::vector<Metric> metrics;
  std::vector<double> kl_per_dimension;  ///< [Z] nats, mean over the set; empty without a KL
  std::vector<double> variance_of_mean;  ///< [Z] Var_x(E_q[z_j|x])
  int64_t examples = 0;                  ///< rows evaluated
  int64_t samples = 0;                   ///< K of iwae; 0 without one
  Units units;                           ///< what neg_elbo, recon and iwae are measured in
  double to_data_units = 0;  ///< the mean of Units::to_data_units over the rows, where it exists
  std::vector<std::string> notes;  ///< Units::notes of what was found
  /// [N] of each row, in the order of the data: neg_elbo, recon, kl, iwae and those in the data's
  /// own units, as far as there are such metrics. Only where EvalOptions::rows asks for them.
  std::map<std::string, std::vector<double>> rows;
  double share_at_scale_floor = 0;  ///< elements whose Gaussian scale fell to the smallest allowed

  /// The metric of that name, or null.
  const Metric* find(std::string_view name) const;
  /// What `elbo eval --json` prints: {"metrics": {"neg_elbo": {"value": .., "se": .., "unit": ..},
  /// .., "iwae": {.., "samples": K}}, "examples": N, "kl_per_dimension": [Z],
  /// "variance_of_mean": [Z], "notes": [..]}.
  Value to_value() const;
};

/// A latent dimension is active when Var_x(E_q[z_j|x]) > 0.01 (Burda et al. 2016, section 5.2).
constexpr double kActiveVariance = 0.01;

/// The model in evaluation mode on data prepared by the pipeline, with fixed noise:
///
/// | metric               | unit     | what                                                     |
/// |----------------------|----------|----------------------------------------------------------|
/// | neg_elbo             | nats     | recon + kl, one draw of z for each example; more, up to  |
/// |                      |          | 64, where examples are fewer than 4,096                  |
/// | neg_elbo_data_units  | nats     | of densities: the same of x in the units it is stored in |
/// | bits_per_dim         | bits/dim | of pictures: neg_elbo / (D ln 2), D: observed elements;  |
/// |                      |          | of densities in units of one of the levels of a pixel    |
/// | recon                | nats     | -log p(x|z)                                              |
/// | kl                   | nats     | KL(q(z|x) || p(z)), closed form or log q - log p         |
/// | active_units         |          | dimensions with Var_x(E_q[z_j|x]) > 0.01                 |
/// | reconstruction_mse   |          | of the mean of p(x|z) at the posterior mean, model units |
/// | iwae                 | nats     | -L_K, L_K = E log 1/K sum_k p(x, z_k) / q(z_k|x); K > 0  |
/// | iwae_data_units,     |          | likewise                                                 |
/// | iwae_bits_per_dim    |          |                                                          |
/// | effective_samples    |          | (sum w)^2 / sum w^2, mean over examples, in [1, K]       |
///
/// and every term of Pass::terms by its name. Means over examples, with standard errors
/// sd / sqrt(N). A plain autoencoder has recon and reconstruction_mse only. Without "data_units"
/// numbers are of the data as the pipeline leaves them ("model units"), and each metric's unit says
/// what these are: "nats (standardised columns)". KL has no such units. Bits per dimension are
/// there where p(x) is a probability, or pictures have levels: -log2 p(x) / D for x in steps of one
/// level, the unit of the literature on 8-bit pictures (Theis et al. 2016, section 3.1).
/// Under LossKind::cross_entropy there are none, and neg_elbo and iwae bound nothing. Nothing
/// depends on options.batch, beyond rounding: noise is keyed by example, and the batch is rounded
/// up to whole blocks of 64 rows. Memory grows neither with the data set nor with K.
///
/// Throws Error(Code::data) for data outside the likelihood's support and for no data,
/// Error(Code::usage) for samples > 0 where the posterior has no density.
/// L_K: Burda, Grosse & Salakhutdinov 2016, eq. (8).
Evaluation evaluate(Model& model, const Pipeline& pipeline, const Dataset& data,
                    const EvalOptions& options, uint64_t seed);

}  // namespace elbo
