// SPDX-License-Identifier: Apache-2.0
#include "elbo/data/dataset.h"

#include <algorithm>
#include <numeric>

#include "elbo/io/file_rows.h"
#include "elbo/tensor/convert.h"

namespace elbo {
namespace {

/// Images [N, H, W] or [N, H, W, C] become [N, C, H, W].
Tensor channels_first(const Tensor& x) {
  if (x.dim() == 3) return x.unsqueeze(1);
  return x.size(3) == 1 ? x.permute({0, 3, 1, 2}) : x.permute({0, 3, 1, 2}).contiguous();
}

/// What a reader made of a file, in memory or left on disk.
class RawDataset : public Dataset {
 public:
  RawDataset(const RawSet& set, Schema schema)
      : schema_(std::move(schema)), on_disk_(set.on_disk), size_(set.x.rows()) {
    if (!on_disk_) x_ = as_event(set.x);
    if (!set.mask.empty()) mask_ = as_event(set.mask);
    if (!set.y.empty()) y_ = to_tensor(set.y);
  }
  int64_t size() const override { return size_; }
  const Schema& schema() const override { return schema_; }
  Batch get_stored(std::span<const int64_t> rows) const override {
    Batch out;
    out.index = at::empty({static_cast<int64_t>(rows.size())}, at::kLong);
    std::copy(rows.begin(), rows.end(), out.index.data_ptr<int64_t>());
    if (on_disk_) {
      RawSet set = on_disk_->read(rows);
      out.x = as_event(set.x);
      if (!set.mask.empty()) out.mask = as_event(set.mask).to(at::kFloat);
    } else {
      out.x = select(x_, out.index);
      if (mask_.defined()) out.mask = select(mask_, out.index).to(at::kFloat);
    }
    if (y_.defined()) out.y = select(y_, out.index);
    return out;
  }
  DatasetPtr on(at::Device device, int64_t most_bytes) const override {
    auto out = std::make_shared<RawDataset>(*this);
    size_t bytes = 0;
    for (Tensor* t : {&out->x_, &out->mask_, &out->y_}) bytes += t->defined() ? t->nbytes() : 0;
    if (on_disk_ || bytes > static_cast<size_t>(most_bytes)) return nullptr;
    for (Tensor* t : {&out->x_, &out->mask_, &out->y_}) {
      if (t->defined()) *t = t->to(device);
    }
    return out;
  }

 private:
  static Tensor select(const Tensor& t, const Tensor& index) {
    return t.index_select(0, index.to(t.device()));
  }
  /// As the schema shapes it: channels first.
  Tensor as_event(const Array& x) const {
    return schema_.kind == "image" ? channels_first(to_tensor(x)) : to_tensor(x);
  }

  Schema schema_;
  std::shared_ptr<const FileRows> on_disk_;
  int64_t size_;
  Tensor x_, mask_, y_;
};

class Subset : public Dataset {
 public:
  Subset(DatasetPtr base, std::vector<int64_t> rows)
      : base_(std::move(base)), rows_(std::move(rows)) {
    for (int64_t row : rows_) {
      ELBO_CHECK(row >= 0 && row < base_->size(), Code::usage, "row {} of a data set of {}", row,
                 base_->size());
    }
  }
  int64_t size() const override { return static_cast<int64_t>(rows_.size()); }
  const Schema& schema() const override { return base_->schema(); }
  Batch get_stored(std::span<const int64_t> rows) const override {
    std::vector<int64_t> mapped;
    mapped.reserve(rows.size());
    for (int64_t row : rows) mapped.push_back(rows_.at(static_cast<size_t>(row)));
    return base_->get_stored(mapped);
  }
  DatasetPtr on(at::Device device, int64_t most_bytes) const override {
    DatasetPtr base = base_->on(device, most_bytes);
    return base ? subset(base, rows_) : nullptr;
  }

 private:
  DatasetPtr base_;
  std::vector<int64_t> rows_;
};

}  // namespace

Batch Dataset::get(std::span<const int64_t> rows) const {
  Batch out = get_stored(rows);
  if (out.x.scalar_type() != at::kDouble) out.x = out.x.to(at::kFloat);
  return out;
}

DatasetPtr make_dataset(const RawSet& set, Schema schema) {
  return std::make_shared<RawDataset>(set, std::move(schema));
}

DatasetPtr subset(DatasetPtr base, std::vector<int64_t> rows) {
  return std::make_shared<Subset>(std::move(base), std::move(rows));
}

std::vector<int64_t> spaced_rows(int64_t size, int64_t n) {
  if (n <= 0 || n > size) n = size;
  std::vector<int64_t> rows(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) rows[static_cast<size_t>(i)] = i * size / n;
  return rows;
}

int64_t rows_at_once(const Schema& schema, int64_t wanted) {
  constexpr int64_t kElements = int64_t{1} << 23;
  return std::max<int64_t>(1, std::min(wanted, kElements / std::max<int64_t>(schema.size(), 1)));
}

void for_each_batch(const Dataset& data, int64_t batch, const std::function<void(Batch)>& visit) {
  std::vector<int64_t> rows;
  for (int64_t begin = 0; begin < data.size(); begin += batch) {
    rows.resize(static_cast<size_t>(std::min(batch, data.size() - begin)));
    std::iota(rows.begin(), rows.end(), begin);
    visit(data.get(rows));
  }
}

}  // namespace elbo
