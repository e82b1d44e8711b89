// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/npy_header.h"

#include <algorithm>
#include <cstring>

#include "elbo/io/cursor.h"

namespace elbo {
namespace {

// NumPy's own limit on dimensions; structures nested deeper than a few do not occur.
constexpr size_t kMaxHeader = 65536, kMaxDimensions = 32, kMaxNesting = 8;
constexpr uint64_t kMaxItem = uint64_t{1} << 31;

constexpr struct {
  std::string_view code;
  DType dtype;
} kTypes[] = {{"b1", DType::boolean}, {"u1", DType::u8},  {"i1", DType::i8},  {"u2", DType::u16},
              {"i2", DType::i16},     {"u4", DType::u32}, {"i4", DType::i32}, {"u8", DType::u64},
              {"i8", DType::i64},     {"f2", DType::f16}, {"f4", DType::f32}, {"f8", DType::f64}};

/// How an array of a type that is not read can be saved so that it is.
std::string_view remedy_for(char kind) {
  switch (kind) {
    case 'O':
      return "Python objects (pickle) are never read. Save numbers as numbers: numpy.save(path, "
             "numpy.array(array.tolist(), dtype='float32')); texts as texts: array.astype(str); "
             "a dictionary entry by entry: numpy.savez(path, **array.item()); a sparse matrix: "
             "scipy.sparse.save_npz(path, array.item()).";
    case 'c':
      return "Save both parts: numpy.save(path, numpy.stack([array.real, array.imag], -1)).";
    case 'M':
      return "Save seconds: numpy.save(path, array.astype('datetime64[s]').astype('float64')).";
    case 'm':
      return "Save seconds: numpy.save(path, array / numpy.timedelta64(1, 's')).";
    case 'V':
      return "Name the type of its bytes: numpy.save(path, array.view('float32')).";
    default:
      return "Save it with another dtype: numpy.save(path, array.astype('float64')).";
  }
}

std::string_view meaning_of(char kind) {
  switch (kind) {
    case 'O':
      return "holds Python objects (pickle)";
    case 'V':
      return "is raw data";
    case 'c':
      return "is complex";
    case 'M':
    case 'm':
      return "is dates or times";
    default:
      return "is not supported";
  }
}

/// Reads the header's Python literal, a dictionary of exactly three keys.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::string_view where, size_t offset)
      : text_(text), where_(where), offset_(offset) {}

  NpyHeader parse() {
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
    if (&seen == &has_shape_) {
      header_.shape = sizes();
      return;
    }
    bool yes = accept_word("True");
    if (!yes && !accept_word("False")) wrong("True or False");
    header_.fortran_order = yes;
  }

  void read_descr() {
    skip_spaces();
    header_.is_record = peek() == '[';
    if (header_.is_record) {
      read_fields("", 0);
    } else {
      add_field("", quoted(), {});
    }
  }

  /// A list of (name, type) and (name, type, shape); a type may be such a list.
  void read_fields(const std::string& outer, size_t depth) {
    if (depth >= kMaxNesting) wrong("fields nested less deep");
    expect('[');
    while (!accept(']')) {
      expect('(');
      std::string name = field_name();
      if (!outer.empty() && !name.empty()) name = outer + "." + name;
      expect(',');
      skip_spaces();
      if (peek() == '[') {
        read_fields(name, depth + 1);
        ELBO_CHECK(!accept(','), Code::data,
                   "{}: npy field '{}' is an array of structures\nSave its fields as arrays of "
                   "their own.",
                   where_, name);
      } else {
        std::string type = quoted();
        add_field(name, type, accept(',') ? sizes() : std::vector<int64_t>{});
      }
      expect(')');
      if (!accept(',')) {
        expect(']');
        break;
      }
    }
  }

  /// 'name', or ('title', 'name').
  std::string field_name() {
    skip_spaces();
    if (!accept('(')) return quoted();
    quoted();
    expect(',');
    std::string name = quoted();
    expect(')');
    return name;
  }

  void add_field(const std::string& name, const std::string& type,
                 const std::vector<int64_t>& shape) {
    NpyField field;
    field.name = name;
    field.shape = shape;
    char order = type.empty() ? '\0' : type[0], kind = type.size() > 1 ? type[1] : '\0';
    field.big_endian = order == '>';
    bool ordered = order != '\0' && std::strchr("<>=|", order);
    auto known = std::find_if(std::begin(kTypes), std::end(kTypes), [&](auto& t) {
      return type.size() == 3 && t.code == std::string_view(type).substr(1);
    });
    bool is_text = kind == 'S' || kind == 'a' || kind == 'U';
    bool is_padding = kind == 'V' && header_.is_record && last_name(name).empty();
    if (ordered && known != std::end(kTypes) && (order != '|' || dtype_size(known->dtype) == 1)) {
      field.dtype = known->dtype;
      field.size = dtype_size(known->dtype);
    } else if (ordered && (is_text || is_padding)) {
      field.type = is_padding    ? NpyType::padding
                   : kind == 'U' ? NpyType::ucs4_text
                                 : NpyType::bytes_text;
      field.size = static_cast<size_t>(digits(type.substr(2)) * (kind == 'U' ? 4 : 1));
    } else {
      fail(Code::data,
           "{}: npy dtype '{}'{} {}, expected numbers of up to 64 bits, bool or text\n{}", where_,
           printable(type), name.empty() ? "" : fmt::format(" of field '{}'", name),
           meaning_of(kind), remedy_for(kind));
    }
    uint64_t bytes = field.size;
    bool fits = true;
    for (int64_t d : shape) {
      fits = fits && !__builtin_mul_overflow(bytes, static_cast<uint64_t>(d), &bytes);
    }
    header_.item_size += bytes;
    ELBO_CHECK(fits && bytes <= kMaxItem && header_.item_size <= kMaxItem, Code::data,
               "{}: npy elements of more than {} bytes", where_, kMaxItem);
    header_.fields.push_back(std::move(field));
  }

