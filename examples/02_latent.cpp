// SPDX-License-Identifier: Apache-2.0
// Opens a trained run, embeds its held-out examples and decodes new ones from the prior. Run after
// 01_train. Expected output:
//   10000 test examples embedded in 20 dimensions
//   8 samples of 784 numbers each
#include "elbo/elbo.h"

int main(int argc, char** argv) {
  elbo::Run run = elbo::open_run(argc > 1 ? argv[1] : "runs/example");
  elbo::DataSource data = elbo::open_for(run, "");
  elbo::Rng rng(0, "example");
  at::NoGradGuard no_grad;
  int64_t rows = 0, latent = 0;
  elbo::for_each_batch(*data.test, 500, [&](elbo::Batch batch) {
    batch = run.trained.pipeline->apply(batch, elbo::TransformNoise::for_evaluation());
    at::Tensor z = elbo::posterior_mean(run.trained.model->encode(batch, rng));  // [B, Z]
    rows += z.size(0);
    latent = z.size(1);
  });
  fmt::print("{} test examples embedded in {} dimensions\n", rows, latent);
  auto z = run.trained.model->sample_prior(rng, 8);
  at::Tensor x = run.trained.pipeline->invert(run.trained.model->decode(z, rng)->mean());
  fmt::print("{} samples of {} numbers each\n", x.size(0), x[0].numel());
}
