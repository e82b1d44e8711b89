// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <tuple>

#include "elbo/core/machine.h"
#include "elbo/core/metric.h"
#include "elbo/io/file_rows.h"
#include "elbo/io/gzip.h"
#include "elbo/io/npy.h"
#include "elbo/io/raw.h"
#include "elbo/io/readers.h"
#include "elbo/io/sparse.h"
#include "elbo/io/zip.h"

namespace elbo {
namespace {

// Entry names in use, the likelier first.
const std::vector<std::string> kExamples = {
    "x", "X", "x_train", "X_train", "train_x", "train_X", "train_images", "data", "images"};
const std::vector<std::string> kTestExamples = {"x_test", "X_test",      "test_x",
                                                "test_X", "test_images", "test_data"};
const std::vector<std::string> kLabels = {
    "y", "Y", "y_train", "Y_train", "train_y", "train_labels", "labels", "target"};
const std::vector<std::string> kTestLabels = {"y_test", "Y_test", "test_y", "test_labels",
                                              "test_target"};

/// The arrays of an .npz, decoded when asked for.
class NpzEntries {
 public:
  NpzEntries(std::span<const std::byte> bytes, const std::string& where, uint64_t max_bytes)
      : zip_(bytes, where, max_bytes), where_(where) {
    ELBO_CHECK(!zip_.entries().empty(), Code::data, "{}: an npz file without arrays", where);
  }

  std::string label(const std::string& name) const { return where_ + ": array '" + name + "'"; }
  bool has(const std::string& name) const { return zip_.find(name + ".npy") != nullptr; }
  std::string first_of(const std::vector<std::string>& names) const {
    auto it = std::find_if(names.begin(), names.end(), [&](auto& name) { return has(name); });
    return it == names.end() ? "" : *it;
  }
  Bytes bytes_of(const std::string& name) const {
    const ZipEntry* entry = zip_.find(name + ".npy");
    ELBO_CHECK(entry, Code::data, "{}: no array '{}'; found {}", where_, name,
               fmt::join(names(), ", "));
    return zip_.extract(*entry);
  }
  Array get(const std::string& name) const { return parse_npy(bytes_of(name), label(name)); }
  Labels labels(const std::string& name) const { return parse_labels(bytes_of(name), label(name)); }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const ZipEntry& entry : zip_.entries()) {
      if (entry.name.ends_with(".npy")) out.push_back(entry.name.substr(0, entry.name.size() - 4));
    }
    return out;
  }
  /// The entry that holds the examples: by name, else the only array of two or more dimensions, or
  /// of records.
  std::string find_examples() const {
    std::string found = first_of(kExamples);
    if (!found.empty()) return found;
    for (const std::string& name : names()) {
      Bytes bytes = bytes_of(name);
      NpyHeader header = parse_npy_header(bytes, bytes.size(), label(name));
      bool is_many = header.shape.size() >= 2 || header.is_record;
      if (!is_many || npy_kind(header) == NpyKind::texts) continue;
      ELBO_CHECK(found.empty(), Code::data,
                 "{}: arrays '{}' and '{}' could both be the examples\nCall one of them x: "
                 "numpy.savez(path, x=...).",
                 where_, found, name);
      found = name;
    }
    ELBO_CHECK(!found.empty(), Code::data,
               "{}: no array named x, data or images, and none of two or more dimensions; found {}",
               where_, fmt::join(names(), ", "));
    return found;
  }
  std::string find_labels(const std::string& target, bool may_lack) const {
    if (target.empty()) return first_of(kLabels);
    if (has(target)) return target;
    if (target == kNoTarget || may_lack) return "";
    fail(Code::usage, "{}: no array '{}' to take as the target{}", where_, target,
         suggestion(target, names()));
  }
  /// The test set's labels: the usual names, and for a target t also t_test and test_t.
  std::string find_test_labels(const std::string& target) const {
    if (target.empty()) return first_of(kTestLabels);
    std::vector<std::string> names = {target + "_test", "test_" + target};
    if (size_t at = target.find("train"); at != std::string::npos) {
      names.push_back(std::string(target).replace(at, 5, "test"));
    }
    return first_of(names);
  }

