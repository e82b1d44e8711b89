// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/npy.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "elbo/io/array_visit.h"
#include "elbo/io/csv.h"
#include "elbo/io/idx.h"
#include "elbo/io/zip.h"

namespace elbo {
namespace {

constexpr std::string_view kExtension = ".npy";

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

void append_utf8(std::string& out, uint32_t c) {
  auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) c = 0xFFFD;  // no character
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6), put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12), put(0x80 | (c >> 6 & 0x3F)), put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18), put(0x80 | (c >> 12 & 0x3F)), put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

/// A value of a text field, without the zeros that fill it up.
std::string text_of(std::span<const std::byte> value, const NpyField& field) {
  std::string out;
  if (field.type == NpyType::bytes_text) {
    out = as_text(value);
  } else {
    for (size_t i = 0; i + 4 <= value.size(); i += 4) {
      uint32_t c = 0;
      for (size_t b = 0; b < 4; ++b) {
        c |= std::to_integer<uint32_t>(value[i + (field.big_endian ? 3 - b : b)]) << 8 * b;
      }
      append_utf8(out, c);
    }
  }
  size_t end = out.find_last_not_of('\0');
  return end == std::string::npos ? "" : out.substr(0, end + 1);
}

/// A value of a number field as CSV holds it: no digit is lost.
std::string number_text(std::span<const std::byte> value, const NpyField& field) {
  Array one{field.dtype, {1}, Bytes(value.begin(), value.end())};
  if (field.big_endian) swap_bytes(one.data, field.size);
  return visit_elements(one, [&](auto values) {
    if (field.dtype == DType::f16) {
      return fmt::format("{}", half_to_float(static_cast<uint16_t>(values[0])));
    }
    return fmt::format("{}", values[0]);
  });
}

std::string value_text(std::span<const std::byte> value, const NpyField& field) {
  return field.type == NpyType::number ? number_text(value, field) : text_of(value, field);
}

/// "pixels[0,3]" for each value of a field, in C order.
std::vector<std::string> column_names_of(const NpyField& field) {
  std::vector<std::string> out;
  std::vector<int64_t> index(field.shape.size());
  for (int64_t i = 0; i < field.count(); ++i) {
    out.push_back(index.empty() ? field.name
                                : fmt::format("{}[{}]", field.name, fmt::join(index, ",")));
    for (size_t d = index.size(); d-- > 0;) {
      if (++index[d] < field.shape[d]) break;
      index[d] = 0;
    }
  }
  return out;
}

void check_flat(const NpyHeader& header, std::string_view what, std::string_view where) {
  bool flat = header.shape.size() == 1 || (header.shape.size() == 2 && header.shape[1] == 1);
  ELBO_CHECK(flat, Code::data, "{}: {} of shape {}, expected [N]", where, what,
             shape_text(header.shape));
}

}  // namespace

NpyKind npy_kind(const NpyHeader& header) {
  if (header.is_record) return NpyKind::records;
  return header.fields[0].type == NpyType::number ? NpyKind::numbers : NpyKind::texts;
}

