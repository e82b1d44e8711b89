// SPDX-License-Identifier: Apache-2.0
#include <png.h>
#include <zlib.h>

#include <bit>
#include <cstdio>
#include <cstring>

#include "elbo/io/cursor.h"
#include "elbo/io/gzip.h"
#include "elbo/io/picture_maker.h"

namespace elbo {
namespace {

struct Source {
  std::span<const std::byte> bytes;
  size_t at = 0;
  char message[160] = "";
};

void on_read(png_structp png, png_bytep out, size_t size) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (size > source->bytes.size() - source->at) png_error(png, "the file ends early");
  std::memcpy(out, source->bytes.data() + source->at, size);
  source->at += size;
}

void on_error(png_structp png, png_const_charp message) {
  auto* source = static_cast<Source*>(png_get_error_ptr(png));
  std::snprintf(source->message, sizeof source->message, "%s", message);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

/// libpng's structures. Errors leave libpng by longjmp, so each method that calls setjmp holds no
/// object with a destructor, and returns false where an error came.
class PngReader {
 public:
  explicit PngReader(Source& source) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, on_error, on_warning);
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (info_) png_set_read_fn(png_, &source, on_read);
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  bool is_made() const { return info_ != nullptr; }

  bool read_header() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_user_limits(png_, 1u << 24, 1u << 24);
    png_set_chunk_cache_max(png_, 64);
    png_set_chunk_malloc_max(png_, 1u << 20);
    // What says nothing of pixels is not looked at: libpng takes as much memory as EXIF claims.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    width = png_get_image_width(png_, info_);
    height = png_get_image_height(png_, info_);
    packed_row_bytes = png_get_rowbytes(png_, info_);
    is_interlaced = png_get_interlace_type(png_, info_) != PNG_INTERLACE_NONE;
    png_set_expand(png_);  // palettes, 1, 2 and 4 bits, transparent colours
    if (std::endian::native == std::endian::little) png_set_swap(png_);  // of 16 bits
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    channels = png_get_channels(png_, info_);
    depth = png_get_bit_depth(png_, info_);
    row_bytes = png_get_rowbytes(png_, info_);
    return true;
  }

  bool read_row(png_bytep row) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_read_row(png_, row, nullptr);
    return true;
  }

  /// For interlaced pictures, whose rows are whole after several passes only.
  bool read_image(png_bytep* rows) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_read_image(png_, rows);
    return true;
  }

  bool read_end() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_read_end(png_, nullptr);
    return true;
  }

  uint64_t width = 0, height = 0, packed_row_bytes = 0, row_bytes = 0;
  size_t channels = 0;
  int depth = 8;
  bool is_interlaced = false;

 private:
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

[[noreturn]] void refuse(const Source& source, std::string_view where) {
  fail(Code::data, "{}: damaged PNG at byte {}: {}\nThe file is no whole PNG; get it again.", where,
       source.at, source.message);
}

/// What the first chunk of that name holds; empty where there is none.
std::span<const std::byte> find_chunk(std::span<const std::byte> bytes, std::string_view name) {
  constexpr size_t kSignature = 8, kAround = 12;  // length and name before, CRC after
  for (size_t at = kSignature; bytes.size() - at >= kAround;) {
    Cursor in(bytes, "", at);
    uint64_t length = in.big(4, "chunk");
    if (length > bytes.size() - at - kAround) break;
    if (as_text(in.take(4, "chunk")) == name) return in.take(length, "chunk");
    at += static_cast<size_t>(length) + kAround;
  }
  return {};
}

void read_rows(PngReader& reader, const Source& source, std::string_view where,
               PictureMaker& maker) {
  Bytes row(static_cast<size_t>(reader.row_bytes));
  for (uint64_t y = 0; y < reader.height; ++y) {
    if (!reader.read_row(reinterpret_cast<png_bytep>(row.data()))) refuse(source, where);
    maker.add(row);
  }
}

