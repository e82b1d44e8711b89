// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/latent_view.h"

#include <gtest/gtest.h>

#include "elbo/eval/test_problems.h"

namespace elbo {
namespace {

/// An encoder that says mu = gain x + 1 with variance exp(-1).
std::shared_ptr<Model> diagonal_model(const Tensor& gain, const char* posterior = "diagonal") {
  int64_t z = gain.size(0);
  auto model = linear_model(z, z, posterior, fixed_gaussian(1));
  bool is_point = std::string(posterior) == "point";
  Tensor weight = gain.diag(), bias = at::ones({z});
  if (!is_point) {
    weight = at::cat({weight, at::zeros({z, z})});
    bias = at::cat({bias, at::full({z}, -1.0)});
  }
  set_linear(*model, "encoder", weight, bias);
  return model;
}

LatentView view(Model& model, const DatasetPtr& data, int64_t max_points = 2000) {
  return view_latents(model, Pipeline({}, data->schema()), *data, max_points);
}

TEST(PrincipalPlane, VarianceOfThePointsIsTheTopEigenvalues) {
  Rng rng(1, "x");
  Tensor basis = std::get<0>(at::linalg_qr(normal(rng, {5, 5}, at::kDouble)));
  Tensor scales = at::tensor({0.5, 3.0, 0.1, 2.0, 1.0}, at::kDouble);
  Tensor x = at::matmul(normal(rng, {3000, 5}, at::kDouble) * scales, basis.t()) + 7;
  Tensor eigenvalues = at::linalg_eigvalsh(x.t().cov(/*correction=*/0)).flip(0);
  Plane plane = principal_plane(x);
  EXPECT_TRUE(at::allclose(plane.points.var(0, false), eigenvalues.narrow(0, 0, 2), 1e-10));
  EXPECT_TRUE(at::allclose(plane.points.mean(0), at::zeros({2}, at::kDouble), 0, 1e-10));
  EXPECT_NEAR(plane.points.t().cov()[0][1].item<double>(), 0, 1e-10);
  EXPECT_TRUE(at::allclose(at::matmul(plane.loadings.t(), plane.loadings), at::eye(2, at::kDouble),
                           0, 1e-12));
  double total = eigenvalues.sum().item<double>();
  EXPECT_NEAR(plane.explained[0], eigenvalues[0].item<double>() / total, 1e-12);
  EXPECT_NEAR(plane.explained[1], eigenvalues[1].item<double>() / total, 1e-12);
  EXPECT_GT(plane.explained[0], plane.explained[1]);
}

TEST(PrincipalPlane, TheLargestLoadingIsPositive) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Rng rng(seed, "x");
    Tensor x = normal(rng, {50, 4}, at::kDouble);
    Plane plane = principal_plane(x);
    Tensor loadings = plane.loadings;
    EXPECT_TRUE(at::equal(loadings.amax(0), loadings.abs().amax(0))) << seed;
    EXPECT_TRUE(at::allclose(principal_plane(-x).points, -plane.points, 1e-9, 1e-9)) << seed;
  }
}

TEST(PrincipalPlane, PointsThatDoNotVaryExplainNothing) {
  Plane plane = principal_plane(at::full({3, 4}, 2.0));
  EXPECT_EQ(plane.explained, (std::array<double, 2>{0, 0}));
  EXPECT_TRUE(at::equal(plane.points, at::zeros({3, 2}, at::kDouble)));
}

TEST(LatentView, ShowsPosteriorMeansLabelsAndOrder) {
  Rng rng(1, "x");
  Tensor x = normal(rng, {700, 3}), y = at::arange(700, at::kLong);
  Tensor gain = at::tensor({0.5f, 0.1f, 2.0f});
  auto model = diagonal_model(gain);
  LatentView out = view(*model, table_of(x, {}, y));
  EXPECT_TRUE(at::allclose(out.mean, x * gain + 1, 1e-5, 1e-5));
  EXPECT_TRUE(at::equal(out.labels, y));
  EXPECT_EQ(out.order, (std::vector<int64_t>{2, 0, 1}));
  EXPECT_TRUE(at::allclose(out.points, principal_plane(out.mean).points.to(at::kFloat)));
  EXPECT_TRUE(model->is_training());
}

TEST(LatentView, OrderIsByKlAndNotByVariance) {
  auto model = diagonal_model(at::tensor({1.0f, 0.1f}));
  at::NoGradGuard no_grad;
  // The second dimension hardly varies, but a tiny posterior variance makes its KL the larger one.
  model->named_parameters()["encoder.output.bias"].copy_(at::tensor({0.f, 0.f, -1.f, -8.f}));
  Rng rng(1, "x");
  EXPECT_EQ(view(*model, table_of(normal(rng, {100, 2}))).order, (std::vector<int64_t>{1, 0}));
}

TEST(LatentView, PointsAreSpreadOverTheWholeDataSet) {
  Tensor x = at::arange(1000, at::kFloat).view({1000, 1});
  auto model = diagonal_model(at::ones({1}));
  LatentView out = view(*model, table_of(x), 4);
  EXPECT_EQ(out.rows, (std::vector<int64_t>{0, 250, 500, 750}));
  EXPECT_TRUE(at::equal(out.mean.flatten(), at::tensor({1.f, 251.f, 501.f, 751.f})));
  EXPECT_FALSE(out.labels.defined());
}

TEST(LatentView, TwoDimensionsAreShownAsTheyAreAndOneOnALine) {
  Rng rng(1, "x");
  Tensor gain = at::tensor({2.0f, 1.0f});
  LatentView two = view(*diagonal_model(gain), table_of(normal(rng, {500, 2})));
  EXPECT_TRUE(at::equal(two.points, two.mean));
  EXPECT_NEAR(two.explained[0] + two.explained[1], 1, 1e-12);
  EXPECT_NEAR(two.explained[0], 0.8, 0.05);
  LatentView one = view(*diagonal_model(at::ones({1})), table_of(normal(rng, {500, 1})));
  EXPECT_TRUE(at::equal(one.points.narrow(1, 0, 1), one.mean));
  EXPECT_EQ(one.points.narrow(1, 1, 1).abs().max().item<float>(), 0);
  EXPECT_EQ(one.explained, (std::array<double, 2>{1, 0}));
}

TEST(LatentView, OfAPlainAutoencoderIsOrderedByVariance) {
  Rng rng(1, "x");
  auto model = diagonal_model(at::tensor({0.5f, 0.1f, 2.0f}), "point");
  EXPECT_EQ(view(*model, table_of(normal(rng, {100, 3}))).order, (std::vector<int64_t>{2, 0, 1}));
}

}  // namespace
}  // namespace elbo
