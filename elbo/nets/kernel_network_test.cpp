// SPDX-License-Identifier: Apache-2.0
// The law of sequential/kernel_network.h: what kernels make of a network is what LibTorch's
// operators make of it.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cstdlib>

#include "elbo/nets/testing.h"
#include "elbo/tensor/mixed_precision.h"
#include "elbo/tensor/testing.h"
#include "elbo/tensor/threads.h"

namespace elbo {
namespace {

using testing::DrawNetwork;
using testing::error_of;
using testing::NetworkCase;

NetworkCase dense_case(uint64_t seed = 1) {
  NetworkCase c;
  c.seed = seed, c.rows = 9, c.context = {{61}, {2, 7}};
  c.part.options["sizes"] = Value::list<int64_t>({300, 50});
  return c;
}

NetworkCase image_case(uint64_t seed = 1) {
  NetworkCase c;
  c.seed = seed, c.rows = 9, c.context = {{2, 9, 11}, {5}};
  c.part = Part("conv");
  c.part.options["channels"] = Value::list<int64_t>({5, 6});
  return c;
}

Tensor run(Network& network, const Tensor& x, uint64_t seed = 1) {
  RowNoise noise(Rng(seed, "noise"), {}, x.size(0));
  return network.run(x, {}, noise);
}

/// What a network puts out for x, the gradients of a weighted sum of it for x and every parameter,
/// and the running statistics it leaves.
struct Found {
  std::vector<std::string> names;
  std::vector<Tensor> tensors;  // f64
};

Found find(Network& network, const Tensor& rows, at::ScalarType type) {
  network.to(type);
  Tensor x = rows.to(type).requires_grad_(true);
  Tensor y = run(network, x);
  Rng rng(3, "loss");
  Tensor weights = normal(rng, y.sizes());
  (y * weights.to(type)).sum().backward();
  Found out{{"output", "gradient of x"}, {y.detach(), x.grad()}};
  for (const auto& item : network.named_parameters()) {
    out.names.push_back("gradient of " + item.key());
    out.tensors.push_back(item.value().grad());
  }
  for (const auto& item : network.named_buffers()) {
    out.names.push_back(item.key());
    out.tensors.push_back(item.value().clone());
  }
  for (Tensor& t : out.tensors) t = t.to(at::kDouble);
  return out;
}

/// The largest distance of a tensor from the exact one, as a share of that one's norm; for small
/// ones of a twentieth of the largest's, and for those that are 0 but for rounding (a bias before
/// batch normalisation) of the largest's.
double distance(const Found& found, const Found& exact, std::string& where) {
  double largest = 0, worst = 0;
  for (const Tensor& t : exact.tensors) largest = std::max(largest, t.norm().item<double>());
  for (size_t i = 0; i < exact.tensors.size(); ++i) {
    double norm = exact.tensors[i].norm().item<double>();
    norm = norm < 1e-9 * largest ? largest : std::max(norm, 0.05 * largest);
    double off = (found.tensors[i] - exact.tensors[i]).norm().item<double>() / norm;
    if (!(off <= worst)) worst = off, where = exact.names[i];
  }
  return worst;
}

std::shared_ptr<Network> make(const NetworkCase& c, bool training) {
  auto out = c.make();
  out->train(training);
  return out;
}

/// Whether f32 can tell what the case's gradients are: they must not change by more than rounding
/// when the weights change by as much as rounding does. Where a sum lies at a kink of its
/// activation or a variance next to zero they do.
bool is_well_posed(const NetworkCase& c, bool training, const Found& exact) {
  constexpr double kRounding = 1e-6, kMost = 1e-5;
  std::string where;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    auto moved = make(c, training);
    moved->to(at::kDouble);
    Rng rng(seed, "moved");
    at::NoGradGuard no_grad;
    for (Tensor& p : moved->parameters()) {
      p.mul_(1 + kRounding * normal(rng, p.sizes(), at::kDouble));
    }
    at::AutoGradMode with_grad(true);
    if (distance(find(*moved, c.x(), at::kDouble), exact, where) > kMost) return false;
  }
  return true;
}

// How many cases: 500, or what ELBO_TEST_CASES says, with forced lower instruction sets too.
int64_t cases() {
  const char* asked = std::getenv("ELBO_TEST_CASES");
  return asked ? std::atoll(asked) : 500;
}

TEST(KernelNetwork, IsTheOperatorNetwork) {
  int64_t done = 0, ill_posed = 0;
  for (uint64_t seed = 1; done < cases() && !HasFailure(); ++seed) {
    NetworkCase c = DrawNetwork(seed)();
    bool training = seed % 4 != 0;
    SCOPED_TRACE(c.text());
    auto network = make(c, training), operators = make(c, training);
    ASSERT_EQ(network->why_not_kernels(), "");
    Found exact = find(*operators, c.x(), at::kDouble);
    if (!is_well_posed(c, training, exact)) {
      ++ill_posed;
      continue;
    }
    std::string where;
    EXPECT_LT(distance(find(*network, c.x(), at::kFloat), exact, where), 1e-5) << where;
    ++done;
  }
  EXPECT_LT(ill_posed, cases() / 2);
}

TEST(KernelNetwork, WithoutGradientPutsOutTheSame) {
  at::NoGradGuard no_grad;
  for (uint64_t seed = 1; seed <= 100 && !HasFailure(); ++seed) {
    NetworkCase c = DrawNetwork(seed)();
    SCOPED_TRACE(c.text());
    auto network = make(c, false), operators = make(c, false);
    operators->to(at::kDouble);
    Tensor exact = run(*operators, c.x().to(at::kDouble)), x = c.x();
    for (int i = 0; i < 2; ++i) {  // from 2,048 rows on weights are laid out in panels
      Tensor y = run(*network, x).narrow(0, 0, c.rows);
      EXPECT_LT((y - exact).norm().item<double>(), 1e-5 * exact.norm().item<double>());
      x = at::cat(std::vector<Tensor>(static_cast<size_t>(3000 / c.rows), x));
    }
  }
}

TEST(KernelNetwork, GradientIsTheSlopeByCentralDifferences) {
  for (NetworkCase c : {dense_case(), image_case()}) {
    c.part.options["activation"] = "tanh";
    auto network = make(c, true), exact = make(c, true);
    Found found = find(*network, c.x(), at::kFloat);
    exact->to(at::kDouble);
    at::NoGradGuard no_grad;
    Tensor x = c.x().to(at::kDouble);
    Rng rng(3, "loss"), pick(4, "pick");
    Tensor y = run(*exact, x), weights = normal(rng, y.sizes()).to(at::kDouble);
    std::vector<Tensor> inputs = exact->parameters();
    inputs.insert(inputs.begin(), x);
    for (size_t i = 0; i < inputs.size(); ++i) {
      Tensor flat = inputs[i].view({-1});
      for (int n = 0; n < 5; ++n) {
        auto at = static_cast<int64_t>(pick.below(static_cast<uint64_t>(flat.numel())));
        double h = 1e-5, middle = flat[at].item<double>(), value[2];
        for (int side : {0, 1}) {
          flat[at].fill_(middle + (side ? h : -h));
          value[side] = (run(*exact, x) * weights).sum().item<double>();
        }
        flat[at].fill_(middle);
        double slope = (value[1] - value[0]) / (2 * h);
        EXPECT_NEAR(found.tensors[i + 1].flatten()[at].item<double>(), slope,
                    1e-4 * (1 + std::abs(slope)))
            << found.names[i + 1] << " at " << at;
      }
    }
  }
}

TEST(KernelNetwork, PassesMayBeAliveAtOnce) {
  for (const NetworkCase& c : {dense_case(), image_case()}) {
    auto network = make(c, true);
    Tensor a = c.x().requires_grad_(true), b = (0.5 * c.x().flip(0)).requires_grad_(true);
    auto gradients = [&](const Tensor& loss) {
      std::vector<Tensor> of = network->parameters();
      of.insert(of.end(), {a, b});
      return torch::autograd::grad({loss}, of, {}, /*retain_graph=*/true, false, true);
    };
    auto loss = [&](const Tensor& x, uint64_t seed) {
      return run(*network, x, seed).square().sum();
    };
    auto of_a = gradients(loss(a, 1)), of_b = gradients(loss(b, 2));
    Tensor la = loss(a, 1), lb = loss(b, 2);
    for (bool b_first : {true, false}) {
      auto one = gradients(b_first ? lb : la), other = gradients(b_first ? la : lb);
      if (b_first) std::swap(one, other);
      for (size_t i = 0; i < one.size(); ++i) {
        for (auto [got, want] : {std::pair(one[i], of_a[i]), std::pair(other[i], of_b[i])}) {
          EXPECT_EQ(got.defined(), want.defined());
          EXPECT_TRUE(!want.defined() || at::equal(got, want)) << i;
        }
      }
    }
    auto both = gradients(la + lb);
    for (size_t i = 0; i + 2 < both.size(); ++i) {
      EXPECT_TRUE(at::allclose(both[i], of_a[i] + of_b[i], 1e-5, 1e-5));
    }
  }
}

TEST(KernelNetwork, LetsThroughACriticsGradientAlone) {
  NetworkCase c = image_case();
  std::swap(c.context.in, c.context.out);
  c.context = {{5}, {1, 2, 9, 11}, true};
  auto decoder = make(c, true);
  Tensor z = c.x().requires_grad_(true);
  auto gradient = [&](Network& network) {
    Tensor critic = run(network, z).tanh().sum();
    return torch::autograd::grad({critic}, {z})[0];
  };
  Tensor by_kernels = gradient(*decoder);
  for (const Tensor& p : decoder->parameters()) EXPECT_FALSE(p.grad().defined());
  ByOperators guard;
  EXPECT_EQ(decoder->why_not_kernels(), "operators are asked for");
  EXPECT_TRUE(at::allclose(by_kernels, gradient(*decoder), 1e-4, 1e-5));
  for (Tensor& p : decoder->parameters()) p.requires_grad_(false);
  EXPECT_TRUE(at::allclose(by_kernels, gradient(*decoder), 1e-4, 1e-5));
}

TEST(KernelNetwork, NumberOfWorkersChangesNoBit) {
  for (NetworkCase c : {dense_case(), image_case()}) {
    c.rows = 211, c.density = 0.1;
    c.part.options["norm"] = "batch", c.part.options["dropout"] = 0.2;
    auto found = [&](int n, bool training, bool mixed) {
      Workers workers(n);
      WithWorkers guard(workers);
      MixedPrecision in_bf16(mixed);
      auto network = make(c, training);
      Found out = find(*network, c.x(), at::kFloat);
      at::NoGradGuard no_grad;
      out.tensors.push_back(run(*network, c.x()));
      return out;
    };
    for (auto [training, mixed] :
         {std::pair(true, false), {false, false}, {true, true}, {false, true}}) {
      Found one = found(1, training, mixed);
      for (int n : {2, 3}) {
        Found more = found(n, training, mixed);
        for (size_t i = 0; i < one.tensors.size(); ++i) {
          EXPECT_TRUE(at::equal(more.tensors[i], one.tensors[i])) << n << " workers, " << i;
        }
      }
    }
  }
}

class KernelNetworkInBoth : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Precisions, KernelNetworkInBoth, ::testing::Bool(),
                         [](auto& i) { return i.param ? "bf16" : "f32"; });

