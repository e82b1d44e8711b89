// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <memory>

namespace elbo {
namespace {

constexpr int kGzip = 15 + 16, kRaw = -15;  // zlib's windowBits
constexpr size_t kChunk = size_t{1} << 20;

Bytef* pointer(const std::byte* p) { return reinterpret_cast<Bytef*>(const_cast<std::byte*>(p)); }

uInt at_most(size_t n) { return static_cast<uInt>(std::min<size_t>(n, size_t{1} << 30)); }

/// zlib's stream of one input, freed on the way out.
class Inflater {
 public:
  Inflater(std::span<const std::byte> bytes, int window) : bytes_(bytes) {
    ELBO_CHECK(inflateInit2(&stream_, window) == Z_OK, Code::resource, "out of memory for zlib");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  size_t at() const { return at_; }
  std::span<const std::byte> rest() const { return bytes_.subspan(at_); }
  const char* message() const { return stream_.msg ? stream_.msg : "damaged data"; }
  void reset() { inflateReset(&stream_); }

  /// Appends up to `room` bytes to `out` and returns zlib's status.
  int step(Bytes& out, size_t room) {
    size_t before = out.size();
    out.resize(before + room);
    stream_.next_in = pointer(bytes_.data() + at_);
    stream_.avail_in = at_most(bytes_.size() - at_);
    stream_.next_out = pointer(out.data() + before);
    stream_.avail_out = at_most(room);
    uInt given = stream_.avail_in, asked = stream_.avail_out;
    int status = inflate(&stream_, Z_NO_FLUSH);
    at_ += given - stream_.avail_in;
    out.resize(before + (asked - stream_.avail_out));
    return status;
  }

 private:
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
  z_stream stream_{};
};

/// The length that the last four bytes claim, where it is possible; only a hint.
size_t claimed_size(std::span<const std::byte> bytes, uint64_t max_bytes) {
  if (bytes.size() < 18) return 0;
  uint64_t size = 0;
  for (size_t i = 1; i <= 4; ++i) {
    size = size << 8 | std::to_integer<uint64_t>(bytes[bytes.size() - i]);
  }
  return static_cast<size_t>(std::min({size, bytes.size() * kMaxInflation, max_bytes}));
}

/// `at`: the byte of the input where zlib stands.
void check_status(int status, size_t at, const char* message, std::string_view where,
                  bool progress) {
  ELBO_CHECK(status != Z_MEM_ERROR, Code::resource, "{}: out of memory while inflating", where);
  bool truncated = (status == Z_OK || status == Z_BUF_ERROR) && !progress;
  ELBO_CHECK(!truncated, Code::data,
             "{}: compressed data end at byte {} before their own end mark\n"
             "The file is damaged or was not copied whole; get it again.",
             where, at);
  ELBO_CHECK(status == Z_OK || status == Z_BUF_ERROR || status == Z_STREAM_END, Code::data,
             "{}: damaged compressed data at byte {}: {}\n"
             "The file is damaged or was not copied whole; get it again.",
             where, at, message);
}

}  // namespace

bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B};
}

Bytes gunzip(std::span<const std::byte> bytes, std::string_view where, uint64_t max_bytes) {
  ELBO_CHECK(is_gzip(bytes), Code::data, "{}: not a gzip file: expected 1f 8b at byte 0", where);
  Inflater stream(bytes, kGzip);
  Bytes out;
  out.reserve(claimed_size(bytes, max_bytes) + 1);
  while (true) {
    size_t before = out.size(), read = stream.at();
    // One byte more than allowed is asked for, to tell "exactly full" from "more to come".
    size_t room = static_cast<size_t>(std::min<uint64_t>(kChunk, max_bytes + 1 - before));
    if (out.capacity() > before) room = std::min(room, out.capacity() - before);
    int status = stream.step(out, room);
    check_status(status, stream.at(), stream.message(), where,
                 out.size() > before || stream.at() > read);
    ELBO_CHECK(out.size() <= max_bytes, Code::data,
               "{}: inflates to more than the {} bytes allowed", where, max_bytes);
    if (status != Z_STREAM_END) continue;
    if (stream.rest().empty()) return out;
    ELBO_CHECK(is_gzip(stream.rest()), Code::data,
               "{}: {} bytes that are no gzip member after the end of the compressed data at byte "
               "{}",
               where, stream.rest().size(), stream.at());
    stream.reset();
  }
}

