// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
// libjpeg's header needs FILE from <cstdio>.
#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>

#include "elbo/io/picture_maker.h"

namespace elbo {
namespace {

constexpr int kMaxScans = 500;                // a progressive file has about ten
constexpr uint64_t kMaxPixelsPerByte = 1024;  // a Huffman-coded block of 64 costs a bit at least
constexpr unsigned kMostReduced = 8;          // libjpeg halves a side up to three times

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
    jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);  // where EXIF stands
    jpeg_read_header(&info_, TRUE);
    components = info_.num_components;
    info_.out_color_space = components == 1 ? JCS_GRAYSCALE : components == 4 ? JCS_CMYK : JCS_RGB;
    width = info_.image_width;
    height = info_.image_height;
    has_many_scans = jpeg_has_multiple_scans(&info_);
    is_adobe = info_.saw_Adobe_marker;
    return true;
  }

  /// What the first APP1 segment of EXIF holds; empty where there is none.
  std::span<const std::byte> exif() const {
    constexpr std::string_view kExif("Exif\0\0", 6);
    for (auto* marker = info_.marker_list; marker; marker = marker->next) {
      std::span data(reinterpret_cast<const std::byte*>(marker->data), marker->data_length);
      bool is_exif = marker->marker == JPEG_APP0 + 1 && as_text(data).starts_with(kExif);
      if (is_exif) return data.subspan(kExif.size());
    }
    return {};
  }

  /// Begins to decode, each side reduced by that factor; sets width and height anew.
  bool start(unsigned reduced) {
    if (setjmp(state_.jump)) return false;
    info_.scale_num = 1;
    info_.scale_denom = reduced;
    jpeg_start_decompress(&info_);
    width = info_.output_width;
    height = info_.output_height;
    return true;
  }

  /// `row` has room for width * components bytes.
  bool read_row(uint8_t* row) {
    if (setjmp(state_.jump)) return false;
    JSAMPROW rows = row;
    jpeg_read_scanlines(&info_, &rows, 1);
    return true;
  }

  bool finish() {
    if (setjmp(state_.jump)) return false;
    jpeg_finish_decompress(&info_);
    return true;
  }

  uint64_t width = 0, height = 0;
  int components = 0;
  bool has_many_scans = false, is_adobe = false;

 private:
  jpeg_decompress_struct info_{};
  jpeg_progress_mgr progress_{};
  ErrorState state_{};
};

[[noreturn]] void refuse(const JpegReader& reader, std::string_view where) {
  fail(Code::data, "{}: damaged JPEG: {}\nThe file is no whole JPEG; get it again.", where,
       reader.message());
}

/// By how much libjpeg may reduce each side so that no less than the size asked for is left.
unsigned reduction(const JpegReader& reader, int orientation, const PictureOptions& options) {
  if (options.height == 0) return 1;
  bool sideways = orientation >= 5;
  auto height = static_cast<uint64_t>(sideways ? options.width : options.height);
  auto width = static_cast<uint64_t>(sideways ? options.height : options.width);
  unsigned out = kMostReduced;
  while (out > 1 && (reader.height / out < height || reader.width / out < width)) out /= 2;
  return out;
}

/// Inks to red, green and blue, in place: R = (1 - C) (1 - K) and likewise. Adobe's files hold
/// 1 - ink.
void to_rgb(std::span<uint8_t> row, bool is_adobe) {
  auto light = [&](uint8_t v) { return is_adobe ? unsigned{v} : 255u - v; };
  for (size_t i = 0, o = 0; i < row.size(); i += 4) {
    unsigned key = light(row[i + 3]);
    for (size_t c = 0; c < 3; ++c) {
      row[o++] = static_cast<uint8_t>((light(row[i + c]) * key + 127) / 255);
    }
  }
}

}  // namespace

bool is_jpeg(std::span<const std::byte> head) { return as_text(head).starts_with("\xFF\xD8\xFF"); }

Picture parse_jpeg(std::span<const std::byte> bytes, std::string_view where,
                   const PictureOptions& options) {
  ELBO_CHECK(is_jpeg(bytes), Code::data, "{}: not a JPEG file: expected ff d8 ff at byte 0", where);
  JpegReader reader;
  if (!reader.read_header(bytes)) refuse(reader, where);
  check_picture_size(where, reader.height, reader.width, !reader.has_many_scans, options);
  ELBO_CHECK(reader.width * reader.height <= bytes.size() * kMaxPixelsPerByte, Code::data,
             "{}: {} bytes cannot hold the {} x {} pixels claimed", where, bytes.size(),
             reader.width, reader.height);
  bool is_cmyk = reader.components == 4;
  ELBO_CHECK(reader.components == 1 || reader.components == 3 || is_cmyk, Code::data,
             "{}: a JPEG of {} channels, expected 1 (grey), 3 (colour) or 4 (inks)\n"
             "Convert it to RGB.",
             where, reader.components);
  int orientation = exif_orientation(reader.exif());
  if (!reader.start(reduction(reader, orientation, options))) refuse(reader, where);
  PictureMaker maker(DType::u8, static_cast<int64_t>(reader.height),
                     static_cast<int64_t>(reader.width), reader.components == 1 ? 1 : 3,
                     orientation, options);
  Bytes row(static_cast<size_t>(reader.width) * static_cast<size_t>(reader.components));
  std::span values(reinterpret_cast<uint8_t*>(row.data()), row.size());
  for (uint64_t y = 0; y < reader.height; ++y) {
    if (!reader.read_row(values.data())) refuse(reader, where);
    if (is_cmyk) to_rgb(values, reader.is_adobe);
    maker.add(std::span(row).first(is_cmyk ? row.size() / 4 * 3 : row.size()));
  }
  if (!reader.finish()) refuse(reader, where);
  Picture out = maker.finish();
  out.was_cmyk = is_cmyk;
  return out;
}

}  // namespace elbo
