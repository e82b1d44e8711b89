// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/fused/plan.h"

#include <algorithm>

#include "elbo/train/fused/dense.h"

namespace elbo::fused {
namespace {

/// A parameter's own memory; its gradient is made if it has none.
Parameter parameter(Tensor t) {
  if (!t.grad().defined()) t.mutable_grad() = at::zeros_like(t);
  return {t.data_ptr<float>(), t.mutable_grad().data_ptr<float>()};
}

std::string why_not_chain(const char* which, const Network& network) {
  std::vector<ChainLayer> layers = network.chain();
  if (layers.empty()) {
    return fmt::format("the {} is not a chain of dense layers without norm", which);
  }
  for (const ChainLayer& l : layers) {
    if (!try_activation(l.activation)) return "no kernel for activation " + l.activation;
    bool fits = l.weight.is_cpu() && l.weight.scalar_type() == at::kFloat &&
                l.weight.is_contiguous() && l.bias.is_contiguous();
    if (!fits) return fmt::format("the {} is not in f32 on the CPU", which);
  }
  return "";
}

}  // namespace

std::string why_not_planned(const VaeParts& parts) {
  if (parts.prior != "normal") return "no kernel for prior " + parts.prior;
  if (!posterior_kernels(parts.posterior, isa())) {
    return "no kernel for posterior " + parts.posterior;
  }
  if (!likelihood_kernels(parts.likelihood->kernel(), isa())) {
    return "no kernel for this likelihood";
  }
  std::string why = why_not_chain("encoder", *parts.encoder);
  return why.empty() ? why_not_chain("decoder", *parts.decoder) : why;
}

Plan::Plan(const VaeParts& parts) {
  std::vector<ChainLayer> encoder = parts.encoder->chain(), decoder = parts.decoder->chain();
  input_ = &signal(encoder.front().weight.size(1));
  input_->has_gradient = false;
  sparse_ = std::make_unique<SparseInput>(input_->width);
  Signal& posterior = add_chain(*input_, encoder);
  Signal& z = signal(parts.latent);
  auto latent =
      std::make_unique<LatentStage>(*posterior_kernels(parts.posterior, isa()), posterior, z);
  latent_ = latent.get();
  stages_.push_back(std::move(latent));
  Signal& parameters = add_chain(z, decoder);
  auto observation =
      std::make_unique<Observation>(*likelihood_kernels(parts.likelihood->kernel(), isa()),
                                    parameters, input_->width, own_parameter(*parts.likelihood));
  observation_ = observation.get();
  stages_.push_back(std::move(observation));
}

/// A scale that is fixed is no parameter of the module.
Parameter Plan::own_parameter(const Likelihood& likelihood) {
  Tensor own = likelihood.own_parameter();
  if (!own.defined()) return {};
  if (own.requires_grad()) return parameter(own);
  fixed_own_ = own.item<float>();
  return {&fixed_own_, nullptr};
}

Signal& Plan::signal(int64_t width) {
  signals_.push_back(std::make_unique<Signal>(width));
  return *signals_.back();
}

Signal& Plan::add_chain(Signal& in, const std::vector<ChainLayer>& layers) {
  Signal* last = &in;
  for (const ChainLayer& l : layers) {
    Signal& next = signal(l.weight.size(0));
    next.activation = *try_activation(l.activation);
    next.dropout = l.dropout;
    stages_.push_back(std::make_unique<Dense>(*last, next, parameter(l.weight), parameter(l.bias),
                                              last == input_ ? sparse_.get() : nullptr));
    last = &next;
  }
  return *last;
}

void Plan::prepare(const Batch& batch, Rng& rng) {
  int64_t rows = batch.size();
  if (rows > room_) {
    room_ = rows;
    sparse_->reserve(rows);
    for (auto& stage : stages_) stage->reserve(rows);
  }
  x_ = batch.x.contiguous();
  seen_ = batch.encoder_input().contiguous();
  mask_ = batch.mask.defined() ? batch.mask.contiguous() : Tensor();
  input_->value = seen_.data_ptr<float>();
  observation_->observe(x_.data_ptr<float>(), mask_.defined() ? mask_.data_ptr<float>() : nullptr);
  for (auto& stage : stages_) stage->draw(rng, rows);
}

void Plan::forward(const Work& work) {
  sparse_->read(work, input_->value);
  for (auto& stage : stages_) stage->forward(work);
}

void Plan::backward(const Work& work) {
  for (size_t i = stages_.size(); i-- > 0;) stages_[i]->backward(work);
}

int64_t Plan::scratch() const {
  int64_t most = 0;
  for (const auto& stage : stages_) most = std::max(most, stage->scratch());
  return most;
}

}  // namespace elbo::fused