  static std::string_view last_name(std::string_view name) {
    return name.substr(name.rfind('.') + 1);
  }

  uint64_t digits(std::string_view text) {
    bool plain = !text.empty() && text.size() <= 10 &&
                 std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
    ELBO_CHECK(plain, Code::data, "{}: npy dtype of '{}' characters", where_, printable(text));
    uint64_t out = 0;
    for (char c : text) out = out * 10 + static_cast<uint64_t>(c - '0');
    return out;
  }

  /// "(2, 3)"
  std::vector<int64_t> sizes() {
    std::vector<int64_t> out;
    expect('(');
    while (!accept(')')) {
      out.push_back(number());
      if (out.size() > kMaxDimensions) wrong("at most 32 dimensions");
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return out;
  }

  int64_t number() {
    skip_spaces();
    int64_t out = 0;
    size_t count = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_, ++count) {
      bool over = __builtin_mul_overflow(out, int64_t{10}, &out) ||
                  __builtin_add_overflow(out, int64_t{peek() - '0'}, &out);
      if (over) wrong("a size below 2^63");
    }
    if (count == 0) wrong("a size");
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
  NpyHeader header_;
  bool has_descr_ = false, has_order_ = false, has_shape_ = false;
};

uint64_t product(const std::vector<int64_t>& sizes) {
  uint64_t out = 1;
  for (int64_t d : sizes) out *= static_cast<uint64_t>(d);
  return out;
}

/// "[50] of f32".
std::string array_text(const NpyHeader& header) {
  const NpyField& field = header.fields[0];
  bool plain = !header.is_record && field.type == NpyType::number;
  return fmt::format("{} of {}", shape_text(header.shape),
                     plain              ? dtype_name(field.dtype)
                     : header.is_record ? "records"
                                        : "texts");
}

void check_size(const NpyHeader& header, uint64_t size, std::string_view where) {
  uint64_t length = header.item_size;
  bool fits = true;
  for (int64_t d : header.shape) {
    fits = fits && !__builtin_mul_overflow(length, static_cast<uint64_t>(d), &length);
  }
  ELBO_CHECK(fits && length == size - header.offset, Code::data,
             "{}: shape {} needs {} bytes after byte {}, found {}\n"
             "The file is damaged or was not copied whole; get it again.",
             where, array_text(header), fits ? fmt::format("{}", length) : "too many",
             header.offset, size - header.offset);
  // Elements without bytes could be any number of them.
  bool has_zero = std::find(header.shape.begin(), header.shape.end(), 0) != header.shape.end();
  ELBO_CHECK(header.item_size > 0 || has_zero, Code::data, "{}: npy elements of no bytes", where);
}

}  // namespace

int64_t NpyField::count() const { return static_cast<int64_t>(product(shape)); }
uint64_t NpyHeader::items() const { return product(shape); }

bool is_npy(std::span<const std::byte> head) { return as_text(head).starts_with(kNpyMagic); }

NpyHeader parse_npy_header(std::span<const std::byte> head, uint64_t size, std::string_view where) {
  ELBO_CHECK(is_npy(head), Code::data, "{}: not an npy file: expected \\x93NUMPY at byte 0", where);
  Cursor in(head, where);
  in.take(kNpyMagic.size(), "the magic");
  uint64_t major = in.little(1, "the version"), minor = in.little(1, "the version");
  ELBO_CHECK(major >= 1 && major <= 3 && minor == 0, Code::data,
             "{}: npy version {}.{}, expected 1.0, 2.0 or 3.0", where, major, minor);
  uint64_t length = in.little(major == 1 ? 2 : 4, "the header length");
  ELBO_CHECK(length <= kMaxHeader, Code::data, "{}: npy header of {} bytes, at most {} expected",
             where, length, kMaxHeader);
  size_t offset = in.at();
  NpyHeader out = HeaderParser(as_text(in.take(length, "the header")), where, offset).parse();
  ELBO_CHECK(!out.fields.empty(), Code::data, "{}: npy records without fields", where);
  out.offset = in.at();
  check_size(out, size, where);
  return out;
}

const char* npy_type_code(DType dtype) {
  for (auto& type : kTypes) {
    if (type.dtype == dtype) return type.code.data();
  }
  fail(Code::usage, "NumPy has no dtype for {}; convert to f32 first", dtype_name(dtype));
}

}  // namespace elbo
