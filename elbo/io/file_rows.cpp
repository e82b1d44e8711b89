// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/file_rows.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "elbo/io/gzip.h"
#include "elbo/io/idx.h"

namespace elbo {
namespace {

constexpr size_t kBlock = size_t{1} << 22;  // bytes read at once where rows come in order

/// The bytes where each row is to stand, in the order of the rows in the file.
std::vector<std::pair<int64_t, std::byte*>> in_order(std::span<const int64_t> rows, std::byte* out,
                                                     size_t row_bytes) {
  std::vector<std::pair<int64_t, std::byte*>> places;
  places.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) places.emplace_back(rows[i], out + i * row_bytes);
  std::sort(places.begin(), places.end());
  return places;
}

}  // namespace

FileRows::FileRows(std::shared_ptr<const DiskFile> file, ArrayLayout layout, bool nan_is_missing,
                   std::optional<DType> numbers)
    : file_(std::move(file)),
      layout_(std::move(layout)),
      nan_is_missing_(nan_is_missing),
      type_is_open_(!numbers),
      numbers_(numbers.value_or(DType::f32)) {
  std::vector<int64_t> one = layout_.shape;
  if (!one.empty()) one[0] = std::min<int64_t>(one[0], 1);
  RawSet set;
  // A row of zeros will do: what rows become depends on their type and shape alone.
  kind_ = fill_examples(set, make_array(layout_.dtype, one), file_->name(), nan_is_missing_,
                        nullptr, {}, numbers_);
  x_ = {set.x.dtype, set.x.shape, {}};
  x_.shape[0] = layout_.shape[0];
  one[0] = 1;
  row_bytes_ =
      static_cast<size_t>(Array{layout_.dtype, one, {}}.size()) * dtype_size(layout_.dtype);
}

uint64_t FileRows::bytes() const { return static_cast<uint64_t>(x_.size()) * dtype_size(x_.dtype); }

RawSet FileRows::to_set(Array array, std::span<const int64_t> rows) const {
  if (layout_.big_endian) swap_bytes(array.data, dtype_size(array.dtype));
  RawSet out;
  fill_examples(out, std::move(array), file_->name(), nan_is_missing_, nullptr, rows, numbers_);
  if (has_mask_ && out.mask.empty()) {
    out.mask = make_array(DType::u8, out.x.shape);
    std::memset(out.mask.data.data(), 1, out.mask.data.size());
  }
  return out;
}

RawSet FileRows::read(std::span<const int64_t> rows) const {
  std::vector<int64_t> shape = layout_.shape;
  shape[0] = static_cast<int64_t>(rows.size());
  Array array = make_array(layout_.dtype, std::move(shape));
  auto places = in_order(rows, array.data.data(), row_bytes_);
  std::vector<std::span<std::byte>> pieces;
  for (size_t i = 0; i < places.size();) {  // one call for each run of neighbours in the file
    int64_t first = places[i].first, next = first;
    ELBO_CHECK(first >= 0 && places[i].first < x_.shape[0], Code::failure, "row {} of {}", first,
               x_.shape[0]);
    pieces.clear();
    for (; i < places.size() && places[i].first == next; ++i, ++next) {
      pieces.emplace_back(places[i].second, row_bytes_);
    }
    file_->read(layout_.offset + static_cast<uint64_t>(first) * row_bytes_, pieces);
  }
  return to_set(std::move(array), rows);
}

/// As many columns as x has; in the machine's byte order.
void FileRows::add_rows(PrecisionCheck& precision, const Array& array) const {
  if (kind_ != "table") return;
  auto columns = static_cast<size_t>(x_.shape[1]);
  if (!layout_.big_endian) return precision.add(array, columns);
  Array swapped = array;
  swap_bytes(swapped.data, dtype_size(swapped.dtype));
  precision.add(swapped, columns);
}

void FileRows::check(const std::function<void(std::span<const std::byte>)>& visit) {
  auto block = static_cast<int64_t>(std::max<size_t>(1, kBlock / std::max<size_t>(row_bytes_, 1)));
  std::vector<int64_t> rows;
  bool misses = false;
  PrecisionCheck precision;
  if (type_is_open_) numbers_ = DType::f64;
  for (int64_t begin = 0; begin < layout_.shape[0]; begin += block) {
    rows.resize(static_cast<size_t>(std::min(block, layout_.shape[0] - begin)));
    std::iota(rows.begin(), rows.end(), begin);
    std::vector<int64_t> shape = layout_.shape;
    shape[0] = static_cast<int64_t>(rows.size());
    Array array = make_array(layout_.dtype, std::move(shape));
    file_->read(layout_.offset + static_cast<uint64_t>(begin) * row_bytes_, array.data);
    visit(array.data);
    if (type_is_open_) add_rows(precision, array);
    RawSet set = to_set(std::move(array), rows);
    misses = !set.mask.empty() || misses;
    span_.add(set.x, set.mask);
  }
  has_mask_ = misses;
  if (!type_is_open_) return;
  numbers_ = precision.type();
  if (kind_ == "table") x_.dtype = numbers_;
}

