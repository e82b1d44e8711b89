// SPDX-License-Identifier: Apache-2.0
#include "tests/cli/fixtures.h"

#include <sys/stat.h>

#include <fstream>
#include <string>

#include "elbo/io/gzip.h"
#include "elbo/io/idx.h"
#include "elbo/io/image.h"
#include "elbo/io/npy.h"

namespace elbo::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

/// Writes files below one folder, without the fsync of write_file.
class Writer {
 public:
  explicit Writer(Path folder) : folder_(std::move(folder)) {}
  void operator()(const Path& name, std::string_view text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  void operator()(const Path& name, const Bytes& bytes) const { (*this)(name, as_text(bytes)); }

 private:
  Path folder_;
};

std::string text_of(const Bytes& bytes) { return std::string(as_text(bytes)); }

Array ramp(DType dtype, std::vector<int64_t> shape) {
  Array out = make_array(dtype, std::move(shape));
  for (size_t i = 0; i < out.data.size(); ++i) out.data[i] = std::byte(i * 37 % 251);
  return out;
}

/// [40, 4] of quarters between -2 and 2.
Array table() {
  Array out = make_array(DType::f32, {40, 4});
  auto x = out.as<float>();
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.25F * static_cast<float>(i * 7 % 17) - 2;
  return out;
}

std::string npy(const std::string& header, const std::string& data) {
  std::string padded = header + std::string((64 - (header.size() + 11) % 64) % 64, ' ') + "\n";
  std::string out = "\x93NUMPY\x01\0"s;
  out += static_cast<char>(padded.size() & 255);
  out += static_cast<char>(padded.size() >> 8);
  return out + padded + data;
}

std::string npy_header(const std::string& descr, const std::string& order,
                       const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

void write_tables(const Writer& put) {
  std::string rows = "a,b,c\n";
  for (int i = 0; i < 12; ++i) rows += fmt::format("{},{},{}\n", i, i * i % 7, 0.5 * (i % 5));
  put("good.csv", rows);
  put("ragged.csv", "a,b,c\n1,2,3\n4,5\n6,7,8\n");
  put("text.csv", "a,b,c\n1,2,3\n4,five,6\n7,8,9\n10,11,12\n");
  put("infinite.csv", "a,b\n1,2\n3,inf\n5,6\n");
  put("huge.csv", "a,b\n1,2\n3,1e400\n5,6\n");
  put("empty.csv", "");
  put("header.csv", "a,b,c\n");
  put("quote.csv", "a,b\n1,2\n\"3,4\n5,6\n");
  put("binary.csv", "a,b\n1,2\n3,\0\n"s);
  put("one_row.csv", "a,b\n1,2\n");
  put("only_target.csv", "a\n1\n2\n3\n");
  put("text_column.csv", "name,a\nann,1\nben,2\ncat,3\n");
  put("missing_target.csv", "a,b\n1,x\n2,\n3,y\n");
  put("twice.csv", "a,a,b\n1,2,3\n4,5,6\n7,8,9\n");
  std::string cut = text_of(gzip(as_bytes(rows)));
  put("cut.csv.gz", cut.substr(0, cut.size() - 12));
  cut[cut.size() - 6] ^= 1;  // of the CRC
  put("damaged.csv.gz", cut);
}

void write_arrays(const Writer& put) {
  Array good = table();
  std::string data(as_text(good.data)), big = data, nan = data;
  put("good.npy", encode_npy(good));
  put("fortran.npy", npy(npy_header("<f4", "True", "(40, 4)"), data));
  for (size_t i = 0; i < big.size(); i += 4) std::reverse(big.begin() + i, big.begin() + i + 4);
  put("big_endian.npy", npy(npy_header(">f4", "False", "(40, 4)"), big));
  nan.replace(4 * (4 * 7 + 2), 4, "\0\0\xc0\x7f"s);
  put("nan.npy", npy(npy_header("<f4", "False", "(40, 4)"), nan));
  put("cut.npy", text_of(encode_npy(good)).substr(0, 500));
  put("object.npy", npy(npy_header("|O", "False", "(3,)"), "\x80\x04K\x01."));
  put("text.npy", npy(npy_header("<U7", "False", "(3,)"), std::string(84, 'a')));
  put("complex.npy", npy(npy_header("<c8", "False", "(10, 4)"), std::string(320, '\0')));
  put("fields.npy",
      npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", data));
  put("overflow.npy", npy(npy_header("<f4", "False", "(4611686018427387904, 8)"), data));
  put("negative.npy", npy(npy_header("<f4", "False", "(-1, 8)"), data));
  put("no_shape.npy", npy("{'descr': '<f4', 'fortran_order': False, }", data));
  put("no_rows.npy", npy(npy_header("<f4", "False", "(0, 4)"), ""));
  put("scalar.npy", npy(npy_header("<f4", "False", "()"), "\0\0\0\0"s));
  put("huge_header.npy", "\x93NUMPY\x02\0\xff\xff\xff\x7f"s + npy_header("<f4", "False", "(1,)"));
  put("version.npy", "\x93NUMPY\x09\0\x10\0"s + std::string(16, ' '));
  put("wide.npy", encode_npy(ramp(DType::u8, {40, 6})));
  put("five_labels.npy", encode_npy(ramp(DType::u8, {5})));
  Array other = table();
  for (float& v : other.as<float>()) v = -v;
  put("changed.npy", encode_npy(other));
  put("two.npz", encode_npz({{"first", good}, {"second", good}}));
  put("labels.npz", encode_npz({{"x", good}, {"y", ramp(DType::u8, {39})}}));
  std::string zip = text_of(encode_npz({{"x", good}}));
  put("cut.npz", zip.substr(0, zip.size() - 30));
  zip[200] ^= 1;
  put("damaged.npz", zip);
}

void write_images(const Writer& put) {
  std::string images = text_of(encode_idx(ramp(DType::u8, {30, 6, 5})));
  std::string labels = text_of(encode_idx(ramp(DType::u8, {29})));
  put("magic.idx", "\0\1\x08\3"s + images.substr(4));
  put("idx_cut/train-images-idx3-ubyte", images.substr(0, images.size() - 7));
  std::string packed = text_of(gzip(as_bytes(images)));
  put("idx_gz/train-images-idx3-ubyte.gz", packed.substr(0, packed.size() / 2));
  put("idx_overflow/train-images-idx3-ubyte", "\0\0\x08\3"s + std::string(12, '\xff') + "abc");
  put("idx_labels/train-images-idx3-ubyte", images);
  put("idx_labels/train-labels-idx1-ubyte", labels);
  put("idx_test/train-images-idx3-ubyte", images);
  put("idx_test/t10k-images-idx3-ubyte", encode_idx(ramp(DType::u8, {10, 6, 6})));
  put("idx_two/a-images-idx3-ubyte", images);
  put("idx_two/b-images-idx3-ubyte", images);

  std::string png = text_of(encode_png(ramp(DType::u8, {6, 5, 1})));
  put("mixed/a.png", png);
  put("mixed/b.png", encode_png(ramp(DType::u8, {6, 7, 1})));
  put("corrupt/a.png", png);
  std::string damaged = png;
  damaged[damaged.size() / 2] ^= 0x55;
  put("corrupt/b.png", damaged);
  put("cut/a.png", png.substr(0, png.size() - 20));
  put("fake/a.png", "this is no picture");
  put("fake_jpeg/a.jpg", "\xff\xd8\xff\xe0\0\x10JFIF\0"s);
  put("bmp/a.png", png);
  put("bmp/b.bmp", "BM");
  put("both/a.png", png);
  put("both/class/b.png", png);
  put("unknown/readme.md", "nothing to learn from here\n");
  put("unknown.xyz", "\1\2\3\4\5\6\7\x08");
}

void write_configurations(const Writer& put) {
  put("syntax.toml", "[train]\nepochs = \n");
  put("key.toml", "[train]\nepoch = 3\n");
  put("preset.toml", "summary = \"\"\npaper = \"\"\nexpect = \"\"\n[train]\nepoch = 3\n");
  put("section.toml", "[trian]\nepochs = 3\n");
  put("type.toml", "[train]\nepochs = \"three\"\n");
  put("range.toml", "[model.encoder]\ntype = \"mlp\"\ndropout = 1.5\n");
  put("date.toml", "seed = 2024-01-01\n");
  put("twice.toml", "seed = 1\nseed = 2\n");
  put("list.toml", "[train]\nlr = [1, 2]\n");
}

void flip(const Path& file, size_t at) {
  std::string text = read_text(file);
  text.at(at) ^= 1;
  std::ofstream(file, std::ios::binary) << text;
}

void replace(const Path& file, const std::string& from, const std::string& to) {
  std::string text = read_text(file);
  text.replace(text.find(from), from.size(), to);
  std::ofstream(file, std::ios::binary) << text;
}

}  // namespace

void make_data_fixtures(const Path& folder) {
  Writer put(folder);
  write_tables(put);
  write_arrays(put);
  write_images(put);
  write_configurations(put);
  fs::create_directories(folder / "nothing");
  ::mkfifo((folder / "pipe").c_str(), 0600);
}

void make_good_fixtures(const Path& folder) {
  Writer put(folder);
  std::string rows = "width,height,kind\n";
  for (int i = 0; i < 60; ++i) {
    bool is_big = i % 2 == 0;
    double width = (is_big ? 9 : 5) + 0.05 * (i * 7 % 11), height = 2 * width + 0.1 * (i * 5 % 13);
    rows += fmt::format("{:.2f},{:.2f},{}\n", width, height, is_big ? "big" : "small");
  }
  put("plants.csv", rows);
  put("new.csv", "height,width\n18.5,9.1\n10.4,5.2\n60,5\n");
  for (int i = 0; i < 40; ++i) {  // a bright row above or below
    Array picture = make_array(DType::u8, {8, 8, 1});
    for (size_t c = 0; c < 8; ++c)
      picture.as<uint8_t>()[(i % 2 ? 5 : 2) * 8 + c] = uint8_t(250 - i);
    put(fmt::format("pictures/{}/{:02}.png", i % 2 ? "low" : "high", i), encode_png(picture));
  }
  put("numbers.npy", encode_npy(table()));
}

void make_run_fixtures(const Path& folder) {
  auto copy = [&](const char* name) {
    fs::copy(folder / "run", folder / name, fs::copy_options::recursive);
    return folder / name;
  };
  flip(copy("run_weights") / "best/model.safetensors", 700);
  flip(copy("run_header") / "best/model.safetensors", 30);
  replace(copy("run_edited") / "best/model.json", "\"latent\": 2", "\"latent\": 3");
  replace(copy("run_json") / "best/model.json", "\"latent\": 2,", "\"latent\": 2,,");
  replace(copy("run_version") / "best/model.json", "\"version\": 1", "\"version\": 2");
  fs::remove(copy("run_half") / "best/model.safetensors");
  fs::resize_file(copy("run_cut") / "best/model.safetensors", 900);
  flip(copy("run_state") / "last/state.safetensors", 700);
  replace(copy("run_progress") / "last/state.json", "\"epoch\": 2", "\"epoch\": 1");
  replace(copy("run_changed") / "config.toml", "good.npy", "changed.npy");
  replace(copy("run_moved") / "config.toml", "good.npy", "gone.npy");
  replace(copy("run_key") / "config.toml", "epochs", "epoch");
  replace(copy("run_wider") / "config.toml", "sizes = [8]", "sizes = [9]");
  fs::remove(copy("run_bare") / "run.json");
  Path copied = copy("run_no_model");
  fs::remove_all(copied / "best");
  fs::remove_all(copied / "last");
}

}  // namespace elbo::testing
