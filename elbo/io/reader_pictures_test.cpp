// SPDX-License-Identifier: Apache-2.0
// Folders of pictures as people have them.
#include "elbo/io/image.h"
#include "elbo/io/reader.h"
#include "elbo/io/testing.h"

namespace elbo {
namespace {

using Shape = std::vector<int64_t>;
using Texts = std::vector<std::string>;

class Pictures : public FolderTest {
 protected:
  void put_grey(const Path& name, uint8_t start = 0) {
    put(name, encode_png(bytes_array({2, 2, 1}, start)));
  }
  RawData read(const Path& name, const std::string& options = "", const ReadRequest& request = {}) {
    return read_data(folder / name, reader(options), request);
  }
  std::string refused(const Path& name, const std::string& options = "") {
    std::string message = message_of([&] { read(name, options); });
    for (size_t at; (at = message.find(folder.string())) != std::string::npos;) {
      message.replace(at, folder.string().size(), "D");
    }
    return message;
  }
  static Part reader(const std::string& options) {
    return Part("image-folder", options.empty() ? Value::table() : parse_toml(options, "test"));
  }
};

TEST_F(Pictures, NamesOfFilesAreIds) {
  put_grey("p/b/1.png", 1), put_grey("p/a/2.png", 2), put_grey("p/a/10.png", 3);
  RawData data = read("p");
  EXPECT_EQ(data.id_name, "file");
  EXPECT_EQ(data.train.ids, (Texts{"a/10.png", "a/2.png", "b/1.png"}));
  EXPECT_EQ(data.train.x.as<uint8_t>()[0], 3);
  put_grey("q/train/1.png", 1), put_grey("q/test/x.png", 2), put_grey("q/test/y.png", 2);
  data = read("q");
  EXPECT_EQ(data.train.ids, Texts{"1.png"});
  EXPECT_EQ(data.test->ids, (Texts{"x.png", "y.png"}));
  EXPECT_EQ(read("q/train/1.png").train.ids, Texts{"1.png"});
}

TEST_F(Pictures, SixteenBitsAreKeptAndTheirRangeLearned) {
  put("p/1.png", any_png(1, 2, 16, 0, {0, 900}));
  put("p/2.png", any_png(1, 2, 16, 0, {3, 17}));
  RawData data = read("p");
  EXPECT_EQ(values<float>(data.train.x), (std::vector<float>{0, 900, 3, 17}));
  EXPECT_EQ(data.range, (ValueRange{0, 1023}));
  put("p/3.png", any_png(1, 2, 8, 0, {1, 255}));
  data = read("p");
  EXPECT_EQ(values<float>(data.train.x), (std::vector<float>{0, 900, 3, 17, 257, 65535}));
  EXPECT_EQ(data.range, (ValueRange{0, 65535}));
  EXPECT_EQ(data.notes,
            (Texts{"1 picture of 8 bits among some of 16: spread over 16, 255 onto 65,535",
                   "pixels from 0 to 65535: 0 is taken for black and 65535 for white"}));
  put("p/4.png", any_png(1, 2, 8, 2, {1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(read("p").train.x.shape, (Shape{4, 1, 2, 3}));
  EXPECT_EQ(read("p").train.x.as<float>()[3 * 6 + 5], 6 * 257);
}

TEST_F(Pictures, PicturesOfFewLevelsAreScaledByTheirOwnRange) {
  for (auto [largest, white] :
       {std::pair{1, 1}, {15, 15}, {16, 16}, {31, 31}, {100, 100}, {200, 255}}) {
    put("p/1.png", any_png(1, 2, 8, 0, {0, largest}));
    EXPECT_EQ(read("p").range, (ValueRange{0, double(white)}));
  }
}

// White shapes show on black only; shapes of a clear black, in alpha only.
TEST_F(Pictures, AlphaIsLaidWhereSomethingIsToBeSeen) {
  put("w/1.png", any_png(1, 2, 8, 6, {255, 255, 255, 0, 255, 255, 255, 255}));
  put("w/2.png", any_png(1, 2, 8, 6, {255, 255, 255, 100, 255, 255, 255, 255}));
  RawData white = read("w");
  EXPECT_EQ(values<uint8_t>(white.train.x), (std::vector<uint8_t>{0, 255, 100, 255}));
  EXPECT_EQ(white.alpha, "black");
  EXPECT_EQ(white.notes,
            Texts{"2 pictures with transparent parts, laid over a black ground, since nothing is "
                  "left to see on white (--reader image-folder --reader.alpha white, black or "
                  "itself)"});
  put("c/1.png", any_png(1, 2, 8, 4, {0, 0, 0, 255}));
  RawData clear = read("c");
  EXPECT_EQ(values<uint8_t>(clear.train.x), (std::vector<uint8_t>{255, 0})) << "black on white";
  EXPECT_EQ(clear.alpha, "white");
  RawData itself = read("c", "alpha = 'itself'");
  EXPECT_EQ(values<uint8_t>(itself.train.x), (std::vector<uint8_t>{0, 255}));
  EXPECT_EQ(itself.alpha, "itself");
  EXPECT_EQ(refused("c", "alpha = 'black'").substr(0, 40),
            "D/c: every pixel of every picture has th");
  put("o/1.png", any_png(1, 2, 8, 4, {0, 255, 9, 255}));
  EXPECT_EQ(read("o").alpha, "") << "nothing is transparent";
}

TEST_F(Pictures, AModelsDataMeetAlphaAsItsOwnDid) {
  put("p/1.png", any_png(1, 2, 8, 4, {0, 0, 200, 255}));
  ReadRequest request;
  request.range = ValueRange{};
  request.alpha = "black";
  EXPECT_EQ(values<uint8_t>(read("p", "", request).train.x), (std::vector<uint8_t>{0, 200}));
  put("q/1.png", any_png(1, 2, 8, 4, {255, 0, 255, 255}));
  request.alpha = "";
  EXPECT_EQ(values<uint8_t>(read("q", "", request).train.x), (std::vector<uint8_t>{255, 255}));
}

TEST_F(Pictures, NothingToSeeIsRefused) {
  put("p/1.png", any_png(1, 2, 8, 6, {7, 7, 7, 255, 7, 7, 7, 255}));
  EXPECT_EQ(refused("p"),
            "D/p: every pixel of every picture has the same value, 7: there is nothing to learn\n"
            "Are these the right files, and were they made without loss?");
}

TEST_F(Pictures, ExifTurnsThemUprightBeforeTheirSizesAreCompared) {
  put("p/1.png", any_png(1, 2, 8, 0, {1, 2}));
  put("p/2.png", any_png(2, 1, 8, 0, {3, 4}, exif_of(8)));
  RawData data = read("p");
  EXPECT_EQ(values<uint8_t>(data.train.x), (std::vector<uint8_t>{1, 2, 3, 4}));
  EXPECT_EQ(data.notes[0], "1 picture turned upright by EXIF orientation");
}

TEST_F(Pictures, JunkIsPassedOverAndCounted) {
  put_grey("p/1.png"), put_grey("p/__MACOSX/1.png"), put_grey("p/@eaDir/1.png");
  put("p/._1.png", "resource fork"), put("p/.DS_Store", "x"), put("p/Thumbs.db", "x");
  put("p/desktop.ini", "x"), put("p/README.txt", "x");
  RawData data = read("p");
  EXPECT_EQ(data.train.ids, Texts{"1.png"});
  EXPECT_EQ(data.notes[0],
            "7 passed over as no picture: .DS_Store, ._1.png, @eaDir, "
            "README.txt, Thumbs.db, and 2 more");
  put_grey("m/__MACOSX/._x.png"), put_grey("m/pics/1.png"), put("m/pics/Thumbs.db", "x");
  data = read_data(folder / "m");
  EXPECT_EQ(data.train.ids, Texts{"pics/1.png"});
  EXPECT_TRUE(data.label_names.empty());
  EXPECT_EQ(data.notes.back(),
            "all pictures lie in the sub-folder 'pics': one folder makes no classes");
  std::filesystem::create_directories(folder / "c/a/__MACOSX");
  put_grey("c/a/1.png"), put_grey("c/b/1.png"), put_grey("c/a/__MACOSX/._1.png");
  EXPECT_EQ(read("c").label_names, (Texts{"a", "b"}));
}

TEST_F(Pictures, AllThatCannotBeReadAreNamedTogether) {
  put_grey("p/1.png"), put_grey("p/9.png", 5);
  put("p/2.png", ""), put("p/3.jpg", "GIF89a"), put("p/4.png", "<html>404</html>");
  Bytes whole = encode_png(bytes_array({2, 2, 1}));
  put("p/5.png", std::span<const std::byte>(whole).first(50));
  put("p/6.tif", "II*"), put("p/7.webp", "RIFF"),
      put("p/8.png", "version https://git-lfs.github.com");
  std::string message = refused("p");
  EXPECT_TRUE(
      message.starts_with("D/p: 7 of 9 pictures cannot be read:\n"
                          "  2.png: the file is empty\n"
                          "  3.jpg: GIF by its first bytes, expected PNG or JPEG\n"
                          "  4.png: HTML, XML or SVG by its first bytes, expected PNG or "
                          "JPEG\n"
                          "  5.png: damaged PNG at byte "))
      << message;
  EXPECT_TRUE(message.ends_with(
      "  6.tif: TIFF by its first bytes, expected PNG or JPEG\n"
      "  7.webp: WebP by its first bytes, expected PNG or JPEG\n"
      "  8.png: a Git LFS pointer by its first bytes, expected PNG or "
      "JPEG\n"
      "Get them again, convert them to PNG, or move them elsewhere; to go on without them: "
      "--reader image-folder --reader.skip_bad true"))
      << message;
  RawData data = read("p", "skip_bad = true");
  EXPECT_EQ(data.train.ids, (Texts{"1.png", "9.png"}));
  EXPECT_TRUE(data.notes[0].starts_with(
      "7 pictures left out as unreadable: 2.png: the file is empty; 3.jpg: GIF"))
      << data.notes[0];
  put("q/1.gif", "GIF89a");
  EXPECT_EQ(message_of([&] { read_data(folder / "q"); }),
            (folder / "q").string() +
                ": 1 of 1 picture cannot be read:\n  1.gif: GIF by its first bytes, expected PNG "
                "or JPEG\nGet them again, convert them to PNG, or move them elsewhere.");
  EXPECT_NE(refused("q", "skip_bad = true"), "no error");
}

TEST_F(Pictures, LargeOnesAreNamedWithTheWayToReadThem) {
  Bytes png = any_png(1, 1, 8, 0, {0}), crc;
  png[17] = std::byte{1}, png[22] = std::byte{16};  // 65,537 wide, 4,097 high
  put_big(crc, crc32(std::span(png).subspan(12, 17)), 4);
  std::copy(crc.begin(), crc.end(), png.begin() + 29);
  put("p/1.png", png);
  EXPECT_EQ(refused("p"),
            "D/p: 1 of 1 picture cannot be read:\n"
            "  1.png: 65537 x 4097 pixels, more than the 67108864 allowed\n"
            "Read large ones smaller: --reader image-folder --reader.resize 64,64\n"
            "Get them again, convert them to PNG, or move them elsewhere.");
  EXPECT_NE(refused("p", "resize = [64, 64]").find("cannot hold the 65537 x 4097 pixels claimed"),
            std::string::npos)
      << "the limit of size no longer stands in the way";
}

TEST_F(Pictures, ClassesOfAModelDoNotShift) {
  put_grey("p/b/1.png"), put_grey("p/c/1.png");
  ReadRequest request;
  request.labels = {"a", "b", "c"};
  RawData data = read("p", "", request);
  EXPECT_EQ(data.label_names, request.labels);
  EXPECT_EQ(values<int64_t>(data.train.y), (std::vector<int64_t>{1, 2}));
  put_grey("one/c/1.png");
  EXPECT_EQ(values<int64_t>(read("one", "", request).train.y), std::vector<int64_t>{2});
  put_grey("p/d/1.png");
  EXPECT_EQ(message_of([&] { read("p", "", request); }),
            (folder / "p").string() + ": the class 'd' is unknown to the model\nIt knows a, b, c.");
}

TEST_F(Pictures, SidesOfOneAreReadToo) {
  for (auto [h, w] : {std::pair<size_t, size_t>{1, 9}, {9, 1}, {4, 64}, {7, 5}, {2, 3}}) {
    std::vector<int> pixels(h * w);
    for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<int>(i % 251);
    put("p/1.png", any_png(h, w, 8, 0, pixels));
    EXPECT_EQ(read("p").train.x.shape, (Shape{1, int64_t(h), int64_t(w)}));
  }
}

}  // namespace
}  // namespace elbo