ArrayLayout npy_layout(std::span<const std::byte> head, uint64_t size, std::string_view where) {
  NpyHeader header = parse_npy_header(head, size, where);
  NpyKind kind = npy_kind(header);
  ELBO_CHECK(kind == NpyKind::numbers, Code::data, "{}: holds {}, expected an array of numbers{}",
             where, kind == NpyKind::texts ? "texts" : "records",
             kind == NpyKind::texts
                 ? "\nTexts are read as labels. Numbers written as text: numpy.save(path, "
                   "array.astype('float64'))."
                 : "");
  return {header.fields[0].dtype, header.shape, header.offset, header.fields[0].big_endian,
          header.fortran_order};
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

std::vector<std::string> parse_npy_texts(std::span<const std::byte> bytes, std::string_view where) {
  NpyHeader header = parse_npy_header(bytes, bytes.size(), where);
  ELBO_CHECK(npy_kind(header) == NpyKind::texts, Code::data, "{}: not an array of texts", where);
  if (!header.shape.empty()) check_flat(header, "texts", where);
  std::vector<std::string> out;
  const NpyField& field = header.fields[0];
  for (uint64_t i = 0; i < header.items(); ++i) {
    out.push_back(text_of(bytes.subspan(header.offset + i * field.size, field.size), field));
  }
  return out;
}

std::string npy_records_as_csv(std::span<const std::byte> bytes, std::string_view where) {
  NpyHeader header = parse_npy_header(bytes, bytes.size(), where);
  ELBO_CHECK(header.is_record, Code::data, "{}: not an array of records", where);
  check_flat(header, "records", where);
  std::vector<std::string> names;
  for (const NpyField& field : header.fields) {
    if (field.type == NpyType::padding) continue;
    ELBO_CHECK(names.size() + static_cast<uint64_t>(field.count()) <= kMaxColumns, Code::data,
               "{}: records of more than {} values", where, kMaxColumns);
    for (std::string& name : column_names_of(field)) names.push_back(std::move(name));
  }
  constexpr size_t kBlock = 1000;  // rows encoded at once
  std::string out = encode_csv(names, {});
  std::vector<std::vector<std::string>> rows;
  size_t at = header.offset;
  for (uint64_t i = 0; i < header.items(); ++i) {
    std::vector<std::string>& row = rows.emplace_back();
    for (const NpyField& field : header.fields) {
      if (field.type == NpyType::padding) {
        at += field.size * static_cast<size_t>(field.count());
        continue;
      }
      for (int64_t k = 0; k < field.count(); ++k, at += field.size) {
        row.push_back(value_text(bytes.subspan(at, field.size), field));
      }
    }
    if (rows.size() < kBlock && i + 1 < header.items()) continue;
    out += encode_csv({}, rows);
    rows.clear();
  }
  return out;
}

namespace {

/// The code points of a text in UTF-8 (RFC 3629).
std::u32string code_points(std::string_view text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) {
    auto first = static_cast<unsigned char>(text[at]);
    size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    char32_t code = length == 1 ? first : first & (0x7Fu >> length);
    bool is_valid = first < 0x80 || (first >= 0xC2 && first < 0xF5 && at + length <= text.size());
    for (size_t i = 1; is_valid && i < length; ++i) {
      auto next = static_cast<unsigned char>(text[at + i]);
      is_valid = (next & 0xC0) == 0x80;
      code = code << 6 | (next & 0x3Fu);
    }
    is_valid = is_valid && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    out.push_back(is_valid ? code : 0xFFFD);
    at += is_valid ? length : 1;
  }
  return out;
}

std::string header_of(const std::string& type, std::span<const int64_t> shape) {
  std::string sizes = fmt::format("({}{})", fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", type, sizes);
  size_t before = kNpyMagic.size() + 4;  // the header ends at a multiple of 64
  header.append(63 - (before + header.size()) % 64, ' ') += '\n';
  std::string out(kNpyMagic);
  out +=
      {'\1', '\0', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
  return out + header;
}

}  // namespace

std::string npy_header(DType dtype, std::span<const int64_t> shape) {
  const char* order = dtype_size(dtype) == 1 ? "|" : "<";
  return header_of(fmt::format("{}{}", order, npy_type_code(dtype)), shape);
}

Bytes encode_npy_texts(std::span<const std::string> texts) {
  std::vector<std::u32string> points;
  size_t width = 1;
  for (const std::string& text : texts) {
    points.push_back(code_points(text));
    width = std::max(width, points.back().size());
  }
  const std::vector<int64_t> shape = {static_cast<int64_t>(texts.size())};
  std::string out = header_of(fmt::format("<U{}", width), shape);
  for (std::u32string& text : points) {
    text.resize(width);
    for (char32_t code : text) {
      for (int shift : {0, 8, 16, 24}) out.push_back(static_cast<char>(code >> shift & 0xFF));
    }
  }
  return {as_bytes(out).begin(), as_bytes(out).end()};
}

Bytes encode_npy(const Array& array) {
  std::string header = npy_header(array.dtype, array.shape);
  Bytes out(as_bytes(header).begin(), as_bytes(header).end());
  out.insert(out.end(), array.data.begin(), array.data.end());
  return out;
}

std::vector<std::pair<std::string, Array>> parse_npz(std::span<const std::byte> bytes,
                                                     std::string_view where, uint64_t max_bytes,
                                                     bool numbers_only) {
  ZipFile zip(bytes, where, max_bytes);
  std::vector<std::pair<std::string, Array>> out;
  for (const ZipEntry& entry : zip.entries()) {
    std::string name = fmt::format("{}: entry '{}'", where, entry.name);
    ELBO_CHECK(entry.name.ends_with(kExtension), Code::data, "{}: expected a name ending in .npy",
               name);
    Bytes file = zip.extract(entry);
    bool is_text =
        numbers_only && npy_kind(parse_npy_header(file, file.size(), name)) == NpyKind::texts;
    if (is_text) continue;
    out.emplace_back(entry.name.substr(0, entry.name.size() - kExtension.size()),
                     parse_npy(std::move(file), name));
  }
  return out;
}

Bytes encode_npz(const std::vector<std::pair<std::string, Array>>& entries,
                 const std::vector<std::pair<std::string, std::vector<std::string>>>& texts) {
  std::vector<std::pair<std::string, Bytes>> files;
  for (const auto& [name, array] : entries) {
    files.emplace_back(name + std::string(kExtension), encode_npy(array));
  }
  for (const auto& [name, cells] : texts) {
    files.emplace_back(name + std::string(kExtension), encode_npy_texts(cells));
  }
  return encode_zip(files);
}

}  // namespace elbo
