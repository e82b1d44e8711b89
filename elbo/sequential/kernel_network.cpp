// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/kernel_network.h"

#include <algorithm>
#include <mutex>

#include "elbo/core/error.h"
#include "elbo/kernels/products_cost.h"
#include "elbo/sequential/dense.h"
#include "elbo/sequential/stages.h"
#include "elbo/tensor/autograd.h"
#include "elbo/tensor/memory.h"
#include "elbo/tensor/profile.h"

namespace elbo::sequential {
namespace {

thread_local double operations = 0;

/// Whether kernels can read and write it in place.
bool is_plain(const Tensor& t) {
  return t.is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous();
}

int64_t width_of(const LayerSpec& first) {
  return first.conv ? first.conv->in * first.conv->in_height * first.conv->in_width
                    : first.weight.size(1);
}

/// What a tensor held when a pass read it.
struct Seen {
  explicit Seen(const Tensor& t) : tensor(t), version(t._version()) {}
  bool has_changed() const { return tensor._version() != version; }
  Tensor tensor;
  uint32_t version;
};

}  // namespace

double operations_done() { return operations; }

/// One pass with a way back, or in training without one.
struct KernelNetwork::Pass {
  Pass(const std::vector<LayerSpec>& layers, int64_t width, const PackedWeights& packed,
       const PassKind& k)
      : kind(k),
        in(width, k.has_input_gradient),
        zeros(width, most_nonzeros(k.precision)),
        stages(layers, in, &zeros, packed, k) {}

  void forward(const Tensor& x, const std::vector<Tensor>& parameters, RowNoise& noise,
               const Tensor& out) {
    rows = x.numel() / in.width;
    if (room < rows) {
      room = rows;
      if (stages.reads_zeros()) zeros.reserve(room);
      stages.reserve(room);
    }
    for (size_t i = 0; i < parameters.size(); ++i) {
      stages.parameters()[i] = {parameters[i].data_ptr<float>(), nullptr};
    }
    in.value = x.data_ptr<float>();
    stages.out().activated = out.data_ptr<float>();
    stages.draw(noise, rows);
    Work work = this->work();
    if (stages.reads_zeros() && zeros.has_room()) {
      profiled([] { return "zeros of the input"; }, Direction::forward,
               [&] { zeros.read(work, in.value); });
    }
    stages.forward(work);
  }

  Work work() {
    workers().reserve(stages.scratch());
    return {workers(), rows};
  }

  PassKind kind;
  Signal in;
  SparseInput zeros;
  Stages stages;
  int64_t rows = 0, room = 0;  // and as many as there is room for
};

/// What is not in use at the moment, and what all passes share. Outlives the network where a node
/// still does.
struct KernelNetwork::Passes {
  explicit Passes(const std::vector<LayerSpec>& layers);
  ~Passes();

  template <class T, class Fits, class Make>
  std::unique_ptr<T> take(std::vector<std::unique_ptr<T>>& from, Fits fits, Make make) {
    {
      std::lock_guard lock(mutex);
      for (size_t i = from.size(); i-- > 0;) {
        if (!fits(*from[i])) continue;
        std::unique_ptr<T> out = std::move(from[i]);
        from.erase(from.begin() + static_cast<std::ptrdiff_t>(i));
        return out;
      }
    }
    return make();
  }
  template <class T>
  void give_back(std::vector<std::unique_ptr<T>>& to, std::unique_ptr<T> one) {
    std::lock_guard lock(mutex);
    to.push_back(std::move(one));
  }

  PackedWeights packed;
  std::mutex mutex;
  std::vector<std::unique_ptr<Pass>> passes;
  std::vector<std::unique_ptr<Inference>> inferences;
};

/// Forwards alone: every worker runs all layers for rows of its own.
struct KernelNetwork::Inference {
  struct Member {
    /// In bf16 zeros are multiplied: where they are skipped is f32, and how many of them a member's
    /// rows have depends on the number of members.
    Member(const std::vector<LayerSpec>& layers, int64_t width, Precision precision,
           const PackedWeights& packed, const std::vector<Tensor>& panels)
        : in(width, false),
          zeros(width, most_nonzeros(Precision::f32)),
          stages(layers, in, precision == Precision::f32 ? &zeros : nullptr, packed,
                 PassKind{.precision = precision}, panels) {}
    Signal in;
    SparseInput zeros;
    Stages stages;
    Workers alone{1};
    int64_t room = 0;  // rows
  };

