// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "tests/cli/fixtures.h"
#include "tests/support/process.h"

// Runs every command of bad_input.txt by the shell and compares what it prints and its exit code,
// byte by byte. ELBO_REFRESH=1 writes what the program does now into the table, to be read through
// and committed.
namespace elbo::testing {
namespace {

const char* const kTable = ELBO_SOURCE_DIR "/tests/cli/bad_input.txt";

/// One command of the table. `before` is the text between it and the case above.
struct Case {
  std::string before, command, expected;
  size_t line = 0;
};

/// Whether the next line is what a command printed; a new case may have nothing yet.
bool is_printed(std::istream& in) {
  int next = in.peek();
  return next != EOF && next != '$' && next != '#' && next != '\n';
}

struct Table {
  std::vector<Case> cases;
  std::string after;
};

Table read_table() {
  Table out;
  std::ifstream in(kTable);
  std::string line, before;
  for (size_t number = 1; std::getline(in, line); ++number) {
    if (!line.starts_with("$ ")) {
      before += line + "\n";
      continue;
    }
    Case next{before, line.substr(2), "", number};
    before.clear();
    while (is_printed(in) && std::getline(in, line) && ++number) {
      next.expected += line + "\n";
      if (line.starts_with("exit ")) break;
    }
    out.cases.push_back(std::move(next));
  }
  out.after = before;
  return out;
}

/// Every file below a folder and the SHA-256 of what it holds.
std::map<std::string, std::string> contents_of(const Path& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    bool is_file = entry.is_regular_file();
    out[entry.path().string()] = is_file ? sha256(read_text(entry.path())) : "";
  }
  return out;
}

/// The folder the commands run in, with all fixtures; made once.
class Workplace {
 public:
  Workplace()
      : folder(make_unique_folder(std::filesystem::temp_directory_path(), "elbo-cli-test")) {
    make_data_fixtures(folder);
    Process process({"elbo", "train", "good.npy", "-o", "run", "-q", "--threads", "1", "--epochs",
                     "2", "--latent", "2", "--set", "model.encoder={type=\"mlp\", sizes=[8]}"},
                    folder);
    ELBO_CHECK(process.wait() == 0, Code::failure, "{}", process.err());
    make_run_fixtures(folder);
    before = contents_of(folder);
  }
  ~Workplace() { std::filesystem::remove_all(folder); }
  static Workplace& get() {
    static Workplace place;
    return place;
  }

  Path folder;
  std::map<std::string, std::string> before;
};

std::string normalised(std::string text) {
  const std::string folder = Workplace::get().folder.string();
  for (size_t at; (at = text.find(folder)) != std::string::npos;) {
    text.replace(at, folder.size(), "$PWD");
  }
  return text;
}

/// What the command prints, results before narration, and its exit code.
std::string run(const std::string& command) {
  Process process({"sh", "-c", command}, Workplace::get().folder);
  int code = process.wait();
  return normalised(process.out() + process.err()) + fmt::format("exit {}\n", code);
}

class BadInput : public ::testing::TestWithParam<Case> {};

TEST_P(BadInput, PrintsThisAndLeavesNothingBehind) {
  if (::geteuid() == 0 && GetParam().before.find("(not as root)") != std::string::npos) {
    GTEST_SKIP() << "root may write everywhere";
  }
  EXPECT_EQ(run(GetParam().command), GetParam().expected)
      << kTable << ":" << GetParam().line << "\n$ " << GetParam().command;
  EXPECT_EQ(contents_of(Workplace::get().folder), Workplace::get().before) << GetParam().command;
}

std::vector<Case> cases_to_test() {
  return std::getenv("ELBO_REFRESH") ? std::vector<Case>{} : read_table().cases;
}

INSTANTIATE_TEST_SUITE_P(, BadInput, ::testing::ValuesIn(cases_to_test()),
                         [](const auto& info) { return fmt::format("line_{}", info.param.line); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BadInput);

TEST(Table, HoldsEnoughCases) { EXPECT_GE(read_table().cases.size(), 60u); }

TEST(Table, Refresh) {
  if (!std::getenv("ELBO_REFRESH")) GTEST_SKIP() << "ELBO_REFRESH=1 rewrites " << kTable;
  Table table = read_table();
  std::string text;
  for (const Case& c : table.cases) {
    bool skipped = ::geteuid() == 0 && c.before.find("(not as root)") != std::string::npos;
    text += c.before + "$ " + c.command + "\n" + (skipped ? c.expected : run(c.command));
    EXPECT_EQ(contents_of(Workplace::get().folder), Workplace::get().before) << c.command;
  }
  write_file(kTable, text + table.after);
}

}  // namespace
}  // namespace elbo::testing
