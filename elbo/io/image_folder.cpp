// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/image_folder.h"

#include <algorithm>
#include <set>

#include "elbo/io/raw.h"

namespace elbo {
namespace {

namespace fs = std::filesystem;

const std::set<std::string> kPictures = {
    ".png", ".jpg",  ".jpeg", ".jpe",                            // read
    ".gif", ".bmp",  ".tif",  ".tiff", ".webp", ".ppm", ".pgm",  // named as not read
    ".pbm", ".heic", ".avif", ".jp2",  ".svg",  ".psd", ".ico", ".tga", ".exr", ".hdr"};

/// What file managers, archives and disks leave beside data.
const std::set<std::string> kJunkFolders = {"__macosx", "@eadir", "lost+found", "$recycle.bin",
                                            "system volume information"};

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

bool is_folder(const Path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

/// What lies in a folder.
struct Contents {
  std::vector<Path> pictures, folders, other;
};

Contents contents_of(const Path& folder) {
  Contents out;
  for (const Path& path : list_folder(folder, /*with_hidden=*/true)) {
    std::string name = lower(path.filename().string());
    bool is_junk = name.starts_with('.') || kJunkFolders.count(name);
    if (is_junk) {
      out.other.push_back(path);
    } else if (is_folder(path)) {
      out.folders.push_back(path);
    } else {
      bool is_picture = kPictures.count(lower(path.extension().string()));
      (is_picture ? out.pictures : out.other).push_back(path);
    }
  }
  return out;
}

class Finder {
 public:
  explicit Finder(const Path& folder) : folder_(folder), top_(contents_of(folder)) {}

  PictureFolder find() {
    for (const Path& path : top_.pictures) out_.pictures.push_back({path, ""});
    pass_over(top_.other);
    for (const Path& sub : top_.folders) add_folder(sub);
    ELBO_CHECK(!out_.pictures.empty(), Code::data,
               "{}: no pictures in this folder or its sub-folders, expected .png or .jpg files",
               folder_.string());
    if (!top_.pictures.empty()) {
      pass_over(empty_);
    } else {
      ELBO_CHECK(empty_.empty(), Code::data,
                 "{}: no pictures in this folder, expected some as in {}\nPut pictures into it, or "
                 "move it elsewhere.",
                 empty_[0].string(), out_.pictures[0].path.parent_path().string());
    }
    return std::move(out_);
  }

 private:
  void add_folder(const Path& sub) {
    Contents inside = contents_of(sub);
    if (inside.pictures.empty()) {
      empty_.push_back(sub);
      return;
    }
    ELBO_CHECK(top_.pictures.empty(), Code::data,
               "{}: pictures stand both in the folder ({}) and in the sub-folder {}\n"
               "Put all of them into sub-folders, one for each class, or none.",
               folder_.string(), top_.pictures[0].filename().string(), sub.filename().string());
    for (const Path& path : inside.pictures) {
      out_.pictures.push_back({path, sub.filename().string()});
    }
    for (const Path& deeper : inside.folders) {
      ELBO_CHECK(contents_of(deeper).pictures.empty(), Code::data,
                 "{}: a folder of pictures inside a class folder; classes are one level deep",
                 deeper.string());
    }
    pass_over(inside.other);
    pass_over(inside.folders);
  }

  void pass_over(const std::vector<Path>& paths) {
    for (const Path& path : paths) {
      out_.passed_over.push_back(path.lexically_relative(folder_).string());
    }
  }

  Path folder_;
  Contents top_;
  PictureFolder out_;
  std::vector<Path> empty_;  // sub-folders without pictures
};

}  // namespace

std::string PictureFile::name() const {
  std::string file = path.filename().string();
  return folder.empty() ? file : folder + "/" + file;
}

bool holds_pictures(const Path& folder) {
  Contents top = contents_of(folder);
  if (!top.pictures.empty()) return true;
  return std::any_of(top.folders.begin(), top.folders.end(), [](const Path& sub) {
    std::string name = sub.filename().string();
    bool is_split = name == "train" || name == "test";
    return !contents_of(sub).pictures.empty() || (is_split && holds_pictures(sub));
  });
}

bool has_own_pictures(const Path& folder) { return !contents_of(folder).pictures.empty(); }

PictureFolder find_pictures(const Path& folder) { return Finder(folder).find(); }

}  // namespace elbo
