// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "elbo/io/file_rows.h"
#include "elbo/io/npy.h"
#include "elbo/io/raw.h"
#include "elbo/io/readers.h"
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
  Array get(const std::string& name) const {
    return parse_npy(zip_.extract(*zip_.find(name + ".npy")), label(name));
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const ZipEntry& entry : zip_.entries()) {
      if (entry.name.ends_with(".npy")) out.push_back(entry.name.substr(0, entry.name.size() - 4));
    }
    return out;
  }
  /// The entry that holds the examples: by name, else the only array of two or more dimensions.
  std::string find_examples() const {
    std::string found = first_of(kExamples);
    if (!found.empty()) return found;
    for (const std::string& name : names()) {
      if (get(name).shape.size() < 2) continue;
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

 private:
  ZipFile zip_;
  std::string where_;
};

constexpr ArrayFormat kNpy = {npy_layout, parse_npy};

bool nan_is_missing(const NumpyOptions& options) { return options.missing == "nan"; }

class NpyReader : public Reader {
 public:
  explicit NpyReader(NumpyOptions options) : options_(std::move(options)) {}
  bool accepts(const Path&, std::span<const std::byte> head) const override {
    return is_npy(content_head(head));
  }

  /// The target is another .npy file, beside this one or where the path leads.
  RawData read(const Path& path, const ReadRequest& request) const override {
    SourceFiles files;
    RawData out;
    out.name = data_name(path);
    out.format = "npy";
    out.kind = read_examples(files, path, kNpy, out.train, nan_is_missing(options_),
                             request.in_memory, &out.notes);
    bool wants_labels = !request.target.empty() && request.target != kNoTarget;
    if (wants_labels && !request.target_may_lack) {  // else the file named belongs to other data
      Path labels = path.parent_path() / request.target;
      std::error_code error;
      if (!std::filesystem::exists(labels, error)) labels = request.target;
      ELBO_CHECK(std::filesystem::exists(labels, error), Code::usage,
                 "{}: no labels file '{}' beside it or here\n"
                 "For npy data the target is another .npy file.",
                 path.string(), request.target);
      fill_labels(out, {parse_npy(files.read(labels), labels.string()), labels.string()});
      out.target_name = labels.stem().string();
    }
    out.fingerprint = files.fingerprint();
    return out;
  }

 private:
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
    out.name = data_name(path);
    out.fingerprint = files.fingerprint();
    return out;
  }

 private:
  NumpyOptions options_;
};

}  // namespace

RawData read_npz_data(std::span<const std::byte> bytes, const std::string& where,
                      const NumpyOptions& options, const ReadRequest& request, uint64_t max_bytes) {
  NpzEntries entries(bytes, where, max_bytes);
  RawData out;
  out.format = "npz";
  std::string x = entries.find_examples(),
              y = entries.find_labels(request.target, request.target_may_lack);
  ELBO_CHECK(x != y, Code::usage, "{}: array '{}' is the examples and cannot be the target", where,
             x);
  out.kind = fill_examples(out.train, entries.get(x), entries.label(x), nan_is_missing(options),
                           &out.notes);
  std::string x_test = entries.first_of(kTestExamples), y_test;
  if (!x_test.empty()) {
    out.test.emplace();
    fill_examples(*out.test, entries.get(x_test), entries.label(x_test), nan_is_missing(options));
    check_same_shape(out, entries.label(x_test), "array '" + x + "'");
    y_test = entries.find_test_labels(request.target);
  }
  if (!y.empty()) {
    Labels test;
    if (!y_test.empty()) test = {entries.get(y_test), entries.label(y_test)};
    fill_labels(out, {entries.get(y), entries.label(y)}, test);
    out.target_name = y;
  }
  return out;
}

std::unique_ptr<Reader> make_npy_reader(const NumpyOptions& options) {
  return std::make_unique<NpyReader>(options);
}
std::unique_ptr<Reader> make_npz_reader(const NumpyOptions& options) {
  return std::make_unique<NpzReader>(options);
}

}  // namespace elbo
