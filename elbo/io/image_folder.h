// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/core/files.h"

namespace elbo {

/// A file that should be a picture, and the sub-folder in which it lies ("" for the folder itself).
struct PictureFile {
  Path path;
  std::string folder;
  /// "cat/1.png", or "1.png" in the folder itself.
  std::string name() const;
};

/// The pictures of a folder, or of its sub-folders, each of which is a class, in order of name.
struct PictureFolder {
  std::vector<PictureFile> pictures;
  std::vector<std::string> passed_over;  ///< what else lies there: hidden files, other files
};

/// Whether a folder holds pictures, or sub-folders of them, by the names of its files. Files of
/// picture formats that are not read count, so that they are named. Never throws.
bool holds_pictures(const Path& folder);

/// Whether pictures lie in the folder itself.
bool has_own_pictures(const Path& folder);

/// Throws Error(Code::data) where there are none, or they do not lie as data do.
PictureFolder find_pictures(const Path& folder);

}  // namespace elbo
