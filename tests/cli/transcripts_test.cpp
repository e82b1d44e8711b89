// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <map>
#include <regex>

#include "tests/cli/fixtures.h"
#include "tests/support/process.h"

// Runs the commands of bad_input.txt and good_paths.txt by the shell and compares what they print
// and their exit codes. ELBO_REFRESH=1 writes what the program does now into the tables, to be read
// through and committed.
namespace elbo::testing {
namespace {

const char* const kBadInput = ELBO_SOURCE_DIR "/tests/cli/bad_input.txt";
const char* const kGoodPaths = ELBO_SOURCE_DIR "/tests/cli/good_paths.txt";

/// One command of a table. `before` is the text between it and the case above.
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

Table read_table(const char* file) {
  Table out;
  std::ifstream in(file);
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

/// A folder the commands run in; it goes with this object.
class Workplace {
 public:
  Workplace()
      : folder(make_unique_folder(std::filesystem::temp_directory_path(), "elbo-cli-test")) {}
  ~Workplace() { std::filesystem::remove_all(folder); }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;

  /// What the command prints, results before narration, and its exit code.
  std::string run(const std::string& command) const {
    Process process({"sh", "-c", command}, folder);
    int code = process.wait();
    std::string out = process.out() + process.err() + fmt::format("exit {}\n", code);
    for (size_t at; (at = out.find(folder.string())) != std::string::npos;) {
      out.replace(at, folder.string().size(), "$PWD");
    }
    return out;
  }

  Path folder;
};

/// With all fixtures for bad input; made once.
class BadWorkplace : public Workplace {
 public:
  BadWorkplace() {
    make_data_fixtures(folder);
    Process process({"elbo", "train", "good.npy", "-o", "run", "-q", "--threads", "1", "--epochs",
                     "2", "--latent", "2", "--set", "model.encoder={type=\"mlp\", sizes=[8]}"},
                    folder);
    ELBO_CHECK(process.wait() == 0, Code::failure, "{}", process.err());
    make_run_fixtures(folder);
    before = contents_of(folder);
  }
  static BadWorkplace& get() {
    static BadWorkplace place;
    return place;
  }

  std::map<std::string, std::string> before;
};

class BadInput : public ::testing::TestWithParam<Case> {};

TEST_P(BadInput, PrintsThisAndLeavesNothingBehind) {
  if (::geteuid() == 0 && GetParam().before.find("(not as root)") != std::string::npos) {
    GTEST_SKIP() << "root may write everywhere";
  }
  const BadWorkplace& place = BadWorkplace::get();
  EXPECT_EQ(place.run(GetParam().command), GetParam().expected)
      << kBadInput << ":" << GetParam().line << "\n$ " << GetParam().command;
  EXPECT_EQ(contents_of(place.folder), place.before) << GetParam().command;
}

std::vector<Case> cases_to_test() {
  return std::getenv("ELBO_REFRESH") ? std::vector<Case>{} : read_table(kBadInput).cases;
}

INSTANTIATE_TEST_SUITE_P(, BadInput, ::testing::ValuesIn(cases_to_test()),
                         [](const auto& info) { return fmt::format("line_{}", info.param.line); });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BadInput);

/// Without what differs between machines: numbers with a point (the last digits of a loss), times,
/// rates, and what does the work.
std::string masked(std::string text) {
  static const std::pair<std::regex, const char*> kMasks[] = {
      {std::regex("[0-9]+:[0-9][0-9](:[0-9][0-9])?"), "TIME"},
      {std::regex("[0-9.]+[kM]?/s(, [0-9]+ % of peak)?"), "RATE"},
      {std::regex("[a-z0-9]+ kernels( in bf16)?"), "KERNELS"},
      {std::regex("-?[0-9]+\\.[0-9]+(e[-+]?[0-9]+)?"), "#"},
      {std::regex("-?[0-9]+e-[0-9]+"), "#"}};
  for (const auto& [mask, stands_for] : kMasks) text = std::regex_replace(text, mask, stands_for);
  return text;
}

/// The commands build on one another, in a folder that only fixtures are in at first.
TEST(GoodPaths, PrintThis) {
  if (std::getenv("ELBO_REFRESH")) GTEST_SKIP() << "being rewritten";
  Workplace place;
  make_good_fixtures(place.folder);
  for (const Case& c : read_table(kGoodPaths).cases) {
    EXPECT_EQ(masked(place.run(c.command)), c.expected)
        << kGoodPaths << ":" << c.line << "\n$ " << c.command;
  }
}

TEST(Table, HoldsEnoughCases) {
  EXPECT_GE(read_table(kBadInput).cases.size(), 60u);
  EXPECT_GE(read_table(kGoodPaths).cases.size(), 40u);
}

/// Writes a table anew; print gives what stands below a command.
void refresh(const char* file, const std::function<std::string(const Case&)>& print) {
  Table table = read_table(file);
  std::string text;
  for (const Case& c : table.cases) text += c.before + "$ " + c.command + "\n" + print(c);
  write_file(file, text + table.after);
}

TEST(Table, Refresh) {
  if (!std::getenv("ELBO_REFRESH")) GTEST_SKIP() << "ELBO_REFRESH=1 rewrites the tables";
  const BadWorkplace& bad = BadWorkplace::get();
  refresh(kBadInput, [&](const Case& c) {
    bool skipped = ::geteuid() == 0 && c.before.find("(not as root)") != std::string::npos;
    std::string out = skipped ? c.expected : bad.run(c.command);
    EXPECT_EQ(contents_of(bad.folder), bad.before) << c.command;
    return out;
  });
  Workplace good;
  make_good_fixtures(good.folder);
  refresh(kGoodPaths, [&](const Case& c) { return masked(good.run(c.command)); });
}

}  // namespace
}  // namespace elbo::testing