namespace {

/// Inflates what a source gives, member after member.
class GzipSource {
 public:
  GzipSource(ByteSource compressed, std::string_view where)
      : compressed_(std::move(compressed)), where_(where), input_(kChunk) {
    ELBO_CHECK(inflateInit2(&stream_, kGzip) == Z_OK, Code::resource, "out of memory for zlib");
  }
  ~GzipSource() { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  size_t read(std::span<std::byte> out) {
    size_t done = 0;
    while (done < out.size() && !is_over_) done += step(out.subspan(done));
    return done;
  }

 private:
  size_t step(std::span<std::byte> out) {
    if (stream_.avail_in == 0) {
      size_t n = compressed_(input_);
      stream_.next_in = pointer(input_.data());
      stream_.avail_in = static_cast<uInt>(n);
    }
    stream_.next_out = pointer(out.data());
    stream_.avail_out = at_most(out.size());
    uInt given = stream_.avail_in, asked = stream_.avail_out;
    int status = inflate(&stream_, Z_NO_FLUSH);
    size_t read = given - stream_.avail_in, written = asked - stream_.avail_out;
    at_ += read;
    check_status(status, at_, stream_.msg ? stream_.msg : "damaged data", where_,
                 read > 0 || written > 0);
    if (status == Z_STREAM_END) begin_member();
    return written;
  }

  /// Nothing, or another member, follows on the end of one.
  void begin_member() {
    Bytes rest(pointer_to_rest(), pointer_to_rest() + stream_.avail_in);
    size_t kept = rest.size();
    rest.resize(kChunk);
    rest.resize(kept + compressed_(std::span(rest).subspan(kept)));
    is_over_ = rest.empty();
    ELBO_CHECK(is_over_ || is_gzip(rest), Code::data,
               "{}: bytes that are no gzip member after the end of the compressed data at byte {}",
               where_, at_);
    input_ = std::move(rest);
    stream_.next_in = pointer(input_.data());
    stream_.avail_in = static_cast<uInt>(input_.size());
    inflateReset(&stream_);
  }

  const std::byte* pointer_to_rest() const {
    return reinterpret_cast<const std::byte*>(stream_.next_in);
  }

  ByteSource compressed_;
  std::string where_;
  Bytes input_;
  size_t at_ = 0;
  bool is_over_ = false;
  z_stream stream_{};
};

}  // namespace

ByteSource gunzip(ByteSource compressed, std::string_view where) {
  auto source = std::make_shared<GzipSource>(std::move(compressed), where);
  return [source](std::span<std::byte> out) { return source->read(out); };
}

Bytes gunzip_head(std::span<const std::byte> head, size_t max_bytes) {
  Bytes out;
  if (!is_gzip(head)) return out;
  Inflater stream(head, kGzip);
  while (out.size() < max_bytes) {
    size_t before = out.size();
    int status = stream.step(out, max_bytes - before);
    if (status != Z_OK || out.size() == before) break;
  }
  return out;
}

Bytes inflate_raw(std::span<const std::byte> bytes, uint64_t size, std::string_view where) {
  ELBO_CHECK(size <= bytes.size() * kMaxInflation, Code::data,
             "{}: {} compressed bytes cannot hold the {} bytes claimed", where, bytes.size(), size);
  Inflater stream(bytes, kRaw);
  Bytes out;
  out.reserve(static_cast<size_t>(size) + 1);
  while (true) {
    size_t before = out.size(), read = stream.at();
    int status = stream.step(out, std::min<size_t>(kChunk, static_cast<size_t>(size) + 1 - before));
    check_status(status, stream.at(), stream.message(), where,
                 out.size() > before || stream.at() > read);
    ELBO_CHECK(out.size() <= size, Code::data, "{}: inflates to more than the {} bytes claimed",
               where, size);
    if (status == Z_STREAM_END) break;
  }
  ELBO_CHECK(out.size() == size && stream.rest().empty(), Code::data,
             "{}: inflates to {} bytes with {} left over, expected {} and none", where, out.size(),
             stream.rest().size(), size);
  return out;
}

Bytes gzip(std::span<const std::byte> bytes) {
  z_stream stream{};
  ELBO_CHECK(deflateInit2(&stream, 6, Z_DEFLATED, kGzip, 8, Z_DEFAULT_STRATEGY) == Z_OK,
             Code::resource, "out of memory for zlib");
  Bytes out;
  size_t at = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    size_t before = out.size();
    out.resize(before + kChunk);
    stream.next_in = pointer(bytes.data() + at);
    stream.avail_in = at_most(bytes.size() - at);
    stream.next_out = pointer(out.data() + before);
    stream.avail_out = kChunk;
    uInt given = stream.avail_in;
    status = deflate(&stream, at + given == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
    at += given - stream.avail_in;
    out.resize(before + (kChunk - stream.avail_out));
  }
  deflateEnd(&stream);
  ELBO_CHECK(status == Z_STREAM_END, Code::resource, "zlib could not compress");
  return out;
}

uint32_t crc32(std::span<const std::byte> bytes) {
  return static_cast<uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace elbo
