// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "elbo/data/dataset.h"
#include "elbo/data/transform.h"
#include "elbo/models/model.h"

namespace elbo {

/// Where a data set lies in the latent space, for pictures.
struct LatentView {
  Tensor mean;                      ///< [N, Z] f32, posterior means, groups side by side
  Tensor labels;                    ///< [N] Batch::y of the same examples; undefined without
  Tensor points;                    ///< [N, 2] f32, the means in two dimensions
  std::array<double, 2> explained;  ///< share of the variance of the means along each axis
  std::vector<int64_t> rows;        ///< [N] the rows of the data set shown
  std::vector<int64_t> order;       ///< [Z] latent dimensions, the largest KL first
};

/// At most max_points examples, evenly spaced over the data set, so that sorted data shows every
/// part. `points` are the means themselves for Z = 2, (z, 0) for Z = 1, and otherwise their two
/// principal components (see principal_plane). Where the model has no KL for each dimension,
/// `order` is by the variance of the means. Throws Error(Code::data) for no data, or for data
/// outside the likelihood's support.
LatentView view_latents(Model& model, const Pipeline& pipeline, const Dataset& data,
                        int64_t max_points = 2000);

/// Points in the plane of largest variance.
struct Plane {
  Tensor points;                    ///< [N, 2] f64, centred
  Tensor loadings;                  ///< [Z, 2] f64, orthonormal columns
  std::array<double, 2> explained;  ///< eigenvalue over the sum of all; 0 where nothing varies
};

/// The first two principal components of x [N, Z], Z >= 2, by the eigenvectors of the covariance in
/// float64. Each axis points to where its largest loading is positive. Pearson 1901.
Plane principal_plane(const Tensor& x);

}  // namespace elbo
