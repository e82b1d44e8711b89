// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/npy.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "elbo/io/cursor.h"
#include "elbo/io/idx.h"
#include "elbo/io/zip.h"

namespace elbo {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxHeader = 65536, kMaxDimensions = 32;  // NumPy's own limit on dimensions

constexpr struct {
  std::string_view code;
  DType dtype;
} kTypes[] = {{"b1", DType::boolean}, {"u1", DType::u8},  {"i1", DType::i8},  {"u2", DType::u16},
              {"i2", DType::i16},     {"u4", DType::u32}, {"i4", DType::i32}, {"u8", DType::u64},
              {"i8", DType::i64},     {"f2", DType::f16}, {"f4", DType::f32}, {"f8", DType::f64}};

/// Reads the header's Python literal, a dictionary of exactly three keys.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view where, size_t offset)
      : text_(text), where_(where), offset_(offset) {}

  ArrayLayout parse() {
    expect('{');
    while (!accept('}')) {
      std::string key = quoted();
      expect(':');
      read_value(key);
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (at_ != text_.size()) wrong("the end of the header");
    if (!has_descr_ || !has_order_ || !has_shape_) {
      fail(Code::data, "{}: npy header lacks one of 'descr', 'fortran_order', 'shape': {}", where_,
           printable(text_));
    }
    return header_;
  }

 private:
  void read_value(const std::string& key) {
    bool& seen = key == "descr"           ? has_descr_
                 : key == "fortran_order" ? has_order_
                 : key == "shape"         ? has_shape_
                                          : unknown_key(key);
    ELBO_CHECK(!seen, Code::data, "{}: npy header names '{}' twice", where_, key);
    seen = true;
    if (&seen == &has_descr_) return read_descr();
    if (&seen == &has_shape_) return read_shape();
    bool yes = accept_word("True");
    if (!yes && !accept_word("False")) wrong("True or False");
    header_.fortran_order = yes;
  }

  void read_descr() {
    skip_spaces();
    if (peek() == '[') {
      fail(Code::data, "{}: npy dtype is a structure of fields, expected plain numbers\n{}", where_,
           "Save each field as an array of its own.");
    }
    std::string text = quoted();
    char order = text.empty() ? '\0' : text[0];
    auto type = std::find_if(std::begin(kTypes), std::end(kTypes),
                             [&](auto& t) { return text.size() == 3 && t.code == text.substr(1); });
    bool known = type != std::end(kTypes) && std::strchr("<>=|", order);
    if (known && order == '|') known = dtype_size(type->dtype) == 1;
    ELBO_CHECK(known, Code::data,
               "{}: npy dtype '{}' {}, expected bool, whole or floating numbers of up to 64 bits\n"
               "Save it with another dtype: numpy.save(path, array.astype('float32')).",
               where_, text, meaning(text));
    header_.dtype = type->dtype;
    header_.big_endian = order == '>';
  }

  static const char* meaning(std::string_view text) {
    size_t at = text.find_first_of("OSUVcMmafg");
    switch (at == std::string_view::npos ? '\0' : text[at]) {
      case 'O':
        return "holds Python objects (pickle)";
      case 'S':
      case 'a':
      case 'U':
        return "is text";
      case 'V':
        return "is raw or structured data";
      case 'c':
        return "is complex";
      case 'M':
      case 'm':
        return "is dates or times";
      default:
        return "is not supported";
    }
  }

  void read_shape() {
    expect('(');
    while (!accept(')')) {
      header_.shape.push_back(number());
      if (header_.shape.size() > kMaxDimensions) wrong("at most 32 dimensions");
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
  }

  int64_t number() {
    skip_spaces();
    int64_t out = 0;
    size_t digits = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_, ++digits) {
      bool over = __builtin_mul_overflow(out, int64_t{10}, &out) ||
                  __builtin_add_overflow(out, int64_t{peek() - '0'}, &out);
      if (over) wrong("a size below 2^63");
    }
    if (digits == 0) wrong("a size");
    return out;
  }

  std::string quoted() {
    skip_spaces();
    char quote = peek();
    if (quote != '\'' && quote != '"') wrong("a quoted name");
    size_t end = text_.find(quote, ++at_);
    if (end == std::string_view::npos) wrong("a closing quote");
    std::string out(text_.substr(at_, end - at_));
    at_ = end + 1;
    return out;
  }

  bool& unknown_key(const std::string& key) {
    fail(Code::data, "{}: npy header has the unknown key '{}'", where_, key);
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void skip_spaces() {
    while (at_ < text_.size() && std::strchr(" \t\n", text_[at_]) && text_[at_] != '\0') ++at_;
  }
  bool accept(char c) {
    skip_spaces();
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }
  bool accept_word(std::string_view word) {
    skip_spaces();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void expect(char c) {
    if (!accept(c)) wrong(fmt::format("'{}'", c));
  }
  [[noreturn]] void wrong(std::string_view expected) {
    fail(Code::data, "{}: npy header is wrong at byte {}: expected {}, got '{}'", where_,
         offset_ + at_, expected, printable(text_.substr(at_, 20)));
  }

  /// Without the padding, and up to the first byte that a terminal should not see.
  static std::string_view printable(std::string_view text) {
    auto odd = std::find_if(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; });
    text = text.substr(0, static_cast<size_t>(odd - text.begin()));
    return text.substr(0, text.find_last_not_of(' ') + 1);
  }

  std::string_view text_;
  std::string where_;
  size_t offset_, at_ = 0;
  ArrayLayout header_;
  bool has_descr_ = false, has_order_ = false, has_shape_ = false;
};

/// Copies a Fortran-ordered block into C order.
template <size_t kSize>
void copy_fortran(std::span<const std::byte> in, std::span<const int64_t> shape, std::byte* out) {
  std::vector<size_t> index(shape.size()), stride(shape.size());
  size_t step = kSize;
  for (size_t d = 0; d < shape.size(); ++d) {
    stride[d] = step;
    step *= static_cast<size_t>(shape[d]);
  }
  size_t from = 0;
  for (size_t done = 0; done < in.size(); done += kSize) {
    std::memcpy(out + done, in.data() + from, kSize);
    for (size_t d = shape.size(); d-- > 0;) {
      from += stride[d];
      if (++index[d] < static_cast<size_t>(shape[d])) break;
      from -= stride[d] * index[d];
      index[d] = 0;
    }
  }
}

void copy_fortran(std::span<const std::byte> in, Array& out) {
  switch (dtype_size(out.dtype)) {
    case 1:
      return copy_fortran<1>(in, out.shape, out.data.data());
    case 2:
      return copy_fortran<2>(in, out.shape, out.data.data());
    case 4:
      return copy_fortran<4>(in, out.shape, out.data.data());
    default:
      return copy_fortran<8>(in, out.shape, out.data.data());
  }
}

ArrayLayout parse_header(Cursor& in, std::string_view where) {
  ELBO_CHECK(is_npy(in.rest()), Code::data, "{}: not an npy file: expected \\x93NUMPY at byte 0",
             where);
  in.take(kMagic.size(), "the magic");
  uint64_t major = in.little(1, "the version"), minor = in.little(1, "the version");
  ELBO_CHECK(major >= 1 && major <= 3 && minor == 0, Code::data,
             "{}: npy version {}.{}, expected 1.0, 2.0 or 3.0", where, major, minor);
  uint64_t length = in.little(major == 1 ? 2 : 4, "the header length");
  ELBO_CHECK(length <= kMaxHeader, Code::data, "{}: npy header of {} bytes, at most {} expected",
             where, length, kMaxHeader);
  size_t offset = in.at();
  return HeaderParser(as_text(in.take(length, "the header")), where, offset).parse();
}

const char* type_code(DType dtype) {
  for (auto& type : kTypes) {
    if (type.dtype == dtype) return type.code.data();
  }
  fail(Code::usage, "NumPy has no dtype for {}; convert to f32 first", dtype_name(dtype));
}

constexpr std::string_view kExtension = ".npy";

}  // namespace

bool is_npy(std::span<const std::byte> head) { return as_text(head).starts_with(kMagic); }

ArrayLayout npy_layout(std::span<const std::byte> head, uint64_t size, std::string_view where) {
  Cursor in(head, where);
  ArrayLayout out = parse_header(in, where);
  out.offset = in.at();
  uint64_t length = dtype_size(out.dtype);
  bool fits = true;
  for (int64_t d : out.shape) {
    fits = fits && !__builtin_mul_overflow(length, static_cast<uint64_t>(d), &length);
  }
  ELBO_CHECK(fits && length == size - out.offset, Code::data,
             "{}: shape {} of {} needs {} bytes after byte {}, found {}\n"
             "The file is damaged or was not copied whole; get it again.",
             where, shape_text(out.shape), dtype_name(out.dtype),
             fits ? fmt::format("{}", length) : "too many", out.offset, size - out.offset);
  return out;
}

Array parse_npy(std::span<const std::byte> bytes, std::string_view where) {
  return parse_npy(Bytes(bytes.begin(), bytes.end()), where);
}

Array parse_npy(Bytes&& bytes, std::string_view where) {
  ArrayLayout layout = npy_layout(bytes, bytes.size(), where);
  auto begin = static_cast<ptrdiff_t>(layout.offset);
  Array out{layout.dtype, std::move(layout.shape), {}};
  if (layout.fortran_order && out.shape.size() > 1) {
    out.data.resize(bytes.size() - layout.offset);
    copy_fortran(std::span(bytes).subspan(layout.offset), out);
  } else {
    bytes.erase(bytes.begin(), bytes.begin() + begin);
    out.data = std::move(bytes);
  }
  if (layout.big_endian) swap_bytes(out.data, dtype_size(out.dtype));
  return out;
}

std::string npy_header(DType dtype, std::span<const int64_t> shape) {
  const char* order = dtype_size(dtype) == 1 ? "|" : "<";
  std::string sizes = fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  std::string header = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': {}, }}",
                                   order, type_code(dtype), sizes);
  size_t before = kMagic.size() + 4;  // the header ends at a multiple of 64
  header.append(63 - (before + header.size()) % 64, ' ') += '\n';
  std::string out(kMagic);
  out +=
      {'\1', '\0', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  return out + header;
}

Bytes encode_npy(const Array& array) {
  std::string header = npy_header(array.dtype, array.shape);
  Bytes out(as_bytes(header).begin(), as_bytes(header).end());
  out.insert(out.end(), array.data.begin(), array.data.end());
  return out;
}

std::vector<std::pair<std::string, Array>> parse_npz(std::span<const std::byte> bytes,
                                                     std::string_view where, uint64_t max_bytes) {
  ZipFile zip(bytes, where, max_bytes);
  std::vector<std::pair<std::string, Array>> out;
  for (const ZipEntry& entry : zip.entries()) {
    std::string name = fmt::format("{}: entry '{}'", where, entry.name);
    ELBO_CHECK(entry.name.ends_with(kExtension), Code::data, "{}: expected a name ending in .npy",
               name);
    out.emplace_back(entry.name.substr(0, entry.name.size() - kExtension.size()),
                     parse_npy(zip.extract(entry), name));
  }
  return out;
}

Bytes encode_npz(const std::vector<std::pair<std::string, Array>>& entries) {
  std::vector<std::pair<std::string, Bytes>> files;
  for (const auto& [name, array] : entries) {
    files.emplace_back(name + std::string(kExtension), encode_npy(array));
  }
  return encode_zip(files);
}

}  // namespace elbo
