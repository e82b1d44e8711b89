// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "elbo/core/metric.h"
#include "elbo/io/image.h"
#include "elbo/io/image_folder.h"
#include "elbo/io/picture_stack.h"
#include "elbo/io/raw.h"
#include "elbo/io/readers.h"

namespace elbo {
namespace {

namespace fs = std::filesystem;

bool is_folder(const Path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

/// What the first bytes say of a file that is neither PNG nor JPEG.
std::string_view format_of(std::string_view head) {
  for (auto [start, format] : {std::pair<std::string_view, std::string_view>{"GIF8", "GIF"},
                               {"BM", "BMP"},
                               {"II*", "TIFF"},
                               {"MM", "TIFF"},
                               {"RIFF", "WebP"},
                               {"<", "HTML, XML or SVG"},
                               {"version https://git-lfs", "a Git LFS pointer"}}) {
    if (head.starts_with(start)) return format;
  }
  return "of an unknown format";
}

Picture decode(const Bytes& bytes, const std::string& where, const PictureOptions& options) {
  if (is_png(bytes)) return parse_png(bytes, where, options);
  if (is_jpeg(bytes)) return parse_jpeg(bytes, where, options);
  fail(Code::data, "{}: {} by its first bytes, expected PNG or JPEG", where,
       format_of(as_text(bytes)));
}

/// The first names of many, and how many more there are.
std::string some_of(const std::vector<std::string>& names, size_t shown, std::string_view between) {
  std::vector<std::string> first(
      names.begin(), names.begin() + static_cast<ptrdiff_t>(std::min(shown, names.size())));
  std::string more =
      names.size() > shown ? fmt::format("{}and {} more", between, names.size() - shown) : "";
  return fmt::format("{}{}", fmt::join(first, between), more);
}

/// The pictures of a source, read in one way.
class PictureSet {
 public:
  explicit PictureSet(const PictureOptions& options) : options_(options) {}

  void add(const PictureFile& file, PictureStack& stack, RawSet& set,
           std::vector<std::string>& folders) {
    Picture picture;
    try {
      // The name that stands in fingerprints has the slash even where there is no sub-folder.
      Bytes bytes = files_.read(file.path, file.folder + "/" + file.path.filename().string());
      picture = decode(bytes, file.path.string(), options_);
    } catch (const Error& e) {
      if (e.code() != Code::data) throw;
      bad_.push_back(file.name() + ": " + reason_of(e, file));
      is_large_ = is_large_ || e.message().find(kResize) != std::string::npos;
      return;
    }
    turned_ += picture.was_turned;
    cmyk_ += picture.was_cmyk;
    transparent_ += picture.has_alpha;
    stack.add(file.name(), picture.pixels);
    set.ids.push_back(file.name());
    folders.push_back(file.folder);
  }

  /// Refuses pictures that could not be read, unless they are to be left out.
  void check(const std::string& where, int64_t read, bool skip_bad) const {
    if (bad_.empty()) return;
    auto all = read + static_cast<int64_t>(bad_.size());
    std::string resize =
        is_large_ ? fmt::format("Read large ones smaller: {} 64,64\n", kResize) : "";
    std::string skip =
        read > 0 ? "; to go on without them: --reader image-folder --reader.skip_bad true" : ".";
    ELBO_CHECK(skip_bad && read > 0, Code::data,
               "{}: {} of {} cannot be read:\n  {}\n{}Get them again, convert them to PNG, or move "
               "them elsewhere{}",
               where, bad_.size(), counted(all, "picture"), some_of(bad_, 100, "\n  "), resize,
               skip);
  }

  bool has_alpha() const { return transparent_ > 0; }
  std::string fingerprint() const { return files_.fingerprint(); }

  void note(std::vector<std::string>& notes, bool alpha_was_chosen) const {
    if (!bad_.empty()) {
      notes.push_back(fmt::format("{} left out as unreadable: {}",
                                  counted(static_cast<int64_t>(bad_.size()), "picture"),
                                  some_of(bad_, 5, "; ")));
    }
    if (turned_ > 0) {
      notes.push_back(counted(turned_, "picture") + " turned upright by EXIF orientation");
    }
    if (cmyk_ > 0) {
      notes.push_back(counted(cmyk_, "picture") +
                      " in inks (CMYK) made red, green and blue, without a colour profile");
    }
    if (transparent_ == 0) return;
    const char* made = options_.alpha == Alpha::white   ? "laid over a white ground"
                       : options_.alpha == Alpha::black ? "laid over a black ground"
                                                        : "of which alpha alone is the picture";
    notes.push_back(fmt::format(
        "{} with transparent parts, {}{} (--reader image-folder --reader.alpha white, black or "
        "itself)",
        counted(transparent_, "picture"), made,
        alpha_was_chosen ? ", since nothing is left to see on white" : ""));
  }

 private:
  /// Why a file was refused, without its path and the remedy.
  static std::string reason_of(const Error& e, const PictureFile& file) {
    std::string out = e.message(), path = file.path.string() + ": ";
    if (out.starts_with(path)) out.erase(0, path.size());
    return out.substr(0, out.find('\n'));
  }

  static constexpr std::string_view kResize = "--reader image-folder --reader.resize";
  PictureOptions options_;
  SourceFiles files_;
  std::vector<std::string> bad_;
  bool is_large_ = false;  // one of those is too large as it is
  int64_t turned_ = 0, cmyk_ = 0, transparent_ = 0;
};

class ImageReader : public Reader {
 public:
  explicit ImageReader(ImageOptions options) : options_(std::move(options)) {
    size_t n = options_.resize.size();
    ELBO_CHECK(n == 0 || n == 2, Code::usage,
               "reader 'image-folder': resize: expected [height, width], got {} numbers", n);
  }

  bool accepts(const Path& path, std::span<const std::byte> head) const override {
    return is_folder(path) ? holds_pictures(path) : is_png(head) || is_jpeg(head);
  }

  RawData read(const Path& path, const ReadRequest& request) const override {
    bool has_no_column = request.target.empty() || request.target == kNoTarget;
    ELBO_CHECK(has_no_column || request.target_may_lack, Code::usage,
               "{}: target '{}': pictures have no columns; their sub-folders are the labels",
               path.string(), request.target);
    Source source = find(path);
    std::vector<Alpha> ways = ways_of_alpha(request);
    for (size_t i = 0; i < ways.size(); ++i) {
      RawData out = read_pictures(path.string(), source, ways[i], i > 0);
      ValueSpan span = span_of(out);
      bool is_last = i + 1 == ways.size() || out.alpha.empty();
      if (!is_last && !(span.min < span.max)) continue;  // it may be seen on another ground
      out.name = data_name(path);
      learn_range(out, request, path.string());
      fill_classes(path, source, request, out);
      return out;
    }
    fail(Code::failure, "no way to read alpha");
  }

 private:
  /// Where the pictures lie, and in which sub-folder each that was read does.
  struct Source {
    PictureFolder train, test;
    std::vector<std::string> train_folders, test_folders;
  };

  static Source find(const Path& path) {
    Source out;
    if (!is_folder(path)) {
      out.train.pictures = {{path, ""}};
    } else if (is_folder(path / "train") && !has_own_pictures(path)) {
      out.train = find_pictures(path / "train");
      if (is_folder(path / "test")) out.test = find_pictures(path / "test");
      check_alike(out);
    } else {
      out.train = find_pictures(path);
    }
    return out;
  }

  static void check_alike(const Source& source) {
    const auto &train = source.train.pictures, &test = source.test.pictures;
    ELBO_CHECK(test.empty() || train[0].folder.empty() == test[0].folder.empty(), Code::data,
               "{}: has class folders and {} has none, or the reverse",
               train[0].path.parent_path().string(), test[0].path.parent_path().string());
  }

  /// One after another until something is to be seen.
  std::vector<Alpha> ways_of_alpha(const ReadRequest& request) const {
    std::string asked = !request.alpha.empty() ? request.alpha : options_.alpha;
    auto it = std::find(alpha_names().begin(), alpha_names().end(), asked);
    if (it != alpha_names().end()) return {static_cast<Alpha>(it - alpha_names().begin())};
    if (request.range) return {Alpha::white};  // a model's data are not looked at to decide
    return {Alpha::white, Alpha::black, Alpha::itself};
  }

  RawData read_pictures(const std::string& where, Source& source, Alpha alpha,
                        bool alpha_was_chosen) const {
    PictureOptions options;
    if (!options_.resize.empty()) {
      options.height = options_.resize[0];
      options.width = options_.resize[1];
    }
    options.alpha = alpha;
    PictureSet set(options);
    PictureStack train, test;
    RawData out;
    RawSet held;
    source.train_folders.clear(), source.test_folders.clear();
    for (const PictureFile& f : source.train.pictures) {
      set.add(f, train, out.train, source.train_folders);
    }
    for (const PictureFile& f : source.test.pictures) {
      set.add(f, test, held, source.test_folders);
    }
    set.check(where, train.size() + test.size(), options_.skip_bad);
    ELBO_CHECK(train.size() > 0, Code::data, "{}: no picture of the training set can be read",
               where);
    train.widen_as(test);
    test.widen_as(train);
    out.format = "image-folder";
    out.kind = "image";
    out.id_name = "file";
    if (set.has_alpha()) out.alpha = alpha_names()[static_cast<size_t>(alpha)];
    out.train.x = train.take(where);
    if (test.size() > 0) {
      held.x = test.take(where);
      out.test = std::move(held);
      check_same_shape(out, source.test.pictures[0].path.string(),
                       source.train.pictures[0].path.string());
    }
    out.fingerprint = set.fingerprint();
    note_others(source, out.notes);
    set.note(out.notes, alpha_was_chosen);
    if (int64_t n = train.spread() + test.spread(); n > 0) {
      out.notes.push_back(counted(n, "picture") +
                          " of 8 bits among some of 16: spread over 16, 255 onto 65,535");
    }
    return out;
  }

  static void note_others(const Source& source, std::vector<std::string>& notes) {
    std::vector<std::string> names = source.train.passed_over;
    names.insert(names.end(), source.test.passed_over.begin(), source.test.passed_over.end());
    if (names.empty()) return;
    notes.push_back(
        fmt::format("{} passed over as no picture: {}", names.size(), some_of(names, 5, ", ")));
  }

  static void fill_classes(const Path& path, const Source& source, const ReadRequest& request,
                           RawData& out) {
    if (!request.target.empty() || source.train_folders[0].empty()) return;
    std::set<std::string> found(source.train_folders.begin(), source.train_folders.end());
    if (found.size() == 1 && request.labels.empty()) {
      out.notes.push_back(fmt::format(
          "all pictures lie in the sub-folder '{}': one folder makes no classes", *found.begin()));
      return;
    }
    Labels train{{}, path.string(), source.train_folders};
    Labels test{{}, path.string(), source.test_folders};
    fill_labels(out, train, test, request.labels);
    out.target_name = "class";
  }

  ImageOptions options_;
};

}  // namespace

std::unique_ptr<Reader> make_image_reader(const ImageOptions& options) {
  return std::make_unique<ImageReader>(options);
}

}  // namespace elbo
