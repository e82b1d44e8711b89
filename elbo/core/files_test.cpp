// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

namespace {

int renames_left = -1;  // after so many this process is killed; -1: never

}  // namespace

/// In the place of the system's, for this program.
extern "C" int rename(const char* from, const char* to) noexcept {
  if (renames_left == 0) ::raise(SIGKILL);
  if (renames_left > 0) --renames_left;
  return ::renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

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

int is_not_known(int error) {
  errno = error;
  return -1;
}

// What file systems without an exchange of names say.
TEST_F(FilesTest, ReplacesAFolderWhereNamesCannotBeExchanged) {
  int (*const kWithout[])(const Path&, const Path&) = {
      [](const Path&, const Path&) { return is_not_known(EINVAL); },
      [](const Path&, const Path&) { return is_not_known(ENOSYS); },
      [](const Path&, const Path&) { return is_not_known(ENOTSUP); }};
  for (auto* exchange : kWithout) {
    for (const char* text : {"one", "two", "three"}) {
      replace_folder(
          folder / "m", [&](const Path& p) { write_file(p / text, text); }, exchange);
      EXPECT_EQ(read_text(folder / "m" / text), text);
      EXPECT_EQ(entries(folder / "m"), 1u);
      EXPECT_EQ(entries(folder), 1u) << "nothing else is left";
    }
  }
}

TEST_F(FilesTest, AnExchangeThatFailsForAnotherReasonLeavesTheOldFolder) {
  auto full = [](const Path&, const Path&) { return is_not_known(ENOSPC); };
  replace_folder(
      folder / "m", [](const Path& p) { write_file(p / "x", "old"); }, full);
  EXPECT_THROW(replace_folder(
                   folder / "m", [](const Path& p) { write_file(p / "x", "new"); }, full),
               Error);
  EXPECT_EQ(read_text(folder / "m" / "x"), "old");
  EXPECT_EQ(entries(folder), 1u);
}

// Killed before each of the calls by which a folder is replaced without an exchange: a child is
// stopped by the system at its n-th rename.
TEST_F(FilesTest, AKillBetweenTheRenamesLosesNoFolder) {
  auto without = [](const Path&, const Path&) { return is_not_known(EINVAL); };
  Path m = folder / "m";
  bool was_missing = false;
  for (int renames = 0; renames < 6; ++renames) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    replace_folder(m, [](const Path& p) { write_file(p / "x", "old"); });
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      renames_left = renames;
      replace_folder(
          m, [](const Path& p) { std::ofstream(p / "x") << "new"; }, without);
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    was_missing = was_missing || !std::filesystem::exists(m);
    std::string found = read_text(settled_folder(m) / "x");
    EXPECT_TRUE(found == "old" || found == "new") << found;
    recover_folder(m);
    EXPECT_EQ(read_text(m / "x"), found) << "what is read is what is recovered";
    replace_folder(
        m, [](const Path& p) { write_file(p / "x", "newer"); }, without);
    remove_leftovers(folder);
    EXPECT_EQ(read_text(m / "x"), "newer");
    EXPECT_EQ(entries(folder), 1u) << renames << " renames";
    if (WIFEXITED(status)) break;
  }
  EXPECT_TRUE(was_missing) << "no kill fell between the two renames";
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
