// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/disk.h"

#include <gtest/gtest.h>

#include <array>

namespace elbo {
namespace {

class DiskFileTest : public testing::Test {
 protected:
  Path folder = make_unique_folder(std::filesystem::temp_directory_path(), "elbo-disk-test");
  ~DiskFileTest() override { std::filesystem::remove_all(folder); }
};

std::string text_at(const DiskFile& file, uint64_t offset, size_t size) {
  std::string out(size, ' ');
  file.read(offset, std::as_writable_bytes(std::span(out)));
  return out;
}

TEST_F(DiskFileTest, ReadsWhatStandsAtAPlace) {
  write_file(folder / "a", "0123456789");
  DiskFile file(folder / "a");
  EXPECT_EQ(file.size(), 10u);
  EXPECT_EQ(text_at(file, 3, 4), "3456");
  EXPECT_EQ(text_at(file, 0, 10), "0123456789");
  EXPECT_EQ(text_at(file, 10, 0), "");
}

TEST_F(DiskFileTest, PiecesAreFilledOneAfterAnother) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += fmt::format("{:05}", i);
  write_file(folder / "a", text);
  DiskFile file(folder / "a");
  // More pieces than one call takes, some of them empty, in memory in reverse order.
  std::string out(2000 * 5, ' ');
  std::vector<std::span<std::byte>> pieces;
  for (size_t i = 0; i < 2000; ++i) {
    auto piece = std::as_writable_bytes(std::span(out)).subspan((1999 - i) * 5, 5);
    pieces.push_back(piece);
    pieces.push_back(piece.first(0));
  }
  file.read(500 * 5, pieces);
  for (size_t i = 0; i < 2000; ++i) {
    EXPECT_EQ(out.substr((1999 - i) * 5, 5), fmt::format("{:05}", 500 + i));
  }
}

TEST_F(DiskFileTest, AFileCutShortIsAnError) {
  write_file(folder / "a", "0123456789");
  DiskFile file(folder / "a");
  std::filesystem::resize_file(folder / "a", 6);
  EXPECT_EQ(text_at(file, 2, 4), "2345");
  try {
    text_at(file, 4, 4);
    ADD_FAILURE() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::data);
    EXPECT_EQ(e.message(), (folder / "a").string() +
                               ": ends at byte 6, 10 were there when it was opened\nThe file was "
                               "cut short while it was in use; restore it and start again.");
  }
}

TEST_F(DiskFileTest, TemporaryFilesHaveNoNameAndGiveBackWhatWasAppended) {
  ::setenv("TMPDIR", folder.c_str(), 1);
  auto file = DiskFile::make_temporary();
  file->append(as_bytes("one"));
  file->append(as_bytes("two"));
  EXPECT_EQ(file->size(), 6u);
  EXPECT_EQ(text_at(*file, 2, 3), "etw");
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  ::setenv("TMPDIR", (folder / "none").c_str(), 1);
  EXPECT_THROW(DiskFile::make_temporary(), Error);
  ::unsetenv("TMPDIR");
}

TEST(Sha256InPieces, IsThatOfTheWhole) {
  Sha256 hash;
  hash.add(as_bytes("a"));
  hash.add(as_bytes(""));
  hash.add(as_bytes("bc"));
  EXPECT_EQ(hash.digits(), sha256(std::string_view("abc")));
}

}  // namespace
}  // namespace elbo
