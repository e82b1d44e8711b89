// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/footprint.h"

#include <algorithm>

#include "elbo/core/metric.h"
#include "elbo/nets/network.h"
#include "elbo/tensor/shapes_only.h"

namespace elbo {
namespace {

constexpr double kFloat = sizeof(float);
constexpr int64_t kRowsEvaluated = 500;  // rows at a time that evaluation and encoding take

int64_t numbers_in(const torch::nn::Module& module) {
  int64_t out = 0;
  for (const Tensor& t : module.parameters()) out += t.numel();
  for (const Tensor& t : module.buffers()) out += t.numel();
  return out;
}

/// Numbers that a network's layers put out for one example.
double numbers_put_out(const Network& network) {
  double out = 0;
  for (const sequential::LayerSpec& layer : network.layers()) {
    const auto& c = layer.conv;
    out += c ? static_cast<double>(c->out) * static_cast<double>(c->out_height * c->out_width)
             : static_cast<double>(layer.weight.size(0));
  }
  return out;
}

/// Of all networks of a model, those within others left out.
double numbers_put_out(const torch::nn::Module& model) {
  double out = 0;
  std::string within = "/";
  for (const auto& item : model.named_modules("", /*include_self=*/false)) {
    const auto* network = dynamic_cast<const Network*>(item.value().get());
    if (!network || item.key().starts_with(within)) continue;
    within = item.key() + ".";
    out += numbers_put_out(*network);
  }
  return out;
}

/// Copies of the weights that a run holds at its most, when it writes a checkpoint.
double copies_of_weights(const TrainOptions& train) {
  const double optimizer = train.optimizer.type == "sgd" ? 1 : 2;
  const double mean = train.ema > 0 ? 1 : 0;
  double held = 1 + 1 + optimizer + mean + 1;  // weights, gradients, .., the best
  double good = 1 + optimizer + mean;          // to go back to after steps that are not finite
  double written = 1 + optimizer + mean + 2;   // a checkpoint's bytes; weights set aside meanwhile
  double packed = 2;                           // as products read them, both ways
  return held + good + written + packed;
}

std::string text_of(double bytes) {
  double gigabytes = bytes / 1e9;
  if (gigabytes < 100) return fmt::format("{:.3g} GB", gigabytes);
  return with_commas(static_cast<int64_t>(std::min(gigabytes, 1e15))) + " GB";
}

}  // namespace

Footprint footprint_of(const ModelOptions& options, const ObjectiveOptions& objective,
                       const TrainOptions& train, const Schema& schema, int64_t rows) {
  std::shared_ptr<Model> model;
  {
    ShapesOnly shapes;
    Rng rng(0);
    model = make_model(options, schema, rng);
  }
  const auto batch = static_cast<double>(std::min(train.batch, rows));
  const auto draws = static_cast<double>(bound_samples(objective));
  Footprint out;
  out.weights = numbers_in(*model);
  out.of_weights = kFloat * copies_of_weights(train) * static_cast<double>(out.weights);
  // Each with its gradient; of x also what it is made of.
  double each = 2 * numbers_put_out(*model) + 3 * static_cast<double>(schema.size());
  out.of_batch = kFloat * batch * draws * each;
  if (options.posterior.type == "full") {
    const auto z = static_cast<double>(options.latent);
    double matrices = 3 * std::min<double>(kRowsEvaluated, static_cast<double>(rows));
    out.of_posterior = kFloat * matrices * z * z;
  }
  return out;
}

void check_footprint(const Footprint& f, double available) {
  if (f.bytes() <= available) return;
  std::string parts = fmt::format("{} for {} weights and what training holds of each",
                                  text_of(f.of_weights), with_commas(f.weights));
  parts += fmt::format(", {} for a batch", text_of(f.of_batch));
  if (f.of_posterior > 0) {
    parts += fmt::format(", {} for the posteriors' matrices", text_of(f.of_posterior));
  }
  double largest = std::max({f.of_weights, f.of_batch, f.of_posterior});
  const char* remedy =
      largest == f.of_batch
          ? "Lower train.batch, or the sizes of the networks."
          : "Lower model.latent (under posterior full its square counts) or the sizes of the "
            "networks.";
  fail(Code::resource, "training would take about {} of memory, and {} are free: {}\n{}",
       text_of(f.bytes()), text_of(available), parts, remedy);
}

}  // namespace elbo