TEST_P(KernelNetworkInBoth, ARowDoesNotKnowItsBatch) {
  at::NoGradGuard no_grad;
  MixedPrecision guard(GetParam());
  NetworkCase c = dense_case();
  c.rows = 3000, c.density = 0.1;
  auto network = make(c, false), other = make(c, false);  // the other sees few rows
  Tensor x = c.x(), y = run(*network, x);
  for (int64_t row : {0, 249, 250, 500, 2999}) {
    EXPECT_TRUE(at::equal(run(*other, x.narrow(0, row, 1))[0], y[row])) << row;
  }
}

TEST(KernelNetwork, SeesThatWeightsHaveChanged) {
  at::NoGradGuard no_grad;
  NetworkCase c = dense_case();
  c.rows = 2500;  // enough for panels
  auto network = make(c, false);
  Tensor before = run(*network, c.x());
  for (Tensor& p : network->parameters()) p.mul_(0.5);
  Tensor after = run(*network, c.x());
  ByOperators guard;
  EXPECT_TRUE(at::allclose(after, run(*network, c.x()), 1e-4, 1e-5));
  EXPECT_FALSE(at::allclose(before, after, 1e-2, 1e-2));
}

// By the optimizer, which writes to memory and counts the version up, by copies, and by other
// memory.
TEST_P(KernelNetworkInBoth, TrainsWithTheWeightsAsTheyAre) {
  MixedPrecision guard(GetParam());
  for (const NetworkCase& c : {dense_case(), image_case()}) {
    auto network = make(c, true), source = make(c, true);
    auto change = [&](int how) {
      at::NoGradGuard no_grad;
      for (Tensor& p : source->parameters()) p.mul_(0.9);
      auto from = source->parameters(), to = network->parameters();
      for (size_t i = 0; i < to.size(); ++i) {
        if (how == 0) {
          std::copy_n(from[i].data_ptr<float>(), to[i].numel(), to[i].data_ptr<float>());
          to[i].unsafeGetTensorImpl()->bump_version();
        } else if (how == 1) {
          to[i].copy_(from[i]);
        } else {
          to[i].set_data(from[i].clone());
        }
      }
    };
    for (int how : {0, 1, 2, 0, 2}) {
      auto fresh = make(c, true);
      change(how);
      at::NoGradGuard no_grad;
      auto from = source->parameters(), to = fresh->parameters();
      for (size_t i = 0; i < to.size(); ++i) to[i].copy_(from[i]);
      at::AutoGradMode with_grad(true);
      // With the gradient of x, of the weights alone, and with one of x that nobody asks for.
      for (auto [needs_x, of_x] : {std::pair(true, true), {false, false}, {true, false}}) {
        auto found = [&](Network& n) {
          Tensor x = c.x().requires_grad_(needs_x);
          std::vector<Tensor> of = n.parameters();
          if (of_x) of.push_back(x);
          Tensor y = run(n, x);
          auto out = torch::autograd::grad({y.square().sum()}, of);
          out.push_back(y.detach());
          return out;
        };
        auto got = found(*network), want = found(*fresh);
        for (size_t i = 0; i < want.size(); ++i) EXPECT_TRUE(at::equal(got[i], want[i])) << i;
      }
    }
  }
}

