// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
// libjpeg's header needs FILE from <cstdio>.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>

#include "elbo/io/image.h"

namespace elbo {
namespace {

constexpr int kMaxScans = 500;                // a progressive file has about ten
constexpr uint64_t kMaxPixelsPerByte = 1024;  // a Huffman-coded block of 64 costs a bit at least

struct ErrorState {
  jpeg_error_mgr manager;  // first: libjpeg hands back a pointer to it
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

void on_error(j_common_ptr info) {
  auto* state = reinterpret_cast<ErrorState*>(info->err);
  info->err->format_message(info, state->message);
  std::longjmp(state->jump, 1);
}

/// Warnings mean damage, but for oddities that lose nothing.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  switch (info->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
    case JWRN_TOO_MUCH_DATA:
      return;
    default:
      on_error(info);
  }
}

void on_output(j_common_ptr) {}

void on_progress(j_common_ptr info) {
  auto* decoder = reinterpret_cast<j_decompress_ptr>(info);
  if (decoder->input_scan_number > kMaxScans) ERREXIT(info, JERR_BAD_PROGRESSION);
}

/// libjpeg's structures. Errors leave libjpeg by longjmp, so each method that calls setjmp holds no
/// object with a destructor, and returns false where an error came.
class JpegReader {
 public:
  JpegReader() {
    info_.err = jpeg_std_error(&state_.manager);
    state_.manager.error_exit = on_error;
    state_.manager.emit_message = on_message;
    state_.manager.output_message = on_output;
    progress_.progress_monitor = on_progress;
  }
  ~JpegReader() { jpeg_destroy_decompress(&info_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  const char* message() const { return state_.message; }

  bool read_header(std::span<const std::byte> bytes) {
    if (setjmp(state_.jump)) return false;
    jpeg_create_decompress(&info_);
    info_.progress = &progress_;
    jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_read_header(&info_, TRUE);
    info_.out_color_space = info_.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    width = info_.image_width;
    height = info_.image_height;
    components = info_.num_components;
    return true;
  }

  /// `out` has room for height * width * (1 or 3) bytes.
  bool read_pixels(uint8_t* out, size_t row_bytes) {
    if (setjmp(state_.jump)) return false;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = out + info_.output_scanline * row_bytes;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  uint64_t width = 0, height = 0;
  int components = 0;

 private:
  jpeg_decompress_struct info_{};
  jpeg_progress_mgr progress_{};
  ErrorState state_{};
};

[[noreturn]] void refuse(const JpegReader& reader, std::string_view where) {
  fail(Code::data, "{}: damaged JPEG: {}\nThe file is no whole JPEG; get it again.", where,
       reader.message());
}

}  // namespace

bool is_jpeg(std::span<const std::byte> head) { return as_text(head).starts_with("\xFF\xD8\xFF"); }

Array parse_jpeg(std::span<const std::byte> bytes, std::string_view where, int64_t max_pixels) {
  ELBO_CHECK(is_jpeg(bytes), Code::data, "{}: not a JPEG file: expected ff d8 ff at byte 0", where);
  JpegReader reader;
  if (!reader.read_header(bytes)) refuse(reader, where);
  uint64_t pixels = reader.width * reader.height;
  ELBO_CHECK(pixels <= static_cast<uint64_t>(max_pixels), Code::data,
             "{}: {} x {} pixels, more than the {} allowed", where, reader.width, reader.height,
             max_pixels);
  ELBO_CHECK(pixels <= bytes.size() * kMaxPixelsPerByte, Code::data,
             "{}: {} bytes cannot hold the {} x {} pixels claimed", where, bytes.size(),
             reader.width, reader.height);
  ELBO_CHECK(reader.components == 1 || reader.components == 3, Code::data,
             "{}: a JPEG of {} channels (CMYK?), expected 1 (grey) or 3 (colour)\n"
             "Convert it to RGB.",
             where, reader.components);
  int64_t channels = reader.components;
  Array out = make_array(DType::u8, {static_cast<int64_t>(reader.height),
                                     static_cast<int64_t>(reader.width), channels});
  size_t row_bytes = reader.width * static_cast<uint64_t>(channels);
  if (!reader.read_pixels(out.as<uint8_t>().data(), row_bytes)) refuse(reader, where);
  return out;
}

}  // namespace elbo