  /// of must outlive every run.
  Inference(const KernelNetwork& of, Precision p) : network(of), precision(p) {}

  void run(const Tensor& x, const Tensor& out) {
    const int64_t width = network.in_width_, rows = x.numel() / width;
    prepare(rows);
    const int64_t height = reserve(rows);
    const float* from = x.data_ptr<float>();
    float* to = out.data_ptr<float>();
    int64_t out_width = members[0]->stages.out().width;
    workers().team().each(ceil_div(rows, height), [&](int member, int64_t turn) {
      Member& m = *members[static_cast<size_t>(member)];
      int64_t first = turn * height;
      Work work(m.alone, std::min(height, rows - first));
      m.in.value = from + first * width;
      m.stages.out().activated = to + first * out_width;
      if (m.stages.reads_zeros()) m.zeros.read(work, m.in.value);
      m.stages.forward(work);
    });
  }

  /// Makes the members, again with the weights in panels once so many rows have come that laying
  /// them out costs little beside what it saves.
  void prepare(int64_t rows) {
    constexpr int64_t kPanelsAfter = 2048;
    bool is_stale = std::any_of(seen.begin(), seen.end(), [](auto& s) { return s.has_changed(); });
    if (seen.empty() || is_stale) {
      seen.clear();
      for (const Tensor& p : network.parameters_) seen.emplace_back(p);
      panels.clear(), rows_seen = 0;
      members.clear();
    }
    rows_seen += rows;
    if (rows_seen >= kPanelsAfter && panels.empty() && precision == Precision::f32) {
      for (const LayerSpec& l : network.layers_) {
        panels.push_back(l.conv ? Tensor() : in_panels(l.weight.detach()));
      }
      members.clear();
    }
    while (std::ssize(members) < workers().team().size()) {
      members.push_back(std::make_unique<Member>(network.layers_, network.in_width_, precision,
                                                 network.passes_->packed, panels));
    }
    for (auto& m : members) bind(*m);
  }

  /// Tells a member where the parameters are, and the panels instead of weights.
  void bind(Member& m) const {
    const std::vector<LayerSpec>& layers = network.layers_;
    auto& to = m.stages.parameters();
    for (size_t i = 0; i < to.size(); ++i) to[i].value = network.parameters_[i].data_ptr<float>();
    for (size_t layer = 0, i = 0; layer < layers.size(); i += layers[layer++].norm ? 4 : 2) {
      if (layer < panels.size() && panels[layer].defined()) {
        to[i].value = panels[layer].data_ptr<float>();
      }
    }
  }

  /// Makes room for what a member takes in a turn of so many rows in all, and says how many rows
  /// that is: enough that packing weights costs little beside using them, few enough that what a
  /// layer puts out stays in the cache.
  int64_t reserve(int64_t rows) {
    constexpr int64_t kMostRows = 256, kMostFloats = 1 << 20;
    if (rows == 0) return 1;
    auto count = static_cast<int64_t>(members.size());
    int64_t most = std::clamp<int64_t>(kMostFloats / members[0]->stages.row_size(), 1, kMostRows);
    int64_t height = ceil_div(rows, ceil_div(rows, most * count) * count);
    for (auto& m : members) {
      if (height <= m->room) continue;
      m->room = height;
      if (m->stages.reads_zeros()) m->zeros.reserve(height);
      m->stages.reserve(height);
      m->alone.reserve(m->stages.scratch());
    }
    return height;
  }

  const KernelNetwork& network;
  Precision precision;
  std::vector<Seen> seen;      // the parameters that the panels are made of
  std::vector<Tensor> panels;  // of each layer, or none
  int64_t rows_seen = 0;
  std::vector<std::unique_ptr<Member>> members;
};

KernelNetwork::Passes::Passes(const std::vector<LayerSpec>& layers)
    : packed(packed_weights_of(layers)) {}

KernelNetwork::Passes::~Passes() = default;

/// Its inputs are x and the parameters.
struct KernelNetwork::Node : torch::autograd::Node {
  ~Node() override { release_variables(); }
  std::string name() const override { return "KernelNetworkBackward"; }

  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    ELBO_CHECK(
        !at::GradMode::is_enabled(), Code::usage,
        "the kernels' gradients cannot be differentiated again: run the network ByOperators");
    ELBO_CHECK(pass, Code::failure, "a pass's gradient was taken twice without retain_graph");
    for (const Seen& s : seen) {
      ELBO_CHECK(!s.has_changed(), Code::failure,
                 "a network's input or parameters changed between a pass and its gradient");
    }
    torch::autograd::variable_list out(seen.size());
    if (!gradients[0].defined()) return out;
    Tensor given = gradients[0].contiguous();
    const Tensor& x = seen[0].tensor;
    pass->in.has_gradient = pass->kind.has_input_gradient && task_should_compute_output(0);
    if (pass->in.has_gradient) {
      out[0] = reused_empty(x.sizes());
      pass->in.gradient = out[0].data_ptr<float>();
    }
    for (size_t i = 1; i < seen.size(); ++i) {
      bool is_wanted = task_should_compute_output(i);
      if (is_wanted) out[i] = reused_empty(seen[i].tensor.sizes());
      pass->stages.parameters()[i - 1].gradient = is_wanted ? out[i].data_ptr<float>() : nullptr;
    }
    pass->stages.out().gradient = given.data_ptr<float>();
    pass->stages.backward(pass->work());
    operations += pass->stages.operations(pass->rows);
    return out;
  }