TEST(KernelNetwork, InBf16IsTheOperatorNetworkAsFarAsBf16Rounds) {
  for (NetworkCase c : {dense_case(), image_case()}) {
    c.part.options["activation"] = "tanh";
    auto network = make(c, true), operators = make(c, true);
    Found exact = find(*operators, c.x(), at::kDouble);
    MixedPrecision on(true);
    std::string where;
    double off = distance(find(*network, c.x(), at::kFloat), exact, where);
    EXPECT_LT(off, 0.03) << where;
    EXPECT_GT(off, 1e-4);
  }
}

TEST(KernelNetwork, RefusesWhatItCannotDifferentiate) {
  NetworkCase c = dense_case();
  auto network = make(c, true);
  Tensor x = c.x().requires_grad_(true);
  std::string twice = error_of([&] {
    torch::autograd::grad({run(*network, x).sum()}, {x}, {}, true, /*create_graph=*/true);
  });
  EXPECT_NE(twice.find("run the network ByOperators"), std::string::npos) << twice;
  Tensor y = run(*network, x).sum();
  {
    at::NoGradGuard no_grad;
    network->parameters()[0].add_(1);
  }
  std::string changed = error_of([&] { y.backward(); });
  EXPECT_NE(changed.find("changed between a pass and its gradient"), std::string::npos) << changed;
  std::string width = error_of([&] { run(*network, at::zeros({3, 60})); });
  EXPECT_NE(width.find("rows of 60 numbers given to a network that takes 61"), std::string::npos);
}

TEST(KernelNetwork, LeavesToOperatorsWhatItCannotRun) {
  auto network = make(dense_case(), true);
  EXPECT_EQ(network->why_not_kernels(), "");
  network->to(at::kDouble);
  EXPECT_EQ(network->why_not_kernels(), "it is not in f32 on the CPU");
  EXPECT_EQ(why_not_kernels(*network),
            "the network runs by LibTorch's operators: it is not in f32 "
            "on the CPU");
  EXPECT_EQ(run(*network, dense_case().x().to(at::kDouble)).scalar_type(), at::kDouble);
  network->to(at::kFloat);
  EXPECT_EQ(why_not_kernels(*network), "");
}

TEST(KernelNetwork, TakesItsMemoryAgain) {
  NetworkCase c = dense_case();
  auto network = make(c, true);
  Tensor x = c.x();
  auto step = [&] {
    for (Tensor& p : network->parameters()) p.mutable_grad().reset();
    Tensor y = run(*network, x);
    y.sum().backward();
    return std::pair(y.data_ptr(), network->parameters()[0].grad().data_ptr());
  };
  auto first = step();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(step(), first);
}

}  // namespace
}  // namespace elbo
