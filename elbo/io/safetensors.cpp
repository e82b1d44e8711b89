// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/safetensors.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <optional>

#include "elbo/core/value.h"

namespace elbo {
namespace {

constexpr uint64_t kLengthBytes = 8;  // the header's length, little-endian
constexpr uint64_t kMaxHeader = uint64_t{16} << 20;
constexpr size_t kMaxTensors = 100000;
constexpr size_t kMaxDimensions = 64;
constexpr std::string_view kMetadata = "__metadata__";

constexpr DType kDTypes[] = {DType::boolean, DType::u8,  DType::i8,  DType::u16, DType::i16,
                             DType::u32,     DType::i32, DType::u64, DType::i64, DType::f16,
                             DType::bf16,    DType::f32, DType::f64};

std::string file_name_of(DType dtype) {
  std::string out = dtype_name(dtype);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

/// A name from the file as it may be printed: escaped, and cut when it is long.
std::string shown(std::string_view name) {
  constexpr size_t kLongest = 80;
  std::string quoted = to_json(Value(std::string(name.substr(0, kLongest))));
  return name.size() <= kLongest ? quoted : quoted + "...";
}

/// One tensor as the header describes it; [begin, end) counts from the first byte after the header.
struct Entry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;
};

/// Reads the header of one file; holds what every message needs.
class HeaderReader {
 public:
  HeaderReader(std::string_view where, Code code, uint64_t data_size)
      : where_(where), code_(code), data_size_(data_size) {}

  std::map<std::string, std::string> metadata(const Value& header) const {
    std::map<std::string, std::string> out;
    const Value* table = header.find(kMetadata);
    if (!table) return out;
    ELBO_CHECK(table->is_table(), code_, "{}: {} is {}; expected a table of texts", where_,
               kMetadata, table->kind());
    for (const auto& [key, text] : table->as_table()) {
      ELBO_CHECK(text.is_string(), code_, "{}: {}: {} is {}; expected text", where_, kMetadata,
                 shown(key), text.kind());
      out[key] = text.as_string();
    }
    return out;
  }

  Entry entry(const std::string& name, const Value& value) const {
    std::string at = fmt::format("{}: tensor {}", where_, shown(name));
    ELBO_CHECK(value.is_table(), code_, "{}: {}; expected a table", at, value.kind());
    for (const auto& [key, unused] : value.as_table()) {
      ELBO_CHECK(key == "dtype" || key == "shape" || key == "data_offsets", code_,
                 "{}: unknown key {}; expected dtype, shape and data_offsets", at, shown(key));
    }
    Entry out{name, dtype(value, at), integers(value, "shape", at), 0, 0};
    ELBO_CHECK(out.shape.size() <= kMaxDimensions, code_, "{}: {} dimensions; at most {} are read",
               at, out.shape.size(), kMaxDimensions);
    std::vector<int64_t> offsets = integers(value, "data_offsets", at);
    ELBO_CHECK(offsets.size() == 2, code_, "{}: data_offsets has {} numbers; expected 2", at,
               offsets.size());
    out.begin = static_cast<uint64_t>(offsets[0]);
    out.end = static_cast<uint64_t>(offsets[1]);
    check_extent(out, at);
    return out;
  }

  void check_contiguous(const std::vector<Entry>& entries) const {
    ELBO_CHECK(entries.size() <= kMaxTensors, code_, "{}: {} tensors; at most {} are read", where_,
               entries.size(), kMaxTensors);
    uint64_t next = 0;
    for (const Entry& entry : entries) {
      ELBO_CHECK(entry.begin == next, code_, "{}: tensor {} {} at data byte {}; expected byte {}",
                 where_, shown(entry.name),
                 entry.begin < next ? "overlaps the one before" : "leaves a hole before it",
                 entry.begin, next);
      next = entry.end;
    }
    ELBO_CHECK(next == data_size_, code_, "{}: {} bytes after the last tensor", where_,
               data_size_ - next);
  }

 private:
  const Value& get(const Value& table, std::string_view key, std::string_view at) const {
    const Value* found = table.find(key);
    ELBO_CHECK(found, code_, "{}: has no {}", at, key);
    return *found;
  }

  DType dtype(const Value& table, std::string_view at) const {
    const Value& value = get(table, "dtype", at);
    ELBO_CHECK(value.is_string(), code_, "{}: dtype is {}; expected text", at, value.kind());
    for (DType d : kDTypes) {
      if (value.as_string() == file_name_of(d)) return d;
    }
    std::vector<std::string> known;
    for (DType d : kDTypes) known.push_back(file_name_of(d));
    fail(code_, "{}: dtype {}; known: {}", at, shown(value.as_string()), fmt::join(known, " "));
  }

  std::vector<int64_t> integers(const Value& table, std::string_view key,
                                std::string_view at) const {
    const Value& value = get(table, key, at);
    ELBO_CHECK(value.is_list(), code_, "{}: {} is {}; expected a list", at, key, value.kind());
    std::vector<int64_t> out;
    for (const Value& item : value.as_list()) {
      ELBO_CHECK(item.is_integer() && item.as_integer() >= 0, code_,
                 "{}: {}[{}] is not a whole number from 0 to 2^63-1", at, key, out.size());
      out.push_back(item.as_integer());
    }
    return out;
  }