  /// What scipy.sparse.save_npz writes.
  bool is_sparse() const { return has("format") && has("shape") && has("data"); }
  SparseParts sparse() const {
    SparseParts out;
    std::vector<std::string> format = parse_npy_texts(bytes_of("format"), label("format"));
    out.format = format.size() == 1 ? format[0] : "";
    Array shape = get("shape");
    ELBO_CHECK(shape.dtype == DType::i64 || shape.dtype == DType::i32, Code::data,
               "{}: of {}, expected i64", label("shape"), dtype_name(shape.dtype));
    for (int64_t i = 0; i < shape.size(); ++i) {
      auto at = static_cast<size_t>(i);
      out.shape.push_back(shape.dtype == DType::i64 ? shape.as<int64_t>()[at]
                                                    : shape.as<int32_t>()[at]);
    }
    out.data = get("data");
    if (out.format == "csr" || out.format == "csc" || out.format == "bsr") {
      out.indices = get("indices");
      out.indptr = get("indptr");
    } else if (out.format == "coo") {
      std::tie(out.row, out.column) = coordinates();
    } else if (out.format == "dia") {
      out.offsets = get("offsets");
    } else {
      fail(Code::data,
           "{}: a sparse matrix of format '{}', expected csr, csc, bsr, coo or dia\n"
           "Save it as CSR: scipy.sparse.save_npz(path, matrix.tocsr()).",
           where_, out.format);
    }
    return out;
  }

  /// "row" and "col", or "coords" [2, n].
  std::pair<Array, Array> coordinates() const {
    if (!has("coords")) return {get("row"), get("col")};
    Array both = get("coords");
    ELBO_CHECK(both.shape.size() == 2 && both.shape[0] == 2, Code::data,
               "{}: shape {}, expected [2, n]", label("coords"), shape_text(both.shape));
    auto half = static_cast<ptrdiff_t>(both.data.size() / 2);
    Array row{both.dtype, {both.shape[1]}, {both.data.begin(), both.data.begin() + half}};
    Array column{both.dtype, {both.shape[1]}, {both.data.begin() + half, both.data.end()}};
    return {std::move(row), std::move(column)};
  }

  /// Labels of any kind that an .npy file may hold.
  static Labels parse_labels(Bytes&& bytes, const std::string& where) {
    NpyHeader header = parse_npy_header(bytes, bytes.size(), where);
    if (npy_kind(header) == NpyKind::texts) return {{}, where, parse_npy_texts(bytes, where)};
    return {parse_npy(std::move(bytes), where), where};
  }

 private:
  ZipFile zip_;
  std::string where_;
};

constexpr ArrayFormat kNpy = {npy_layout, parse_npy};

bool nan_is_missing(const NumpyOptions& options) { return options.missing == "nan"; }

/// A structured array as a table of its fields.
RawData read_records(const Bytes& bytes, const std::string& where, const ReadRequest& request) {
  CsvOptions options;
  options.delimiter = ",";
  options.header = "yes";
  RawData out = read_csv_data(npy_records_as_csv(bytes, where), where, options, request);
  out.notes.insert(out.notes.begin(), "records are read as a table: each field is a column");
  return out;
}

/// Labels from another .npy file, beside this one or where the path leads, where the request names
/// one.
void read_label_file(SourceFiles& files, const Path& path, const ReadRequest& request,
                     RawData& out) {
  bool wants_labels = !request.target.empty() && request.target != kNoTarget;
  if (!wants_labels || request.target_may_lack) return;  // then it belongs to other data
  Path labels = path.parent_path() / request.target;
  std::error_code error;
  if (!std::filesystem::exists(labels, error)) labels = request.target;
  ELBO_CHECK(std::filesystem::exists(labels, error), Code::usage,
             "{}: no labels file '{}' beside it or here\n"
             "For {} data the target is another .npy file.",
             path.string(), request.target, out.format);
  fill_labels(out, NpzEntries::parse_labels(files.read(labels), labels.string()), {},
              request.labels);
  out.target_name = labels.stem().string();
}

/// What is decided of an array once it is read.
void finish_array(RawData& data, const ReadRequest& request, const std::string& where) {
  learn_range(data, request, where);
  if (!request.range && !request.as_table) suggest_images(data);
}

class NpyReader : public Reader {
 public:
  explicit NpyReader(NumpyOptions options) : options_(std::move(options)) {}
  bool accepts(const Path&, std::span<const std::byte> head) const override {
    return is_npy(content_head(head));
  }

  RawData read(const Path& path, const ReadRequest& request) const override {
    SourceFiles files;
    RawData out;
    out.format = "npy";
    std::string where = path.string();
    if (holds_records(path)) {
      out = read_records(files.read(path), where, request);
    } else {
      out.kind = read_examples(files, path, kNpy, out.train, nan_is_missing(options_), request,
                               &out.notes);
      finish_array(out, request, where);
      read_label_file(files, path, request, out);
    }
    out.name = data_name(path);
    out.format = "npy";
    out.fingerprint = files.fingerprint();
    return out;
  }

 private:
  static bool holds_records(const Path& path) {
    DiskFile file(path);
    Bytes head(static_cast<size_t>(std::min<uint64_t>(file.size(), kMaxArrayHeader)));
    file.read(0, head);
    uint64_t size = file.size();
    if (is_gzip(head)) {
      head = SourceFiles().read(path);
      size = head.size();
    }
    return is_npy(head) && parse_npy_header(head, size, path.string()).is_record;
  }

