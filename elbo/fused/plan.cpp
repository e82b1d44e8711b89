// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/plan.h"

#include <algorithm>

namespace elbo::fused {

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

Tensor rows_of(const Tensor& t, int64_t rows, int64_t elements) {
  ELBO_CHECK(t.numel() == rows * elements, Code::usage,
             "{} examples of {} elements given where {} of {} are expected", t.size(0),
             t.numel() / std::max<int64_t>(1, t.size(0)), rows, elements);
  return t.contiguous();
}

Plan::Plan(const VaeParts& parts, Precision precision)
    : input_(parts.elements, false),
      z_(parts.latent, true),
      sparse_(input_.width),
      encoder_(*parts.encoder, input_, &sparse_, Way::both, precision),
      latent_(*posterior_kernels(parts.posterior, isa()), encoder_.out(), z_),
      decoder_(*parts.decoder, z_, nullptr, Way::both, precision),
      observation_(*likelihood_kernels(parts.likelihood->kernel(), isa()), decoder_.out(),
                   parts.elements, own_parameter(*parts.likelihood)) {
  for (const auto& stage : encoder_.stages()) stages_.push_back(stage.get());
  stages_.push_back(&latent_);
  for (const auto& stage : decoder_.stages()) stages_.push_back(stage.get());
  stages_.push_back(&observation_);
}

/// A scale that is fixed is no parameter of the module.
Parameter Plan::own_parameter(const Likelihood& likelihood) {
  Tensor own = likelihood.own_parameter();
  if (!own.defined()) return {};
  if (own.requires_grad()) return parameter_of(own, Way::both);
  fixed_own_ = own.item<float>();
  return {&fixed_own_, nullptr};
}

void Plan::prepare(const Batch& batch, Rng& rng) {
  int64_t rows = batch.size(), elements = input_.width;
  x_ = rows_of(batch.x, rows, elements);
  seen_ = rows_of(batch.encoder_input(), rows, elements);
  mask_ = batch.mask.defined() ? rows_of(batch.mask, rows, elements) : Tensor();
  if (rows > room_) {
    room_ = rows;
    if (encoder_.reads_zeros()) sparse_.reserve(rows);
    for (Stage* stage : stages_) stage->reserve(rows);
  }
  input_.value = seen_.data_ptr<float>();
  observation_.observe(x_.data_ptr<float>(), mask_.defined() ? mask_.data_ptr<float>() : nullptr);
  for (Stage* stage : stages_) stage->draw(rng, rows);
}

void Plan::forward(const Work& work) {
  read_input(work);
  for (Stage* stage : stages_) stage->forward(work);
}

void Plan::backward(const Work& work) {
  for (size_t i = stages_.size(); i-- > 0;) stages_[i]->backward(work);
}

void Plan::accept() {
  for (Stage* stage : stages_) stage->accept();
}

double Plan::operations(int64_t rows) const {
  double sum = 0;
  for (const Stage* stage : stages_) sum += stage->operations(rows);
  return sum;
}

int64_t Plan::scratch() const {
  int64_t most = 0;
  for (const Stage* stage : stages_) most = std::max(most, stage->scratch());
  return most;
}

}  // namespace elbo::fused
