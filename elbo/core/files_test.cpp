// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/files.h"

#include <gtest/gtest.h>

#include <fstream>

namespace elbo {
namespace {

class FilesTest : public testing::Test {
 protected:
  Path folder = make_unique_folder(std::filesystem::temp_directory_path(), "elbo-files-test");
  ~FilesTest() override { std::filesystem::remove_all(folder); }
};

size_t entries(const Path& folder) {
  return size_t(std::distance(std::filesystem::directory_iterator(folder), {}));
}

// FIPS 180-4 example.
TEST(Sha256, MatchesPublishedVectors) {
  EXPECT_EQ(sha256(std::string_view("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(FilesTest, WriteThenReadGivesTheBytes) {
  write_file(folder / "a", "one");
  write_file(folder / "a", "two");
  EXPECT_EQ(read_text(folder / "a"), "two");
  EXPECT_EQ(entries(folder), 1u);
}

TEST_F(FilesTest, FailedReplacementLeavesTheOldFolder) {
  replace_folder(folder / "m", [](const Path& p) { write_file(p / "x", "old"); });
  EXPECT_THROW(replace_folder(folder / "m",
                              [](const Path& p) {
                                write_file(p / "x", "new");
                                fail(Code::failure, "stop");
                              }),
               Error);
  EXPECT_EQ(read_text(folder / "m" / "x"), "old");
  replace_folder(folder / "m", [](const Path& p) { write_file(p / "y", "new"); });
  EXPECT_FALSE(std::filesystem::exists(folder / "m" / "x"));
  EXPECT_EQ(read_text(folder / "m" / "y"), "new");
  EXPECT_EQ(entries(folder), 1u);
}

TEST_F(FilesTest, UniqueFoldersCountUp) {
  EXPECT_EQ(make_unique_folder(folder, "run").filename(), "run");
  EXPECT_EQ(make_unique_folder(folder, "run").filename(), "run-2");
  EXPECT_EQ(make_unique_folder(folder, "run").filename(), "run-3");
}

TEST_F(FilesTest, RefusesWhatIsNoFileOrTooLong) {
  EXPECT_THROW(read_file(folder), Error);
  EXPECT_THROW(read_file(folder / "missing"), Error);
  write_file(folder / "a", "12345");
  EXPECT_THROW(read_file(folder / "a", 4), Error);
}

TEST_F(FilesTest, FolderLockHasOneHolderAtATime) {
  {
    FolderLock held(folder);
    try {
      FolderLock second(folder);
      ADD_FAILURE() << "held twice";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::usage);
      EXPECT_NE(e.message().find("is being trained by another process"), std::string::npos);
    }
  }
  FolderLock again(folder);
  EXPECT_THROW(FolderLock(folder / "none"), Error);
}

}  // namespace
}  // namespace elbo
