// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/core/metric.h"
#include "elbo/data/dataset.h"
#include "elbo/data/transform.h"
#include "elbo/models/model.h"

namespace elbo {

struct EvalOptions {
  int64_t samples = 0;
  int64_t batch = 500;
  int64_t limit = 0;
  void fields(Fields& f);
};

/// What is found out about a model on a data set. Every number is over the whole set.
struct Evaluation {
  std::vector<Metric> metrics;
  std::vector<double> kl_per_dimension;      ///< [Z] nats, mean over the set; empty without a KL
  std::vector<double> variance_of_mean;      ///< [Z] Var_x(E_q[z_j|x])
  Value to_value() const;                    ///< what `elbo eval --json` prints
};

/// The model in evaluation mode on data prepared by the pipeline, with fixed noise:
/// neg_elbo, recon and kl (nats, with standard errors over examples), bits_per_dim
/// (neg_elbo / (D ln 2)), reconstruction_mse (of the decoder's mean, in model units), active_units
/// (dimensions with variance_of_mean > 0.01; Burda et al. 2016), and for samples K > 0 iwae, the
/// importance-weighted bound -L_K (nats), its bits per dimension and the effective sample size.
/// Memory does not grow with the data set or with K. Throws Error(Code::data) for data outside the
/// likelihood's support.
Evaluation evaluate(Model& model, const Pipeline& pipeline, const Dataset& data,
                    const EvalOptions& options, uint64_t seed);

}  // namespace elbo
