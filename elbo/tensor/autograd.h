// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/csrc/autograd/functions/utils.h>

#include <memory>
#include <type_traits>
#include <vector>

#include "elbo/tensor/torch.h"

namespace elbo {

/// Whether autograd is on and some tensor asks for a gradient; undefined ones do not.
inline bool needs_gradient(at::ArrayRef<Tensor> tensors) {
  if (!at::GradMode::is_enabled()) return false;
  for (const Tensor& t : tensors) {
    if (t.defined() && t.requires_grad()) return true;
  }
  return false;
}

/// LibTorch holds its nodes by std::shared_ptr or, in later versions, by c10::intrusive_ptr.
constexpr bool kNodesAreShared = std::is_same_v<decltype(torch::autograd::Edge::function),
                                                std::shared_ptr<torch::autograd::Node>>;
template <class Node>
using NodePtr =
    std::conditional_t<kNodesAreShared, std::shared_ptr<Node>, c10::intrusive_ptr<Node>>;

/// A fresh node of autograd of a class of our own, whose apply() is given the gradients of what
/// set_outputs names and returns those of `inputs`, in these orders.
template <class Node>
NodePtr<Node> make_node(const std::vector<Tensor>& inputs) {
  NodePtr<Node> out;
  if constexpr (kNodesAreShared) {
    out = NodePtr<Node>(new Node, [](Node* n) { deleteNode(n); });
  } else {
    out = c10::make_intrusive<Node>();
  }
  torch::autograd::edge_list edges;
  for (const Tensor& t : inputs) {
    edges.push_back(t.defined() ? torch::autograd::impl::gradient_edge(t)
                                : torch::autograd::Edge());
  }
  out->set_next_edges(std::move(edges));
  return out;
}

/// Makes node the one that outputs come from, which must not ask for a gradient yet.
template <class Node>
void set_outputs(const NodePtr<Node>& node, std::initializer_list<Tensor> outputs) {
  for (const Tensor& t : outputs) {
    torch::autograd::set_history(t, NodePtr<torch::autograd::Node>(node));
  }
}

}  // namespace elbo
