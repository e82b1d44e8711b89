// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/zip.h"

#include <algorithm>
#include <set>

#include "elbo/io/cursor.h"
#include "elbo/io/gzip.h"

namespace elbo {
namespace {

constexpr uint64_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr uint64_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr uint64_t kFull16 = 0xFFFF, kFull32 = 0xFFFFFFFF;
constexpr size_t kEndSize = 22, kLocatorSize = 20, kMaxComment = 65535;
constexpr uint64_t kStored = 0, kDeflated = 8;

struct Directory {
  uint64_t count, size, offset;
};

/// The end record stands at the very end, before a comment of a stated length.
size_t find_end(std::span<const std::byte> bytes, std::string_view where) {
  size_t last = bytes.size() < kEndSize ? 0 : bytes.size() - kEndSize + 1;
  for (size_t i = last; i-- > 0 && last - i <= kMaxComment + 1;) {
    Cursor in(bytes, where, i);
    if (in.little(4, "") != kEnd) continue;
    in.take(16, "");
    if (in.little(2, "") == in.left()) return i;
  }
  fail(Code::data,
       "{}: no zip end record in its last bytes\n"
       "The file is no zip, or was not copied whole; get it again.",
       where);
}

Directory read_end(std::span<const std::byte> bytes, std::string_view where) {
  size_t end = find_end(bytes, where);
  Cursor in(bytes, where, end + 4);
  uint64_t disk = in.little(2, "disk"), start_disk = in.little(2, "disk");
  uint64_t count_here = in.little(2, "count");
  Directory out{in.little(2, "count"), in.little(4, "size"), in.little(4, "offset")};
  bool is_64 = out.count == kFull16 || out.size == kFull32 || out.offset == kFull32;
  if (is_64 && end >= kLocatorSize) {
    Cursor locator(bytes, where, end - kLocatorSize);
    if (locator.little(4, "zip64 locator") == kLocator64) {
      locator.take(4, "zip64 locator");
      uint64_t at = locator.little(8, "zip64 locator");
      ELBO_CHECK(at < end, Code::data, "{}: zip64 end record claimed at byte {} of {}", where, at,
                 bytes.size());
      Cursor record(bytes, where, static_cast<size_t>(at));
      ELBO_CHECK(record.little(4, "zip64 end record") == kEnd64, Code::data,
                 "{}: no zip64 end record at byte {}", where, at);
      record.take(20, "zip64 end record");
      count_here = record.little(8, "count");
      out = {record.little(8, "count"), record.little(8, "size"), record.little(8, "offset")};
      end = static_cast<size_t>(at);
    }
  }
  ELBO_CHECK(disk == 0 && start_disk == 0 && count_here == out.count, Code::data,
             "{}: a zip in several parts; join them first", where);
  ELBO_CHECK(out.size <= end && out.offset == end - out.size, Code::data,
             "{}: zip directory claimed at bytes {} + {}, expected to end at byte {}", where,
             out.offset, out.size, end);
  return out;
}

/// Sizes and offset of 0xFFFFFFFF stand in the zip64 extra field, in this order.
void read_extra(std::span<const std::byte> extra, std::string_view where, ZipEntry& entry) {
  Cursor in(extra, where);
  while (in.left() >= 4) {
    uint64_t id = in.little(2, "extra field");
    auto body = in.take(in.little(2, "extra field"), "extra field");
    if (id != 1) continue;
    Cursor sizes(body, where);
    for (uint64_t* field : {&entry.size, &entry.packed_size, &entry.offset}) {
      if (*field == kFull32) *field = sizes.little(8, "zip64 size");
    }
  }
}

ZipEntry read_central(Cursor& in, const std::string& where) {
  ELBO_CHECK(in.little(4, "directory entry") == kCentral, Code::data,
             "{}: no zip directory entry at byte {}", where, in.at() - 4);
  in.take(4, "directory entry");
  uint64_t flags = in.little(2, "flags");
  ZipEntry out;
  out.method = in.little(2, "method");
  in.take(4, "date");
  out.crc = in.little(4, "CRC");
  out.packed_size = in.little(4, "size");
  out.size = in.little(4, "size");
  uint64_t name = in.little(2, "name length"), extra = in.little(2, "extra length");
  uint64_t comment = in.little(2, "comment length");
  in.take(8, "attributes");
  out.offset = in.little(4, "offset");
  out.name = as_text(in.take(name, "name"));
  read_extra(in.take(extra, "extra field"), where, out);
  in.take(comment, "comment");
  ELBO_CHECK((flags & 1) == 0, Code::data, "{}: entry '{}' is encrypted", where, out.name);
  ELBO_CHECK(out.method == kStored || out.method == kDeflated, Code::data,
             "{}: entry '{}' is packed by method {}, expected 0 (stored) or 8 (deflated)", where,
             out.name, out.method);
  bool possible = out.method == kStored ? out.size == out.packed_size
                                        : out.size / kMaxInflation <= out.packed_size;
  ELBO_CHECK(possible, Code::data, "{}: entry '{}' claims {} bytes from {} packed ones", where,
             out.name, out.size, out.packed_size);
  return out;
}

}  // namespace

ZipFile::ZipFile(std::span<const std::byte> bytes, std::string_view where, uint64_t max_bytes)
    : bytes_(bytes), where_(where) {
  read_directory(max_bytes);
  check_overlaps();
}

void ZipFile::read_directory(uint64_t max_bytes) {
  Directory directory = read_end(bytes_, where_);
  Cursor in(bytes_.first(static_cast<size_t>(directory.offset + directory.size)), where_,
            static_cast<size_t>(directory.offset));
  std::set<std::string> names;
  uint64_t total = 0;
  for (uint64_t i = 0; i < directory.count; ++i) {
    ZipEntry entry = read_central(in, where_);
    check_local_header(entry, directory.offset);
    ELBO_CHECK(names.insert(entry.name).second, Code::data, "{}: two entries named '{}'", where_,
               entry.name);
    total += entry.size;  // each is at most 1032 times the file's length
    ELBO_CHECK(total <= max_bytes, Code::data, "{}: holds more than the {} bytes allowed", where_,
               max_bytes);
    entries_.push_back(std::move(entry));
  }
  ELBO_CHECK(in.left() == 0, Code::data, "{}: {} bytes left over in the zip directory at byte {}",
             where_, in.left(), in.at());
}

void ZipFile::check_local_header(ZipEntry& entry, uint64_t directory) const {
  ELBO_CHECK(entry.offset < directory, Code::data,
             "{}: entry '{}' claimed at byte {}, beyond the zip directory at {}", where_,
             entry.name, entry.offset, directory);
  Cursor in(bytes_.first(static_cast<size_t>(directory)), where_,
            static_cast<size_t>(entry.offset));
  uint64_t signature = in.little(4, "local header");
  in.take(4, "local header");
  uint64_t method = in.little(2, "method");
  in.take(16, "local header");
  uint64_t name_length = in.little(2, "name length"), extra = in.little(2, "extra length");
  auto name = as_text(in.take(name_length, "name"));
  in.take(extra, "extra field");
  ELBO_CHECK(signature == kLocal && method == entry.method && name == entry.name, Code::data,
             "{}: the local header at byte {} is not that of entry '{}'", where_, entry.offset,
             entry.name);
  entry.offset = in.at();
  in.take(entry.packed_size, "the data of entry '" + entry.name + "'");
}

void ZipFile::check_overlaps() const {
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const ZipEntry& e : entries_) ranges.emplace_back(e.offset, e.offset + e.packed_size);
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) {
    ELBO_CHECK(ranges[i - 1].second < ranges[i].first, Code::data,
               "{}: two zip entries overlap at byte {}", where_, ranges[i].first);
  }
}