  void check_extent(const Entry& entry, std::string_view at) const {
    ELBO_CHECK(entry.begin <= entry.end && entry.end <= data_size_, code_,
               "{}: data_offsets [{}, {}] do not lie in the {} bytes of data", at, entry.begin,
               entry.end, data_size_);
    uint64_t bytes = dtype_size(entry.dtype);
    bool fits = true;
    for (int64_t d : entry.shape) {
      fits = fits && !__builtin_mul_overflow(bytes, static_cast<uint64_t>(d), &bytes);
    }
    ELBO_CHECK(fits, code_, "{}: shape {} is too large", at, shape_text(entry.shape));
    ELBO_CHECK(bytes == entry.end - entry.begin, code_,
               "{}: {} {} takes {} bytes, its data_offsets hold {}", at, file_name_of(entry.dtype),
               shape_text(entry.shape), bytes, entry.end - entry.begin);
  }

  std::string_view where_;
  Code code_;
  uint64_t data_size_;
};

/// The header's text, between the length and the data.
std::string_view header_text(std::string_view file, std::string_view where, Code code) {
  ELBO_CHECK(file.size() >= kLengthBytes, code,
             "{}: {} bytes; a safetensors file starts with an 8-byte length", where, file.size());
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof(length));
  ELBO_CHECK(length <= kMaxHeader, code, "{}: byte 0: a header of {} bytes; at most {} are read",
             where, length, kMaxHeader);
  ELBO_CHECK(length <= file.size() - kLengthBytes, code,
             "{}: byte 0: a header of {} bytes in a file of {}", where, length, file.size());
  std::string_view text = file.substr(kLengthBytes, length);
  ELBO_CHECK(text.starts_with('{'), code, "{}: byte 8: the header does not start with '{{'", where);
  size_t last = text.find_last_not_of(' ');
  ELBO_CHECK(text[last] == '}', code, "{}: byte {}: the header does not end with '}}' and spaces",
             where, kLengthBytes + last);
  return text;
}

/// The tensors of a header in the order of their data, which they fill without holes.
std::vector<Entry> read_entries(const Value& header, const HeaderReader& reader) {
  std::vector<Entry> out;
  for (const auto& [name, value] : header.as_table()) {
    if (name != kMetadata) out.push_back(reader.entry(name, value));
  }
  std::stable_sort(out.begin(), out.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  reader.check_contiguous(out);
  return out;
}

Array read_tensor(const Entry& entry, std::span<const std::byte> data, std::string_view where,
                  Code code) {
  auto bytes = data.subspan(entry.begin, entry.end - entry.begin);
  if (entry.dtype == DType::boolean) {
    auto bad =
        std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return b > std::byte{1}; });
    ELBO_CHECK(bad == bytes.end(), code, "{}: tensor {}: element {} is {}; a BOOL is 0 or 1", where,
               shown(entry.name), bad - bytes.begin(), static_cast<int>(*bad));
  }
  return Array{entry.dtype, entry.shape, Bytes(bytes.begin(), bytes.end())};
}

}  // namespace

TensorFile parse_safetensors(std::span<const std::byte> bytes, std::string_view where, Code code) {
  std::string_view text = header_text(as_text(bytes), where, code);
  auto data = bytes.subspan(kLengthBytes + text.size());
  Value header = parse_json(text, fmt::format("{}: header", where), code);
  HeaderReader reader(where, code, data.size());
  TensorFile out{{}, reader.metadata(header)};
  for (const Entry& entry : read_entries(header, reader)) {
    out.tensors.emplace_back(entry.name, read_tensor(entry, data, where, code));
  }
  return out;
}

Bytes encode_safetensors(const TensorFile& file) {
  Value::Table entries;
  if (!file.metadata.empty()) {
    entries.emplace_back(kMetadata, Value::Table(file.metadata.begin(), file.metadata.end()));
  }
  uint64_t end = 0;
  for (const auto& [name, array] : file.tensors) {
    ELBO_CHECK(name != kMetadata, Code::failure, "a tensor may not be called {}", kMetadata);
    auto begin = static_cast<int64_t>(end);
    end += array.data.size();
    Value entry;
    entry["dtype"] = file_name_of(array.dtype);
    entry["shape"] = Value::list(array.shape);
    entry["data_offsets"] = Value::list<int64_t>({begin, static_cast<int64_t>(end)});
    entries.emplace_back(name, std::move(entry));
  }
  Value header(std::move(entries));
  std::string text = to_json(header);
  // What is written must read back: the reader's own checks catch duplicates and wrong sizes.
  ELBO_CHECK(parse_json(text, "safetensors header", Code::failure) == header, Code::failure,
             "names and metadata of tensors must be UTF-8");
  text.resize((text.size() + 7) / 8 * 8, ' ');
  uint64_t length = text.size();
  ELBO_CHECK(length <= kMaxHeader, Code::failure, "a header of {} bytes; at most {} are read",
             length, kMaxHeader);
  read_entries(header, HeaderReader("safetensors", Code::failure, end));

  Bytes out(kLengthBytes + length + end);
  std::byte* to = out.data();
  auto append = [&to](const void* from, size_t size) {
    if (size > 0) std::memcpy(to, from, size);
    to += size;
  };
  append(&length, sizeof(length));
  append(text.data(), text.size());
  for (const auto& [name, array] : file.tensors) append(array.data.data(), array.data.size());
  return out;
}

}  // namespace elbo
