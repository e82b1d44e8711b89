// SPDX-License-Identifier: Apache-2.0
#include "elbo/data/device_batches.h"

#include <gtest/gtest.h>

#include "elbo/tensor/convert.h"
#include "elbo/tensor/random.h"
#include "elbo/tensor/testing.h"

// The CPU stands for the device: what a batch holds does not depend on where it is made.
namespace elbo {
namespace {

/// 100 rows of grey values with a mask and classes, of which every third is left out.
DatasetPtr data() {
  Rng rng(1, "data");
  Tensor x = uniform(rng, {100, 6}), mask = (uniform(rng, {100, 6}) < 0.8).to(at::kByte);
  DatasetPtr all = make_dataset({to_array(x * mask), to_array(mask), to_array(at::arange(100))},
                                testing::table_schema(6));
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < 100; ++i) {
    if (i % 3 > 0) rows.push_back(i);
  }
  return subset(all, rows);
}

/// Counts how often rows are asked for.
class Counted : public Dataset {
 public:
  Counted(DatasetPtr base, int64_t& calls) : base_(std::move(base)), calls_(calls) {}
  int64_t size() const override { return base_->size(); }
  const Schema& schema() const override { return base_->schema(); }
  Batch get_stored(std::span<const int64_t> rows) const override {
    return ++calls_, base_->get_stored(rows);
  }
  DatasetPtr on(at::Device device, int64_t most) const override {
    DatasetPtr moved = base_->on(device, most);
    return moved ? std::make_shared<Counted>(moved, calls_) : nullptr;
  }

 private:
  DatasetPtr base_;
  int64_t& calls_;
};

void expect_equal(Batch a, Batch b) {
  for (size_t i = 0; i < a.tensors().size(); ++i) {
    ASSERT_EQ(a.tensors()[i]->defined(), b.tensors()[i]->defined()) << i;
    if (!a.tensors()[i]->defined()) continue;
    EXPECT_TRUE(at::equal(*a.tensors()[i], *b.tensors()[i])) << i;
  }
}

TEST(DeviceBatches, AreTheBatchesOfThePipeline) {
  int64_t calls = 0;
  Counted set(data(), calls);
  Pipeline pipeline({"min-max", "binarise", "corrupt"}, set.schema());
  pipeline.fit(set);
  auto batches = DeviceBatches::try_make(set, pipeline, at::kCPU);
  ASSERT_TRUE(batches);
  calls = 0;
  for (int64_t epoch : {0, 1}) {
    std::vector<int64_t> order = Rng(3, "order", uint64_t(epoch)).permutation(set.size());
    TransformNoise noise = TransformNoise::for_training(1, epoch);
    for (int64_t begin : {0, 3, 6, 9, 48, 51, 60, 63, 0}) {  // to the end, then back
      int64_t end = std::min<int64_t>(begin + 3, set.size());
      std::vector<int64_t> rows(order.begin() + begin, order.begin() + end);
      expect_equal(batches->get(order, begin, end, noise),
                   pipeline.apply(data()->get(rows), noise));
    }
  }
  EXPECT_EQ(calls, 2 * 3) << "from 0, from 48 and from 0 again in each epoch";
}

TEST(DeviceBatches, AreNotMadeOfWhatDoesNotFit) {
  DatasetPtr set = data();
  int64_t bytes = 100 * (6 * 4 + 6 + 8);  // of x, mask and y
  EXPECT_TRUE(set->on(at::kCPU, bytes));
  EXPECT_FALSE(set->on(at::kCPU, bytes - 1));
}

}  // namespace
}  // namespace elbo