void read_interlaced(PngReader& reader, const Source& source, std::string_view where,
                     PictureMaker& maker) {
  Bytes all(static_cast<size_t>(reader.row_bytes * reader.height));
  std::vector<png_bytep> rows;
  for (size_t y = 0; y < reader.height; ++y) {
    rows.push_back(reinterpret_cast<png_bytep>(all.data() + y * reader.row_bytes));
  }
  if (!reader.read_image(rows.data())) refuse(source, where);
  for (size_t y = 0; y < reader.height; ++y) {
    maker.add(std::span(all).subspan(y * reader.row_bytes, reader.row_bytes));
  }
}

}  // namespace

bool is_png(std::span<const std::byte> head) {
  return as_text(head).starts_with(std::string_view("\x89PNG\r\n\x1A\n", 8));
}

Picture parse_png(std::span<const std::byte> bytes, std::string_view where,
                  const PictureOptions& options) {
  ELBO_CHECK(is_png(bytes), Code::data, "{}: not a PNG file: expected \\x89PNG at byte 0", where);
  Source source{.bytes = bytes};
  PngReader reader(source);
  ELBO_CHECK(reader.is_made(), Code::resource, "out of memory for libpng");
  if (!reader.read_header()) refuse(source, where);
  check_picture_size(where, reader.height, reader.width, !reader.is_interlaced, options);
  ELBO_CHECK(reader.packed_row_bytes * reader.height <= bytes.size() * kMaxInflation, Code::data,
             "{}: {} bytes cannot hold the {} x {} pixels claimed", where, bytes.size(),
             reader.width, reader.height);
  DType dtype = reader.depth == 16 ? DType::u16 : DType::u8;
  ELBO_CHECK(reader.row_bytes == reader.width * reader.channels * dtype_size(dtype), Code::data,
             "{}: a PNG whose rows are neither 8 nor 16 bits a channel", where);
  PictureMaker maker(dtype, static_cast<int64_t>(reader.height), static_cast<int64_t>(reader.width),
                     static_cast<int64_t>(reader.channels),
                     exif_orientation(find_chunk(bytes, "eXIf")), options);
  (reader.is_interlaced ? read_interlaced : read_rows)(reader, source, where, maker);
  if (!reader.read_end()) refuse(source, where);
  return maker.finish();
}

Bytes encode_png(const Array& image) {
  bool valid = image.dtype == DType::u8 && image.shape.size() == 3 && !image.data.empty() &&
               (image.shape[2] == 1 || image.shape[2] == 3);
  ELBO_CHECK(valid, Code::usage, "cannot write {} {} as PNG, expected u8 [H, W, 1] or [H, W, 3]",
             dtype_name(image.dtype), shape_text(image.shape));
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.height = static_cast<png_uint_32>(image.shape[0]);
  png.width = static_cast<png_uint_32>(image.shape[1]);
  png.format = image.shape[2] == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
  Bytes out(size);
  bool done = png_image_write_to_memory(&png, out.data(), &size, 0, image.data.data(), 0, nullptr);
  ELBO_CHECK(done, Code::resource, "cannot write a PNG: {}", png.message);
  out.resize(size);
  return out;
}

namespace {

void append_big_endian(Bytes& out, uint32_t value) {
  for (int shift : {24, 16, 8, 0}) out.push_back(std::byte(value >> shift & 0xFF));
}

}  // namespace

Bytes encode_png(const Array& image, std::string_view keyword, std::string_view text) {
  constexpr size_t kBeforeChunks = 8 + 25;  // the signature and IHDR
  ELBO_CHECK(!keyword.empty() && keyword.size() < 80, Code::usage,
             "a tEXt keyword has 1 to 79 letters, got {}", keyword.size());
  std::string named = "tEXt" + std::string(keyword) + '\0' + std::string(text);
  Bytes chunk;
  append_big_endian(chunk, static_cast<uint32_t>(named.size() - 4));
  chunk.insert(chunk.end(), as_bytes(named).begin(), as_bytes(named).end());
  append_big_endian(chunk, crc32(as_bytes(named)));
  Bytes out = encode_png(image);
  out.insert(out.begin() + kBeforeChunks, chunk.begin(), chunk.end());
  return out;
}

}  // namespace elbo