namespace {

/// Looks at all rows once, and leaves them where they are.
void leave_on_disk(SourceFiles& files, const DiskFile& file, const ArrayLayout& layout,
                   std::shared_ptr<FileRows> rows, RawSet& set) {
  Sha256 hash;
  Bytes head(layout.offset);
  file.read(0, head);
  hash.add(head);
  rows->check([&](std::span<const std::byte> bytes) { hash.add(bytes); });
  files.add(Path(file.name()).filename().string(), hash.digits());
  set.x = rows->x();
  set.on_disk = std::move(rows);
}

}  // namespace

std::string read_examples(SourceFiles& files, const Path& path, const ArrayFormat& format,
                          RawSet& set, bool nan_is_missing, const ReadRequest& request,
                          std::vector<std::string>* notes) {
  std::string where = path.string();
  if (!request.image.empty()) notes = nullptr;  // the user has said what they are
  auto file = std::make_shared<const DiskFile>(path);
  Bytes head(static_cast<size_t>(std::min<uint64_t>(file->size(), kMaxArrayHeader)));
  file->read(0, head);
  if (!head.empty() && !is_gzip(head)) {
    ArrayLayout layout = format.layout(head, file->size(), where);
    if (!layout.fortran_order) shape_examples(layout.shape, request, where);
    auto rows = std::make_shared<FileRows>(file, layout, nan_is_missing);
    if (!layout.fortran_order && rows->bytes() > request.in_memory) {
      if (notes) note_shape(layout.dtype, layout.shape, *notes);
      leave_on_disk(files, *file, layout, rows, set);
      return rows->kind();
    }
  }
  Array array = format.parse(files.read(path), where);
  shape_examples(array.shape, request, where);
  return fill_examples(set, std::move(array), where, nan_is_missing, notes);
}

RowSpool::RowSpool(DType type, std::vector<int64_t> event, uint64_t in_memory, std::string where)
    : type_(type),
      event_(std::move(event)),
      in_memory_(in_memory),
      where_(std::move(where)),
      blocks_(1) {}

namespace {

template <class T>
void append_as(Bytes& out, std::span<const double> row) {
  size_t begin = out.size();
  out.resize(begin + row.size() * sizeof(T));
  for (size_t i = 0; i < row.size(); ++i) {
    auto value = static_cast<T>(row[i]);
    std::memcpy(out.data() + begin + i * sizeof(T), &value, sizeof(T));
  }
}

}  // namespace

void RowSpool::add(std::span<const double> row) {
  Bytes& block = blocks_.back();
  if (type_ == DType::u8) {
    append_as<uint8_t>(block, row);
  } else if (type_ == DType::f32) {
    append_as<float>(block, row);
  } else {
    append_as<double>(block, row);
  }
  gathered_ += row.size() * dtype_size(type_);
  ++rows_;
  if (!file_ && gathered_ > in_memory_) file_ = DiskFile::make_temporary();
  if (block.size() < kBlock) return;
  if (file_) put_away();
  blocks_.emplace_back().reserve(kBlock);
}

void RowSpool::put_away() {
  for (const Bytes& block : blocks_) file_->append(block);
  blocks_.clear();
}

void RowSpool::finish(RawSet& set) {
  std::vector<int64_t> shape = event_;
  shape.insert(shape.begin(), rows_);
  if (!file_) {
    Bytes all;
    all.reserve(gathered_);
    for (Bytes& block : blocks_) {
      all.insert(all.end(), block.begin(), block.end());
      block = {};
    }
    fill_examples(set, {type_, std::move(shape), std::move(all)}, where_, true, nullptr, {}, type_);
    return;
  }
  put_away();
  auto rows = std::make_shared<FileRows>(
      file_, ArrayLayout{type_, std::move(shape), 0, false, false}, true, type_);
  rows->check([](std::span<const std::byte>) {});
  set.x = rows->x();
  set.on_disk = std::move(rows);
}

TextSource text_of(std::shared_ptr<const DiskFile> file, std::string& fingerprint) {
  auto hash = std::make_shared<Sha256>();
  auto raw = [file, hash, &fingerprint, at = uint64_t{0}](std::span<std::byte> out) mutable {
    size_t n = static_cast<size_t>(std::min<uint64_t>(out.size(), file->size() - at));
    file->read(at, out.first(n));
    hash->add(out.first(n));
    at += n;
    if (n > 0 && at == file->size()) fingerprint = hash->digits();
    return n;
  };
  Bytes head(static_cast<size_t>(std::min<uint64_t>(file->size(), 2)));
  file->read(0, head);
  ByteSource bytes = raw;
  if (is_gzip(head)) bytes = gunzip(std::move(bytes), file->name());
  return [bytes](std::span<char> out) { return bytes(std::as_writable_bytes(out)); };
}

}  // namespace elbo
