// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <set>

#include "elbo/io/image.h"
#include "elbo/io/raw.h"
#include "elbo/io/readers.h"

namespace elbo {
namespace {

namespace fs = std::filesystem;

const std::set<std::string> kRead = {".png", ".jpg", ".jpeg", ".jpe"};
const std::set<std::string> kNotRead = {".gif", ".bmp", ".tif",  ".tiff", ".webp", ".ppm",
                                        ".pgm", ".pbm", ".heic", ".avif", ".jp2",  ".svg",
                                        ".psd", ".ico", ".tga",  ".exr",  ".hdr"};

std::string extension(const Path& path) {
  std::string out = path.extension().string();
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

bool is_folder(const Path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool is_picture(const Path& path) { return kRead.count(extension(path)) && !is_folder(path); }

std::vector<Path> pictures_in(const Path& folder) {
  std::vector<Path> out;
  for (const Path& path : list_folder(folder)) {
    if (is_picture(path)) out.push_back(path);
  }
  return out;
}

std::vector<Path> folders_in(const Path& folder) {
  std::vector<Path> out;
  for (const Path& path : list_folder(folder)) {
    if (is_folder(path)) out.push_back(path);
  }
  return out;
}

void check_formats(const Path& folder) {
  for (const Path& path : list_folder(folder)) {
    ELBO_CHECK(!kNotRead.count(extension(path)) || is_folder(path), Code::data,
               "{}: a picture of a format that is not read, expected PNG or JPEG\n"
               "Convert it, or move it out of the folder.",
               path.string());
  }
}

/// A picture and the class its folder names; no class is "".
struct Picture {
  Path path;
  std::string label;
};

/// The pictures of a folder, or of its sub-folders, each of which is a class.
std::vector<Picture> find_pictures(const Path& folder) {
  check_formats(folder);
  std::vector<Picture> out;
  for (const Path& path : pictures_in(folder)) out.push_back({path, ""});
  std::vector<Path> empty;
  size_t top = out.size();
  for (const Path& sub : folders_in(folder)) {
    check_formats(sub);
    std::vector<Path> inside = pictures_in(sub);
    if (inside.empty()) empty.push_back(sub);
    ELBO_CHECK(inside.empty() || top == 0, Code::data,
               "{}: pictures stand both in the folder ({}) and in the sub-folder {}\n"
               "Put all of them into sub-folders, one for each class, or none.",
               folder.string(), out[0].path.filename().string(), sub.filename().string());
    for (const Path& path : inside) out.push_back({path, sub.filename().string()});
    for (const Path& deeper : inside.empty() ? std::vector<Path>{} : folders_in(sub)) {
      ELBO_CHECK(pictures_in(deeper).empty(), Code::data,
                 "{}: a folder of pictures inside a class folder; classes are one level deep",
                 deeper.string());
    }
  }
  ELBO_CHECK(!out.empty(), Code::data,
             "{}: no pictures in this folder or its sub-folders, expected .png or .jpg files",
             folder.string());
  ELBO_CHECK(top > 0 || empty.empty(), Code::data,
             "{}: no pictures in this folder, expected some as in {}\nPut pictures into it, or "
             "move it elsewhere.",
             empty[0].string(), out[0].path.parent_path().string());
  return out;
}

Array decode(const Bytes& bytes, const std::string& where) {
  if (is_png(bytes)) return parse_png(bytes, where);
  if (is_jpeg(bytes)) return parse_jpeg(bytes, where);
  fail(Code::data, "{}: neither PNG nor JPEG by its first bytes\nGet the file again, or remove it.",
       where);
}

bool is_grey(const Array& image) {
  if (image.shape[2] == 1) return true;
  auto p = image.as<uint8_t>();
  for (size_t i = 0; i + 2 < p.size(); i += 3) {
    if (p[i] != p[i + 1] || p[i] != p[i + 2]) return false;
  }
  return true;
}

/// Pictures of one size, grey until the first coloured one comes.
class Stack {
 public:
  explicit Stack(const std::vector<int64_t>& resize) : resize_(resize) {}

  void add(const Path& path, Array image) {
    if (!resize_.empty()) image = resize_image(image, resize_[0], resize_[1]);
    if (count_++ == 0) {
      first_ = path.string();
      height_ = image.shape[0];
      width_ = image.shape[1];
    }
    ELBO_CHECK(image.shape[0] == height_ && image.shape[1] == width_, Code::data,
               "{}: {} x {} pixels (height x width), but {} has {} x {}\n"
               "To bring all pictures to one size: --reader image-folder --reader.resize {},{}",
               path.string(), image.shape[0], image.shape[1], first_, height_, width_, height_,
               width_);
    if (channels_ == 1 && !is_grey(image)) make_coloured();
    append(image);
  }

  bool is_coloured() const { return channels_ == 3; }
  void make_coloured() {
    if (channels_ == 3) return;
    Bytes wide;
    wide.reserve(pixels_.size() * 3);
    for (std::byte b : pixels_) wide.insert(wide.end(), 3, b);
    pixels_ = std::move(wide);
    channels_ = 3;
  }
  Array take() {
    std::vector<int64_t> shape = {count_, height_, width_};
    if (channels_ == 3) shape.push_back(3);
    return {DType::u8, std::move(shape), std::move(pixels_)};
  }

 private:
  void append(const Array& image) {
    auto c = static_cast<size_t>(image.shape[2]);
    if (c == static_cast<size_t>(channels_)) {
      pixels_.insert(pixels_.end(), image.data.begin(), image.data.end());
      return;
    }
    for (size_t i = 0; i < image.data.size(); i += c) {
      pixels_.insert(pixels_.end(), static_cast<size_t>(channels_), image.data[i]);
    }
  }

  std::vector<int64_t> resize_;
  Bytes pixels_;
  std::string first_;
  int64_t count_ = 0, height_ = 0, width_ = 0, channels_ = 1;
};

std::vector<std::string> class_names(const std::vector<Picture>& a, const std::vector<Picture>& b) {
  std::set<std::string> names;
  for (const Picture& picture : a) names.insert(picture.label);
  for (const Picture& picture : b) names.insert(picture.label);
  return {names.begin(), names.end()};
}

Array class_indices(const std::vector<Picture>& pictures, const std::vector<std::string>& names) {
  Array out = make_array(DType::i64, {static_cast<int64_t>(pictures.size())});
  auto to = out.as<int64_t>();
  for (size_t i = 0; i < pictures.size(); ++i) {
    to[i] = std::lower_bound(names.begin(), names.end(), pictures[i].label) - names.begin();
  }
  return out;
}

class ImageReader : public Reader {
 public:
  explicit ImageReader(ImageOptions options) : options_(std::move(options)) {
    size_t n = options_.resize.size();
    ELBO_CHECK(n == 0 || n == 2, Code::usage,
               "reader 'image-folder': resize: expected [height, width], got {} numbers", n);
  }

  bool accepts(const Path& path, std::span<const std::byte> head) const override {
    if (!is_folder(path)) return is_png(head) || is_jpeg(head);
    if (!pictures_in(path).empty()) return true;
    for (const Path& sub : folders_in(path)) {
      if (!pictures_in(sub).empty()) return true;
      if (is_split(sub) && accepts(sub, {})) return true;
    }
    return false;
  }

  RawData read(const Path& path, const ReadRequest& request) const override {
    bool has_no_column = request.target.empty() || request.target == kNoTarget;
    ELBO_CHECK(has_no_column || request.target_may_lack, Code::usage,
               "{}: target '{}': pictures have no columns; their sub-folders are the labels",
               path.string(), request.target);
    std::vector<Picture> train, test;
    if (!is_folder(path)) {
      train = {{path, ""}};
    } else if (is_folder(path / "train") && pictures_in(path).empty()) {
      train = find_pictures(path / "train");
      if (is_folder(path / "test")) test = find_pictures(path / "test");
    } else {
      train = find_pictures(path);
    }
    RawData out;
    out.name = data_name(path);
    out.format = "image-folder";
    out.kind = "image";
    read_pixels(train, test, out);
    if (request.target.empty() && !train[0].label.empty()) {
      out.label_names = class_names(train, test);
      out.target_name = "class";
      out.train.y = class_indices(train, out.label_names);
      if (out.test) out.test->y = class_indices(test, out.label_names);
    }
    return out;
  }

 private:
  static bool is_split(const Path& path) {
    return path.filename() == "train" || path.filename() == "test";
  }

  void read_pixels(const std::vector<Picture>& train, const std::vector<Picture>& test,
                   RawData& out) const {
    ELBO_CHECK(test.empty() || train[0].label.empty() == test[0].label.empty(), Code::data,
               "{}: has class folders and {} has none, or the reverse",
               train[0].path.parent_path().string(), test[0].path.parent_path().string());
    SourceFiles files;
    Stack train_stack(options_.resize), test_stack(options_.resize);
    auto add = [&](const Picture& p, Stack& stack) {
      std::string name = p.label + "/" + p.path.filename().string();
      stack.add(p.path, decode(files.read(p.path, std::move(name)), p.path.string()));
    };
    for (const Picture& p : train) add(p, train_stack);
    for (const Picture& p : test) add(p, test_stack);
    if (test_stack.is_coloured()) train_stack.make_coloured();
    if (train_stack.is_coloured()) test_stack.make_coloured();
    out.train.x = train_stack.take();
    if (!test.empty()) {
      out.test.emplace();
      out.test->x = test_stack.take();
      check_same_shape(out, test[0].path.string(), train[0].path.string());
    }
    out.fingerprint = files.fingerprint();
  }

  ImageOptions options_;
};

}  // namespace

std::unique_ptr<Reader> make_image_reader(const ImageOptions& options) {
  return std::make_unique<ImageReader>(options);
}

}  // namespace elbo
