// SPDX-License-Identifier: Apache-2.0
// Trains a VAE on the shipped digits and prints what it came to. Expected output, after about ten
// seconds on two cores (the last digits differ from machine to machine):
//   runs/example: epoch 3: test -ELBO 106.11 ± 0.28 nats = 0.195 bits/dim; 20 of 20 latent
//   dimensions active
#include "elbo/elbo.h"

int main() {
  elbo::ConfigLayer layer{"example",
                          elbo::parse_toml("data.path = 'mnist'\ntrain.epochs = 3", "example")};
  elbo::Plan plan = elbo::make_plan({layer});
  elbo::RunResult run = elbo::train_run(plan, "runs", "example", nullptr, nullptr);
  elbo::RunSummary summary = elbo::summarise(run.folder, /*wants_report=*/false);
  fmt::print("{}: {}\n", run.folder.string(), summary.headline);
}