  void release_variables() override {
    seen.clear();
    if (pass) passes->give_back(passes->passes, std::move(pass));
  }

  std::vector<Seen> seen;  // x, parameters
  std::unique_ptr<Pass> pass;
  std::shared_ptr<Passes> passes;
};

KernelNetwork::KernelNetwork(std::vector<LayerSpec> layers, int64_t in_rank,
                             std::vector<int64_t> out_shape)
    : layers_(std::move(layers)),
      parameters_(parameters_of(layers_)),
      out_shape_(std::move(out_shape)),
      in_rank_(in_rank),
      in_width_(layers_.empty() ? 0 : width_of(layers_[0])),
      why_not_stages_(why_not_stages(layers_)),
      passes_(std::make_shared<Passes>(layers_)) {}

KernelNetwork::~KernelNetwork() = default;

std::string KernelNetwork::why_not() const {
  if (!why_not_stages_.empty()) return why_not_stages_;
  bool is_fit = std::all_of(parameters_.begin(), parameters_.end(), is_plain);
  return is_fit ? "" : "it is not in f32 on the CPU";
}

std::vector<int64_t> KernelNetwork::shape_of_output(const Tensor& x) const {
  std::vector<int64_t> out(x.sizes().begin(), x.sizes().end() - in_rank_);
  out.insert(out.end(), out_shape_.begin(), out_shape_.end());
  return out;
}

Tensor KernelNetwork::run(const Tensor& given, RowNoise& noise, bool is_training,
                          Precision precision) {
  Tensor x = given.contiguous();
  int64_t width = 1;
  for (int64_t d = std::max<int64_t>(0, x.dim() - in_rank_); d < x.dim(); ++d) width *= x.size(d);
  ELBO_CHECK(width == in_width_ && x.dim() > in_rank_ && is_plain(x), Code::usage,
             "rows of {} numbers given to a network that takes {}, in f32 on the CPU", width,
             in_width_);
  bool has_gradient = needs_gradient({x}) || needs_gradient(parameters_);
  if (!has_gradient && !is_training) return infer(x, precision);
  PassKind kind{has_gradient, has_gradient && x.requires_grad(), is_training, precision};
  std::unique_ptr<Pass> pass = passes_->take(
      passes_->passes, [&](const Pass& p) { return p.kind == kind; },
      [&] { return std::make_unique<Pass>(layers_, in_width_, passes_->packed, kind); });
  Tensor out = reused_empty(shape_of_output(x));
  pass->forward(x, parameters_, noise, out);
  if (!has_gradient) return passes_->give_back(passes_->passes, std::move(pass)), out;
  std::vector<Tensor> inputs = {x};
  inputs.insert(inputs.end(), parameters_.begin(), parameters_.end());
  auto node = make_node<Node>(inputs);
  for (const Tensor& t : inputs) node->seen.emplace_back(t);
  node->pass = std::move(pass);
  node->passes = passes_;
  set_outputs<Node>(node, {out});
  return out;
}

Tensor KernelNetwork::infer(const Tensor& x, Precision precision) {
  std::unique_ptr<Inference> inference = passes_->take(
      passes_->inferences, [&](const Inference& i) { return i.precision == precision; },
      [&] { return std::make_unique<Inference>(*this, precision); });
  Tensor out = reused_empty(shape_of_output(x));
  inference->run(x, out);
  passes_->give_back(passes_->inferences, std::move(inference));
  return out;
}

}  // namespace elbo::sequential
