// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/unfamiliar.h"

#include <gtest/gtest.h>

#include "elbo/tasks/testing.h"

namespace elbo {
namespace {

using Lines = std::vector<std::string>;

Lines unfamiliar_in(const Path& folder, const std::string& text) {
  Path file = test_folder() / "unfamiliar.csv";
  write_file(file, text);
  elbo::Run run = open_run(folder);
  return unfamiliar(run, *open_for(run, file.string()).all);
}

const Path& ranged_run() {
  static const Path run =
      train_tiny("ranged", table_file(), "data.target = 'kind'\ndata.transform = ['min-max']");
  return run;
}

TEST(Unfamiliar, NothingIsSaidOfTheTrainingRows) {
  for (const Path& folder : {table_run(), ranged_run(), picture_run()}) {
    elbo::Run run = open_run(folder);
    EXPECT_EQ(unfamiliar(run, *open_for(run, "").all), Lines{}) << folder;
  }
}

TEST(Unfamiliar, NamesClassesThatTheRunDidNotSee) {
  EXPECT_EQ(unfamiliar_in(table_run(), "width,height,kind\n800,8,big\n600,6,huge\n600,6,tiny\n"),
            (Lines{"classes that the run did not see: huge, tiny"}));
}

TEST(Unfamiliar, NamesMissingCellsWhereTrainingHadNone) {
  EXPECT_EQ(unfamiliar_in(table_run(), "width,height\n800,\n,6\n600,6\n"),
            (Lines{"2 cells are missing; in training none was, and the model has not learned to do "
                   "without"}));
}

TEST(Unfamiliar, NamesValuesFarOutsideAndWhereTheFarthestStands) {
  const std::string rows = "width,height\n800,8\n9000,6\n-70000,6\n";
  for (const Path& folder : {table_run(), ranged_run()}) {
    EXPECT_EQ(unfamiliar_in(folder, rows),
              (Lines{"column 'width': 2 values far outside those trained on, -70000 in row 3 the "
                     "farthest"}))
        << folder;
  }
  EXPECT_EQ(unfamiliar_in(table_run(), "width,height\n1000,8\n450,6\n"), Lines{}) << "not far";
}

}  // namespace
}  // namespace elbo
