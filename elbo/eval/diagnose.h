// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/eval/baselines.h"
#include "elbo/eval/evaluate.h"

namespace elbo {

/// One thing to know about a trained model.
struct Finding {
  std::string level;  ///< "good", "warn" or "bad"
  std::string text;   ///< what, and the remedy
};

/// The gravest first; equally grave ones stay as they are.
void sort_findings(std::vector<Finding>& findings);
/// [{"level": .., "text": ..}, ...]
Value findings_to_value(const std::vector<Finding>& findings);

/// What a model was made with and trained for, on which remedies depend.
struct Recipe {
  ModelOptions model;
  struct Objective {
    bool has_kl = true;  ///< false under the IWAE bound
    double beta = 1;
    bool is_scheduled = false;  ///< whether beta changes over the run
    double free_bits = 0;       ///< nats for each dimension
  } objective = {};
};

/// What an evaluation says about a model, the gravest first. `train`, which may be null, is the
/// evaluation on (some of) the training examples; `baselines` were measured on the same rows as the
/// evaluation.
///
/// | finding            | level | holds when                                                     |
/// |--------------------|-------|----------------------------------------------------------------|
/// | not finite         | bad   | a metric is NaN or infinite                                    |
/// | collapse           | bad   | no active dimension, or kl < 0.1 nats: kl bounds the           |
/// |                    |       | information z has on x, and telling two halves of the data     |
/// |                    |       | apart takes log 2                                              |
/// | few active         | warn  | fewer than a fifth of Z active; Burda et al. 2016 (table 1)    |
/// |                    |       | keep 19 or more of 50                                          |
/// | over-regularised   | warn  | kl < 0.1 nats for each active dimension: at 1/2 log(1 + S) for |
/// |                    |       | a signal-to-noise ratio S, that is S < 0.22, mostly noise      |
/// | under-regularised  | warn  | kl > 6 nats for each active dimension: the posterior is 400    |
/// |                    |       | times narrower than the prior, so draws from the prior rarely  |
/// |                    |       | fall where the decoder was trained; image models have 1 to 3   |
/// | overfitting        | warn  | neg_elbo (recon for an autoencoder) is higher than on the      |
/// |                    |       | training examples by more than 3 standard errors of the        |
/// |                    |       | difference and 5 % of |recon| + kl there; bad from 20 % on. No |
/// |                    |       | more than "good" where the linear model of equal size, fitted  |
/// |                    |       | to the same rows, has a density and does no better held out:   |
/// |                    |       | then the gap is that of few rows, not of a large model         |
/// | only free bits     | warn  | no dimension's kl is above 1.1 times objective.free_bits: all  |
/// |                    |       | that z says was free, and nothing asked for less               |
/// | fixed scale        | warn  | the fixed gaussian scale is more than 2 times or less than 1/2 |
/// |                    |       | of the root of reconstruction_mse, the scale of greatest       |
/// |                    |       | likelihood: it costs at least 0.3 nats for each element        |
/// | scale at its floor | bad   | more than a hundredth of the elements have the smallest        |
/// |                    |       | Gaussian scale allowed: nothing else bounds the density there  |
/// | latent too small   | warn  | 3 < Z < D, all active, and each carries > 0.5 nats beyond free |
/// |                    |       | bits, so that one more would likely pay; up to 3 are taken as  |
/// |                    |       | chosen for a picture. Not where a full covariance, which has   |
/// |                    |       | all linear dimensions, was fitted and is no better             |
/// | few draws count    | warn  | effective_samples < 2 with K >= 10: L_K rests on one draw      |
/// | worse than trivial | bad   | neg_elbo is higher than -log p(x) of a baseline without        |
/// |                    |       | latents by more than two standard errors of both, or the       |
/// |                    |       | reconstruction is worse than the mean                          |
/// | worse than linear  | warn  | the same beside a baseline with as many latent dimensions;     |
/// |                    |       | an autoencoder's reconstruction is 5 % worse than PCA's        |
/// | Evaluation::notes  | good  | there are any: a loss below 0, a cross-entropy that is no bound |
/// | unused dimensions  | good  | some but not all are inactive: harmless, and how many          |
/// | healthy            | good  | nothing above is warn or bad                                   |
std::vector<Finding> diagnose(const Evaluation& evaluation, const Evaluation* train,
                              const std::vector<Baseline>& baselines, const Model& model,
                              const Schema& schema, const Recipe& recipe);

}  // namespace elbo
