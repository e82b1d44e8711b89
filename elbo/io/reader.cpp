// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>

#include "elbo/io/raw.h"
#include "elbo/io/readers.h"
#include "elbo/io/standard_input.h"

namespace elbo {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHeadBytes = 4096;

Bytes read_head(const Path& path) {
  std::ifstream in(path, std::ios::binary);
  Bytes out(kHeadBytes);
  in.read(reinterpret_cast<char*>(out.data()), kHeadBytes);
  out.resize(static_cast<size_t>(in.gcount()));
  return out;
}

/// The file of the folder whose name is nearest, or an empty path. nearest_name compares dotted
/// option names by their last words, which file names must not be.
Path nearest_file(const Path& path) {
  auto undotted = [](const Path& p) {
    std::string name = p.filename().string();
    std::replace(name.begin(), name.end(), '.', ' ');
    return name;
  };
  std::vector<Path> files = list_folder(path.has_parent_path() ? path.parent_path() : Path("."));
  std::vector<std::string> names;
  for (const Path& file : files) names.push_back(undotted(file));
  std::string nearest = nearest_name(undotted(path), names);
  auto it = std::find(names.begin(), names.end(), nearest);
  if (it == names.end()) return {};
  return path.parent_path() / files[static_cast<size_t>(it - names.begin())].filename();
}

[[noreturn]] void refuse_missing(const Path& path) {
  std::string near = nearest_file(path).string();
  if (near.empty()) near = nearest_name(path.string(), shipped_names());
  if (!near.empty()) near = fmt::format("; did you mean '{}'?", near);
  fail(Code::data, "{} does not exist{}\nShipped data sets: {}", path.string(), near,
       fmt::join(shipped_names(), ", "));
}

/// A path must exist, be a file or folder, and be readable; a shipped name needs no path.
void check_path(const Path& path) {
  std::error_code error;
  fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) refuse_missing(path);
  ELBO_CHECK(fs::is_directory(status) || fs::is_regular_file(status), Code::data,
             "{}: neither a file nor a folder", path.string());
  ELBO_CHECK(!is_run_folder(path), Code::data,
             "{}: a run folder, not data\nName the file or folder that holds the examples.",
             path.string());
  int mode = fs::is_directory(status) ? R_OK | X_OK : R_OK;
  ELBO_CHECK(::access(path.c_str(), mode) == 0, Code::data, "cannot read {}: {}", path.string(),
             std::strerror(errno));
  ELBO_CHECK(fs::is_directory(status) || fs::file_size(path, error) > 0, Code::data,
             "{}: the file is empty", path.string());
}

std::string format_list() {
  std::string out;
  for (const MemberInfo& member : readers().members()) {
    if (member.name != "auto") out += fmt::format("\n  {:14}{}", member.name, member.summary);
  }
  return out;
}

/// What a file's name promises; "" when it promises nothing.
std::string format_by_name(const Path& path) {
  std::string name = path.filename().string();
  if (name.ends_with(".gz")) return "a gzip file";
  for (auto [end, format] : {std::pair(".idx", "an IDX file"),
                             {"-ubyte", "an IDX file"},
                             {".npy", "a .npy file"},
                             {".npz", "a .npz file"},
                             {".png", "a PNG picture"},
                             {".jpg", "a JPEG picture"},
                             {".jpeg", "a JPEG picture"}}) {
    if (name.ends_with(end)) return format;
  }
  return "";
}

/// The first reader of the table that accepts the path, or "".
std::string pick(const Path& path, std::span<const std::byte> head) {
  for (const MemberInfo& member : readers().members()) {
    if (member.name == "auto") continue;
    if (readers().make(Part(member.name))->accepts(path, head)) return member.name;
  }
  return "";
}

/// Asks every other reader in the order of the table.
class AutoReader : public Reader {
 public:
  bool accepts(const Path& path, std::span<const std::byte> head) const override {
    return !pick(path, head).empty();
  }

  RawData read(const Path& path, const ReadRequest& request) const override {
    std::string name = reader_for(path);
    if (!name.empty()) return readers().make(Part(name))->read(path, request);
    std::error_code error;
    ELBO_CHECK(!fs::is_directory(path, error), Code::data,
               "{}: holds neither pictures nor IDX files\nPut PNG or JPEG pictures into it, or a "
               "sub-folder of them for each class.",
               path.string());
    std::string promised = format_by_name(path);
    ELBO_CHECK(
        promised.empty(), Code::data,
        "{}: named like {} but its first bytes are not\nThe file is damaged or misnamed; get "
        "it again.",
        path.string(), promised);
    fail(Code::data, "{}: a file of unknown format\nFormats known:{}", path.string(),
         format_list());
  }
};

}  // namespace

Value ColumnReport::to_value() const {
  Value out;
  out["name"] = name;
  out["role"] = role;
  out["taken_as"] = taken_as;
  out["why"] = why;
  out["flags"] = Value::list(flags);
  return out;
}

std::unique_ptr<Reader> make_auto_reader(const NoOptions&) {
  return std::make_unique<AutoReader>();
}

const Family<std::unique_ptr<Reader>>& readers() {
  static const auto family = [] {
    Family<std::unique_ptr<Reader>> f("reader", "what turns a file or folder into examples");
    f.row<NoOptions>("auto", "the first of the others that accepts the path", "", make_auto_reader);
    f.row<NoOptions>("shipped", "a data set that comes with elbo, by name", "",
                     make_shipped_reader);
    f.row<NoOptions>("idx", "MNIST's IDX files, plain or .gz, or a folder of them",
                     "LeCun, Cortes & Burges, the MNIST database", make_idx_reader);
    f.row<NumpyOptions>("npy", "one NumPy array", "NEP 1", make_npy_reader);
    f.row<NumpyOptions>("npz", "NumPy arrays in a zip: x, y, x_test, y_test",
                        "NEP 1; PKWARE APPNOTE", make_npz_reader);
    f.row<ImageOptions>("image-folder", "PNG and JPEG pictures; sub-folders are classes",
                        "ISO/IEC 15948; ISO/IEC 10918", make_image_reader);
    f.row<CsvOptions>("csv", "a table of numbers as text: .csv, .tsv, plain or .gz", "RFC 4180",
                      make_csv_reader);
    return f;
  }();
  return family;
}

std::string reader_for(const Path& path) {
  if (path == "-") return reader_for(standard_input());
  std::error_code error;
  return pick(path, fs::is_directory(path, error) ? Bytes{} : read_head(path));
}

bool is_run_folder(const Path& path) {
  std::error_code error;
  return fs::exists(path / "config.toml", error) && fs::exists(path / "run.json", error);
}

namespace {

RawData read_standard_input(const Part& reader, const ReadRequest& request) {
  const Path& file = standard_input();
  try {
    RawData out = read_data(file, reader, request);
    out.name = "stdin";
    for (std::string& note : out.notes) note = with_standard_input_named(std::move(note));
    return out;
  } catch (const Error& e) {
    throw Error(e.code(), with_standard_input_named(e.message()));
  }
}

}  // namespace

RawData read_data(const Path& path, const Part& reader, const ReadRequest& request) {
  if (path == "-") return read_standard_input(reader, request);
  auto chosen = readers().make(reader);
  bool by_name = make_shipped_reader({})->accepts(path, {});
  bool may_be_name = reader.type == "auto" || reader.type == "shipped";
  if (!(by_name && may_be_name) && reader.type != "shipped") check_path(path);
  RawData out = chosen->read(path, request);
  take_as_images(out, request, path.string());
  return out;
}

}  // namespace elbo
