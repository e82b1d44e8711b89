// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/recorded_steps.h"

namespace elbo {
namespace {

/// Each holds the memory of a whole step. Epochs of one batch size need two.
constexpr size_t kMostRecordings = 4;

/// A tensor that others of its shape can be copied into, as they change from step to step.
Tensor place_for(const Tensor& t, at::Device device) {
  return t.defined() ? at::empty_like(t, t.options().device(device)) : Tensor();
}

}  // namespace

struct RecordedSteps::Recording {
  Batch batch;
  Tensor weights, lr;
  NoiseTape tape;
  Found found;
  std::unique_ptr<StepGraph> graph;  // null until the shape comes again
};

RecordedSteps::RecordedSteps(Player& player, std::vector<Tensor> params, Optimizer& optimizer,
                             double clip, RecordGraph record)
    : player_(player),
      params_(std::move(params)),
      optimizer_(optimizer),
      clip_(clip),
      record_(std::move(record)) {}

RecordedSteps::~RecordedSteps() = default;

RecordedSteps::Shape RecordedSteps::shape_of(const Batch& batch) {
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

const RecordedSteps::Found& RecordedSteps::step(const Batch& batch, Rng& rng, const Tensor& weights,
                                                double lr) {
  auto it = recordings_.find(shape_of(batch));
  bool is_new = it == recordings_.end();
  if (!why_not_.empty() || (is_new && recordings_.size() == kMostRecordings)) {
    return step_anew(batch, rng, weights, lr);
  }
  if (is_new) {
    it = recordings_.emplace(shape_of(batch), std::make_unique<Recording>()).first;
    start(*it->second, batch, rng, weights, lr);
    return anew_;
  }
  Recording& r = *it->second;
  if (!r.graph) record(r, rng);
  if (!why_not_.empty()) return step_anew(batch, rng, weights, lr);
  Batch given = batch;
  for (size_t i = 0; i < given.tensors().size(); ++i) {
    if (Tensor& to = *r.batch.tensors()[i]; to.defined()) {
      to.copy_(*given.tensors()[i], /*non_blocking=*/true);
    }
  }
  r.weights.copy_(weights, /*non_blocking=*/true);
  r.lr.fill_(lr);
  r.tape.redraw(rng.step());
  r.graph->replay();
  // Steps of other shapes have left their own there.
  for (size_t i = 0; i < params_.size(); ++i) params_[i].mutable_grad() = r.found.of_params[i];
  return r.found;
}

/// Decides by tensors alone whether and how far the weights move.
RecordedSteps::Found RecordedSteps::find_and_move(const Batch& batch, Rng& rng,
                                                  const Tensor& weights, const Tensor& lr) {
  std::vector<Tensor> buffers = clones(player_.module().buffers());
  Found found{find_gradients(player_, params_, batch, rng, weights), std::move(buffers)};
  at::NoGradGuard no_grad;
  Tensor is_finite = found.numbers.narrow(0, 0, 2).isfinite().all();
  if (clip_ > 0) {
    Tensor factor = (clip_ / found.numbers[0]).clamp_max(1);
    factor = at::where(is_finite, factor, 1);  // what is bad stays as it is, to be found
    at::_foreach_mul_(found.of_params, factor.to(lr.scalar_type()));
  }
  optimizer_.step_by_operators(lr, is_finite.logical_not());
  return found;
}

const RecordedSteps::Found& RecordedSteps::step_anew(const Batch& batch, Rng& rng,
                                                     const Tensor& weights, double lr) {
  return anew_ = find_and_move(batch, rng, weights, at::full({}, lr, params_.at(0).options()));
}

/// The first step of a shape is an ordinary one, listened to by the tape.
void RecordedSteps::start(Recording& r, const Batch& batch, Rng& rng, const Tensor& weights,
                          double lr) {
  {
    NoiseTape::Use use(r.tape);
    step_anew(batch, rng, weights, lr);
  }
  if (!r.tape.can_redraw(rng)) return give_up("its random numbers cannot be drawn ahead");
  r.batch = batch;
  for (Tensor* t : r.batch.tensors()) *t = place_for(*t, weights.device());
  r.weights = place_for(weights, weights.device());
  r.lr = at::empty({}, params_.at(0).options());
}

void RecordedSteps::record(Recording& r, const Rng& rng) {
  try {
    r.graph = record_([this, &r, rng] {
      NoiseTape::Use use(r.tape);
      Rng own = rng;
      r.found = find_and_move(r.batch, own, r.weights, r.lr);
    });
    anew_ = {};
  } catch (const std::exception& e) {
    std::string message = e.what();
    give_up(message.substr(0, message.find('\n')));
  }
}

void RecordedSteps::give_up(const std::string& why) {
  why_not_ = why;
  recordings_.clear();
}

}  // namespace elbo
