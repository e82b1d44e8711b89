// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/gradients.h"

namespace elbo {
namespace {

/// Each holds the memory of a whole step. Epochs of one batch size need two.
constexpr size_t kMostRecordings = 4;

std::vector<Tensor> clones(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> out;
  for (const Tensor& t : tensors) out.push_back(t.clone());
  return out;
}

/// A tensor that others of its shape can be copied into, as they change from step to step.
Tensor place_for(const Tensor& t, at::Device device) {
  return t.defined() ? at::empty_like(t, t.options().device(device)) : Tensor();
}

}  // namespace

Gradients find_gradients(Player& player, std::vector<Tensor>& params, const Batch& batch, Rng rng,
                         const Tensor& weights) {
  Gradients out;
  out.buffers = clones(player.module().buffers());
  Loss loss = player.loss(batch, rng, weights);
  for (Tensor& p : params) p.mutable_grad().reset();
  loss.total.backward({}, std::nullopt, false, params);
  for (Tensor& p : params) {
    if (!p.grad().defined()) p.mutable_grad() = at::zeros_like(p);
    out.of_params.push_back(p.grad());
  }
  // In f32 LibTorch's sum of squares is off by a thousandth for some millions of elements.
  Tensor norm = at::stack(at::_foreach_norm(out.of_params, 2, at::kDouble)).norm();
  std::vector<Tensor> numbers = {norm, loss.total.detach().to(at::kDouble)};
  for (auto& [name, term] : loss.terms) {
    out.names.push_back(name);
    numbers.push_back(term.mean(at::kDouble));
  }
  out.numbers = at::stack(numbers);
  return out;
}

struct GradientGraphs::Recording {
  Batch batch;
  Tensor weights;
  NoiseTape tape;
  Gradients found;
  std::unique_ptr<StepGraph> graph;  // null until the shape comes again
};

GradientGraphs::GradientGraphs(Player& player, std::vector<Tensor> params, RecordGraph record)
    : player_(player), params_(std::move(params)), record_(std::move(record)) {}

GradientGraphs::~GradientGraphs() = default;

GradientGraphs::Shape GradientGraphs::shape_of(const Batch& batch) {
  Shape out;
  Batch b = batch;
  for (const Tensor* t : b.tensors()) {
    out.push_back(t->defined() ? t->dim() : -1);
    if (!t->defined()) continue;
    out.push_back(static_cast<int64_t>(t->scalar_type()));
    out.insert(out.end(), t->sizes().begin(), t->sizes().end());
  }
  return out;
}

const Gradients& GradientGraphs::find(const Batch& batch, const Rng& rng, const Tensor& weights) {
  auto it = recordings_.find(shape_of(batch));
  bool is_new = it == recordings_.end();
  if (!why_not_.empty() || (is_new && recordings_.size() == kMostRecordings)) {
    return find_anew(batch, rng, weights);
  }
  if (is_new) {
    it = recordings_.emplace(shape_of(batch), std::make_unique<Recording>()).first;
    start(*it->second, batch, rng, weights);
    return anew_;
  }
  Recording& r = *it->second;
  if (!r.graph) record(r, rng);
  if (!why_not_.empty()) return find_anew(batch, rng, weights);
  Batch given = batch;
  for (size_t i = 0; i < given.tensors().size(); ++i) {
    if (Tensor& to = *r.batch.tensors()[i]; to.defined()) {
      to.copy_(*given.tensors()[i], /*non_blocking=*/true);
    }
  }
  r.weights.copy_(weights, /*non_blocking=*/true);
  r.tape.redraw(rng.step());
  r.graph->replay();
  // Steps of other shapes have left their own there.
  for (size_t i = 0; i < params_.size(); ++i) params_[i].mutable_grad() = r.found.of_params[i];
  return r.found;
}

const Gradients& GradientGraphs::find_anew(const Batch& batch, const Rng& rng,
                                           const Tensor& weights) {
  return anew_ = find_gradients(player_, params_, batch, rng, weights);
}

/// The first step of a shape is an ordinary one, listened to by the tape.
void GradientGraphs::start(Recording& r, const Batch& batch, const Rng& rng,
                           const Tensor& weights) {
  {
    NoiseTape::Use use(r.tape);
    find_anew(batch, rng, weights);
  }
  if (!r.tape.can_redraw(rng.step())) return give_up("its random numbers cannot be drawn ahead");
  r.batch = batch;
  for (Tensor* t : r.batch.tensors()) *t = place_for(*t, weights.device());
  r.weights = place_for(weights, weights.device());
}

void GradientGraphs::record(Recording& r, const Rng& rng) {
  try {
    r.graph = record_([this, &r, rng] {
      NoiseTape::Use use(r.tape);
      r.found = find_gradients(player_, params_, r.batch, rng, r.weights);
    });
    anew_ = {};
  } catch (const std::exception& e) {
    std::string message = e.what();
    give_up(message.substr(0, message.find('\n')));
  }
}

void GradientGraphs::give_up(const std::string& why) {
  why_not_ = why;
  recordings_.clear();
}

}  // namespace elbo
