// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "elbo/tasks/run.h"

namespace elbo {

struct ScoreOptions {
  int64_t samples = 0;
  int64_t seed = 0;
  bool shares = true;
  void fields(Fields& f);
};

/// What a model says of some rows.
struct Scores {
  Tensor values;  ///< [n, M] f64, the columns of Scorer::names()
  Tensor shares;  ///< [n, D] f64 nats, the columns of Scorer::share_names(), or undefined
  Tensor y;       ///< [n] Batch::y
};

/// How well a model explains each row of a data set:
///
/// | name               | unit | what                                                           |
/// |--------------------|------|----------------------------------------------------------------|
/// | neg_elbo           | nats | recon + kl: the larger, the less expected the row              |
/// | recon              | nats | -log p(x|z) at one draw of z                                   |
/// | kl                 | nats | KL(q(z|x) || p(z))                                             |
/// | iwae               | nats | -L_K where samples K > 0                                       |
/// | reconstruction_mse |      | of the mean of p(x|z) at the posterior mean, model units       |
/// | recon[c]           | nats | -log p(x_c|z) of column c of a table; they add up to recon, and |
/// |                    |      | are not there (NaN) where the cell is missing                  |
///
/// and neg_elbo_data_units and iwae_data_units of densities. Each is what evaluate() averages over
/// all rows, and all but these are of data as the pipeline leaves them; a plain autoencoder has
/// recon and reconstruction_mse. A row has the same numbers whatever the rows beside it are, but
/// for iwae, whose noise depends on the row's place. Throws what evaluate() throws.
class Scorer {
 public:
  Scorer(const Run& run, DatasetPtr data, const ScoreOptions& options);
  std::vector<std::string> names() const;
  std::vector<std::string> share_names() const;  ///< empty where there are no shares
  const Units& units() const { return units_; }  ///< of neg_elbo, recon, iwae and the shares
  const std::vector<std::string>& notes() const { return notes_; }  ///< Evaluation::notes
  /// The scores of these rows of the data.
  Scores at(std::span<const int64_t> rows) const;

 private:
  Tensor errors_of(const Batch& batch) const;  // [B] f64
  Tensor shares_of(const Batch& batch) const;  // [B, D] f64

  const Run& run_;
  DatasetPtr data_;
  ScoreOptions options_;
  Units units_;
  std::vector<std::string> notes_;
  std::map<std::string, std::vector<double>> rows_;  // Evaluation::rows
};

}  // namespace elbo