const ZipEntry* ZipFile::find(std::string_view name) const {
  auto it = std::find_if(entries_.begin(), entries_.end(), [&](auto& e) { return e.name == name; });
  return it == entries_.end() ? nullptr : &*it;
}

Bytes ZipFile::extract(const ZipEntry& entry) const {
  auto packed =
      bytes_.subspan(static_cast<size_t>(entry.offset), static_cast<size_t>(entry.packed_size));
  std::string name = fmt::format("{}: entry '{}'", where_, entry.name);
  Bytes out = entry.method == kStored ? Bytes(packed.begin(), packed.end())
                                      : inflate_raw(packed, entry.size, name);
  ELBO_CHECK(crc32(out) == entry.crc, Code::data,
             "{}: CRC-32 is {:08x}, expected {:08x}\n"
             "The file is damaged; get it again.",
             name, crc32(out), entry.crc);
  return out;
}

namespace {

void put(Bytes& out, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) out.push_back(static_cast<std::byte>(value >> 8 * i));
}

void put(Bytes& out, std::span<const std::byte> bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// What local and central headers share, from the version needed to the extra length.
void put_common(Bytes& out, std::string_view name, uint64_t crc, uint64_t size) {
  put(out, 20, 2);
  put(out, 0x800, 2);  // names are UTF-8
  put(out, kStored, 2);
  put(out, 0x00210000, 4);  // 1980-01-01 00:00
  put(out, crc, 4);
  put(out, size, 4);
  put(out, size, 4);
  put(out, name.size(), 2);
  put(out, 0, 2);
}

}  // namespace

Bytes encode_zip(const std::vector<std::pair<std::string, Bytes>>& files) {
  Bytes out, directory;
  for (const auto& [name, data] : files) {
    uint64_t offset = out.size(), crc = crc32(data);
    put(out, kLocal, 4);
    put_common(out, name, crc, data.size());
    put(out, as_bytes(name));
    put(out, data);
    put(directory, kCentral, 4);
    put(directory, 20, 2);
    put_common(directory, name, crc, data.size());
    put(directory, 0, 6);  // comment, disk, internal attributes
    put(directory, 0, 4);  // external attributes
    put(directory, offset, 4);
    put(directory, as_bytes(name));
    ELBO_CHECK(out.size() + directory.size() < kFull32 && name.size() < kFull16, Code::resource,
               "zip of more than 4 GiB at entry '{}'; write it as several files", name);
  }
  ELBO_CHECK(files.size() < kFull16, Code::resource, "zip of {} entries, at most 65,534 allowed",
             files.size());
  uint64_t offset = out.size();
  put(out, directory);
  put(out, kEnd, 4);
  put(out, 0, 4);
  put(out, files.size(), 2);
  put(out, files.size(), 2);
  put(out, directory.size(), 4);
  put(out, offset, 4);
  put(out, 0, 2);
  return out;
}

}  // namespace elbo
