// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "elbo/io/readers.h"

namespace elbo {
namespace {

class ShippedReader : public Reader {
 public:
  /// A file or folder of the same name comes first, but for a run.
  bool accepts(const Path& path, std::span<const std::byte>) const override {
    std::error_code error;
    bool is_taken = std::filesystem::exists(path, error) && !is_run_folder(path);
    return find(path.string()) && !is_taken;
  }

  RawData read(const Path& path, const ReadRequest& request) const override {
    const ShippedData* data = find(path.string());
    ELBO_CHECK(data, Code::data, "unknown shipped data set '{}'{}", path.string(),
               suggestion(path.string(), shipped_names()));
    Path source = shipped_folder() / data->path;
    std::error_code error;
    ELBO_CHECK(std::filesystem::exists(source, error), Code::data,
               "shipped data set '{}' is not at {}\n"
               "Set the environment variable ELBO_DATASETS to the datasets/ folder of elbo.",
               data->name, source.string());
    RawData out = readers().make(Part(data->reader))->read(source, request);
    out.name = data->name;
    out.format = "shipped";
    return out;
  }

 private:
  static const ShippedData* find(const std::string& name) {
    for (const ShippedData& data : shipped_data()) {
      if (data.name == name) return &data;
    }
    return nullptr;
  }
};

}  // namespace

const std::vector<ShippedData>& shipped_data() {
  static const std::vector<ShippedData> table = {
      {"mnist", "idx", "mnist",
       "70,000 handwritten digits, 28x28 grey (LeCun & Cortes, CC BY-SA 3.0)"},
      {"moons", "csv", "moons/moons.csv",
       "3,000 points in the plane: two moons and a ring, made by tools/make_moons.py"},
  };
  return table;
}

std::vector<std::string> shipped_names() {
  std::vector<std::string> out;
  for (const ShippedData& data : shipped_data()) out.push_back(data.name);
  return out;
}

Path shipped_folder() {
  const char* folder = std::getenv("ELBO_DATASETS");
  return folder && *folder ? Path(folder) : Path(ELBO_SOURCE_DIR) / "datasets";
}

std::unique_ptr<Reader> make_shipped_reader(const NoOptions&) {
  return std::make_unique<ShippedReader>();
}

}  // namespace elbo
