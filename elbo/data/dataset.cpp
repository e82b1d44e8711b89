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
    if (!set.ids.empty()) ids_ = std::make_shared<const std::vector<std::string>>(set.ids);
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
  std::vector<std::string> ids(std::span<const int64_t> rows) const override {
    std::vector<std::string> out;
    for (int64_t row : rows) {
      if (ids_) out.push_back(ids_->at(static_cast<size_t>(row)));
    }
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
  std::shared_ptr<const std::vector<std::string>> ids_;  // null where the source has no names
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
    return base_->get_stored(mapped(rows));
  }
  std::vector<std::string> ids(std::span<const int64_t> rows) const override {
    return base_->ids(mapped(rows));
  }
  int64_t source_row(int64_t row) const override {
    return base_->source_row(rows_.at(static_cast<size_t>(row)));
  }
  DatasetPtr on(at::Device device, int64_t most_bytes) const override {
    DatasetPtr base = base_->on(device, most_bytes);
    return base ? subset(base, rows_) : nullptr;
  }

 private:
  std::vector<int64_t> mapped(std::span<const int64_t> rows) const {
    std::vector<int64_t> out;
    out.reserve(rows.size());
    for (int64_t row : rows) out.push_back(rows_.at(static_cast<size_t>(row)));
    return out;
  }

  DatasetPtr base_;
  std::vector<int64_t> rows_;
};

/// Batches of both in the order asked for.
class Joined : public Dataset {
 public:
  Joined(DatasetPtr first, DatasetPtr second)
      : first_(std::move(first)), second_(std::move(second)) {}
  int64_t size() const override { return first_->size() + second_->size(); }
  const Schema& schema() const override { return first_->schema(); }
  Batch get_stored(std::span<const int64_t> rows) const override {
    Shares shares = shared_out(rows);
    if (shares.of_second.empty()) return first_->get_stored(shares.of_first);
    if (shares.of_first.empty()) return second_->get_stored(shares.of_second);
    Batch a = first_->get_stored(shares.of_first), b = second_->get_stored(shares.of_second), out;
    if (a.mask.defined() != b.mask.defined()) {
      (a.mask.defined() ? b : a).mask = at::ones((a.mask.defined() ? b : a).x.sizes());
    }
    for (size_t i = 0; i < a.tensors().size(); ++i) {
      const Tensor &of_a = *a.tensors()[i], &of_b = *b.tensors()[i];
      if (!of_a.defined() || !of_b.defined()) continue;
      *out.tensors()[i] =
          at::cat({of_a, of_b}).index_select(0, at::tensor(shares.place, at::kLong));
    }
    return out;
  }
  std::vector<std::string> ids(std::span<const int64_t> rows) const override {
    Shares shares = shared_out(rows);
    std::vector<std::string> all = first_->ids(shares.of_first), b = second_->ids(shares.of_second),
                             out;
    all.insert(all.end(), b.begin(), b.end());
    if (all.size() < rows.size()) return {};
    for (int64_t place : shares.place) out.push_back(all[static_cast<size_t>(place)]);
    return out;
  }
  int64_t source_row(int64_t row) const override {
    return row < first_->size() ? first_->source_row(row)
                                : second_->source_row(row - first_->size());
  }

 private:
  /// The rows of each, and where each row asked for stands among the first's and then the second's.
  struct Shares {
    std::vector<int64_t> of_first, of_second, place;
  };
  Shares shared_out(std::span<const int64_t> rows) const {
    Shares out;
    for (int64_t row : rows) {
      bool is_first = row < first_->size();
      auto& share = is_first ? out.of_first : out.of_second;
      out.place.push_back(static_cast<int64_t>(share.size()));
      share.push_back(is_first ? row : row - first_->size());
    }
    for (size_t i = 0; i < rows.size(); ++i) {
      if (rows[i] >= first_->size()) out.place[i] += static_cast<int64_t>(out.of_first.size());
    }
    return out;
  }

  DatasetPtr first_, second_;
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

DatasetPtr joined(DatasetPtr first, DatasetPtr second) {
  return std::make_shared<Joined>(std::move(first), std::move(second));
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
