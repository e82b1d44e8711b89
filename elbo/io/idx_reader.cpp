// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "elbo/io/file_rows.h"
#include "elbo/io/idx.h"
#include "elbo/io/raw.h"
#include "elbo/io/readers.h"

namespace elbo {
namespace {

namespace fs = std::filesystem;

/// "train-images-idx3-ubyte" and "train-images.idx3-ubyte" are both in use.
constexpr std::string_view kImages[] = {"images-idx", "images.idx"};
constexpr std::string_view kLabels[] = {"labels-idx1", "labels.idx1"};

bool is_file(const Path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

bool is_images_name(const std::string& name) {
  return std::any_of(std::begin(kImages), std::end(kImages),
                     [&](std::string_view part) { return name.find(part) != std::string::npos; });
}

bool is_labels_name(const std::string& name) {
  return std::any_of(std::begin(kLabels), std::end(kLabels),
                     [&](std::string_view part) { return name.find(part) != std::string::npos; });
}

/// `path` with the last `from` in its name replaced, with or without .gz; empty when there is none.
Path sibling(const Path& path, std::string_view from, std::string_view to) {
  std::string name = path.filename().string();
  size_t at = name.rfind(from);
  if (at == std::string::npos) return {};
  name.replace(at, from.size(), to);
  Path same = path.parent_path() / name;
  if (is_file(same)) return same;
  Path other = same.extension() == ".gz" ? same.parent_path() / same.stem() : Path(same) += ".gz";
  return is_file(other) ? other : Path{};
}

Path labels_beside(const Path& images) {
  std::string name = images.filename().string();
  for (size_t i = 0; i < std::size(kImages); ++i) {
    size_t at = name.rfind(kImages[i]);
    if (at == std::string::npos || at + kImages[i].size() >= name.size()) continue;
    std::string from(kImages[i]);
    from += name[at + kImages[i].size()];  // the number of dimensions
    Path found = sibling(images, from, kLabels[i]);
    if (!found.empty()) return found;
  }
  return {};
}

Path test_beside(const Path& images) {
  Path found = sibling(images, "train", "t10k");
  return found.empty() ? sibling(images, "train", "test") : found;
}

std::vector<Path> image_files(const Path& folder) {
  std::vector<Path> out;
  for (const Path& path : list_folder(folder)) {
    if (is_images_name(path.filename().string()) && is_file(path)) out.push_back(path);
  }
  return out;
}

/// The one images file of a folder that is not another's test set.
Path pick_images(const Path& folder) {
  std::vector<Path> files = image_files(folder), train;
  for (const Path& path : files) {
    if (path.filename().string().find("train") != std::string::npos) train.push_back(path);
  }
  const std::vector<Path>& choice = train.empty() ? files : train;
  ELBO_CHECK(!choice.empty(), Code::data, "{}: no IDX images file in this folder", folder.string());
  std::string names;
  for (const Path& path : choice) names += "\n  " + path.string();
  ELBO_CHECK(choice.size() == 1, Code::data,
             "{}: {} IDX images files, expected one; name the one to read:{}", folder.string(),
             choice.size(), names);
  return choice[0];
}

constexpr ArrayFormat kIdx = {idx_layout, parse_idx};

class IdxReader : public Reader {
 public:
  bool accepts(const Path& path, std::span<const std::byte> head) const override {
    std::error_code error;
    if (fs::is_directory(path, error)) return !image_files(path).empty();
    return is_idx(content_head(head));
  }

  RawData read(const Path& path, const ReadRequest& request) const override {
    std::error_code error;
    bool is_folder = fs::is_directory(path, error);
    Path images = is_folder ? pick_images(path) : path;
    ELBO_CHECK(!is_labels_name(images.filename().string()), Code::data,
               "{}: a labels file, expected images\nGive the images file; its labels are found "
               "beside it.",
               images.string());
    SourceFiles files;
    RawData out;
    out.format = "idx";
    out.name = is_folder ? data_name(path) : name_of(images);
    out.kind = read_examples(files, images, kIdx, out.train, false, request, &out.notes);
    Path labels = find_labels(images, request), test = test_beside(images);
    Labels train_labels, test_labels;
    if (!labels.empty()) train_labels = read_labels(files, labels);
    if (!test.empty()) {
      out.test.emplace();
      read_examples(files, test, kIdx, *out.test, false, request);
      check_same_shape(out, test.string(), images.string());
      Path beside = labels_beside(test);
      if (!labels.empty() && !beside.empty()) test_labels = read_labels(files, beside);
    }
    learn_range(out, request, images.string());
    if (!labels.empty()) {
      fill_labels(out, train_labels, test_labels, request.labels);
      out.target_name = "label";
    }
    out.fingerprint = files.fingerprint();
    return out;
  }

 private:
  static Labels read_labels(SourceFiles& files, const Path& path) {
    return {parse_idx(files.read(path), path.string()), path.string()};
  }

  static Path find_labels(const Path& images, const ReadRequest& request) {
    const std::string& target = request.target;
    if (target.empty() || (request.target_may_lack && target != kNoTarget))
      return labels_beside(images);
    if (target == kNoTarget) return {};
    for (const Path& path : {images.parent_path() / target, Path(target)}) {
      if (is_file(path)) return path;
    }
    fail(Code::usage,
         "{}: no labels file '{}' beside it or here\nFor IDX data the target is a file of labels.",
         images.string(), target);
  }

  /// The folder's name where the file's own says nothing but "train" or "test".
  static std::string name_of(const Path& images) {
    std::string name = data_name(images);
    for (std::string_view part : kImages) name = name.substr(0, name.rfind(part));
    while (!name.empty() && (name.back() == '-' || name.back() == '_')) name.pop_back();
    bool plain = name.empty() || name == "train" || name == "t10k" || name == "test";
    if (!plain) return name;
    return data_name(images.has_parent_path() ? images.parent_path() : Path("."));
  }
};

}  // namespace

std::unique_ptr<Reader> make_idx_reader(const NoOptions&) { return std::make_unique<IdxReader>(); }

}  // namespace elbo
