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
/// |                    |       | difference and 5 % of |recon| + kl there; bad from 20 % on     |
/// | scale at its floor | bad   | more than a hundredth of the elements have the smallest        |
/// |                    |       | Gaussian scale allowed: nothing else bounds the density there  |
/// | latent too small   | warn  | Z > 3, all active, and each carries > 0.5 nats, so that one    |
/// |                    |       | more would likely pay; up to 3 are taken as chosen for a       |
/// |                    |       | picture                                                        |
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
                              const Schema& schema);

}  // namespace elbo