  NumpyOptions options_;
};

class NpzReader : public Reader {
 public:
  explicit NpzReader(NumpyOptions options) : options_(std::move(options)) {}
  bool accepts(const Path& path, std::span<const std::byte> head) const override {
    std::string_view text = as_text(head);
    return text.starts_with("PK\x03\x04") &&
           (path.extension() == ".npz" || text.find(".npy") != std::string_view::npos);
  }

  RawData read(const Path& path, const ReadRequest& request) const override {
    SourceFiles files;
    RawData out = read_npz_data(files.read(path), path.string(), options_, request);
    if (out.target_name.empty()) read_label_file(files, path, request, out);
    out.name = data_name(path);
    out.fingerprint = files.fingerprint();
    return out;
  }

 private:
  NumpyOptions options_;
};

std::string size_note(const SparseParts& parts) {
  return fmt::format(
      "a sparse {} matrix: {} of its {} x {} elements are stored, the others are "
      "read as zeros",
      parts.format, with_commas(parts.data.size()), with_commas(parts.shape[0]),
      with_commas(parts.shape[1]));
}

RawData read_sparse(const NpzEntries& entries, const std::string& where,
                    const NumpyOptions& options, const ReadRequest& request, uint64_t max_bytes) {
  RawData out;
  SparseParts parts = entries.sparse();
  // Half, for it is held twice while it becomes f32.
  Array dense = to_dense(parts, where, std::min(max_bytes, usable_memory() / 2));
  out.notes.push_back(size_note(parts));
  shape_examples(dense.shape, request, where);
  out.kind = fill_examples(out.train, std::move(dense), where, nan_is_missing(options));
  finish_array(out, request, where);
  return out;
}

void note_others(const NpzEntries& entries, const std::set<std::string>& read,
                 std::vector<std::string>& notes) {
  std::vector<std::string> others;
  for (const std::string& name : entries.names()) {
    if (!read.count(name)) others.push_back(name);
  }
  if (!others.empty()) {
    notes.push_back(fmt::format("not read of the file: {}", fmt::join(others, ", ")));
  }
}

RawData read_named(const NpzEntries& entries, const std::string& where, const NumpyOptions& options,
                   const ReadRequest& request) {
  std::string x = entries.find_examples();
  Bytes bytes = entries.bytes_of(x);
  if (parse_npy_header(bytes, bytes.size(), entries.label(x)).is_record) {
    return read_records(bytes, entries.label(x), request);
  }
  RawData out;
  std::string y = entries.find_labels(request.target, request.target_may_lack);
  ELBO_CHECK(x != y, Code::usage, "{}: array '{}' is the examples and cannot be the target", where,
             x);
  auto fill = [&](RawSet& set, Bytes&& npy, const std::string& name,
                  std::vector<std::string>* notes) {
    Array array = parse_npy(std::move(npy), entries.label(name));
    shape_examples(array.shape, request, entries.label(name));
    return fill_examples(set, std::move(array), entries.label(name), nan_is_missing(options),
                         request.image.empty() ? notes : nullptr);
  };
  out.kind = fill(out.train, std::move(bytes), x, &out.notes);
  std::string x_test = entries.first_of(kTestExamples), y_test;
  if (!x_test.empty()) {
    out.test.emplace();
    fill(*out.test, entries.bytes_of(x_test), x_test, nullptr);
    check_same_shape(out, entries.label(x_test), "array '" + x + "'");
    y_test = entries.find_test_labels(request.target);
  }
  finish_array(out, request, where);
  if (!y.empty()) {
    Labels test;
    if (!y_test.empty()) test = entries.labels(y_test);
    fill_labels(out, entries.labels(y), test, request.labels);
    out.target_name = y;
    if (request.target.empty()) {
      out.notes.push_back(fmt::format(
          "array '{}' is taken as the labels, by its name (--target none leaves it out)", y));
    }
  }
  note_others(entries, {x, y, x_test, y_test}, out.notes);
  return out;
}

}  // namespace

RawData read_npz_data(std::span<const std::byte> bytes, const std::string& where,
                      const NumpyOptions& options, const ReadRequest& request, uint64_t max_bytes) {
  NpzEntries entries(bytes, where, max_bytes);
  RawData out = entries.is_sparse() ? read_sparse(entries, where, options, request, max_bytes)
                                    : read_named(entries, where, options, request);
  out.format = "npz";
  return out;
}

std::unique_ptr<Reader> make_npy_reader(const NumpyOptions& options) {
  return std::make_unique<NpyReader>(options);
}
std::unique_ptr<Reader> make_npz_reader(const NumpyOptions& options) {
  return std::make_unique<NpzReader>(options);
}

}  // namespace elbo
