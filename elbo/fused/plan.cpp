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
                   parts.elements, own_parameter(*parts.likelihood)) {}

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
    sparse_.reserve(rows);
    encoder_.reserve(rows);
    latent_.reserve(rows);
    decoder_.reserve(rows);
    observation_.reserve(rows);
  }
  input_.value = seen_.data_ptr<float>();
  observation_.observe(x_.data_ptr<float>(), mask_.defined() ? mask_.data_ptr<float>() : nullptr);
  encoder_.draw(rng, rows);
  latent_.draw(rng, rows);
  decoder_.draw(rng, rows);
}

void Plan::forward(const Work& work) {
  sparse_.read(work, input_.value);
  encoder_.forward(work);
  latent_.forward(work);
  decoder_.forward(work);
  observation_.forward(work);
}

void Plan::backward(const Work& work) {
  observation_.backward(work);
  decoder_.backward(work);
  latent_.backward(work);
  encoder_.backward(work);
}

void Plan::accept() {
  encoder_.accept();
  decoder_.accept();
}

double Plan::operations(int64_t rows) const {
  return encoder_.operations(rows) + decoder_.operations(rows);
}

int64_t Plan::scratch() const { return std::max(encoder_.scratch(), decoder_.scratch()); }

}  // namespace elbo::fused
