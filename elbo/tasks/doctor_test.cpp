// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/doctor.h"

#include <gtest/gtest.h>

#include <regex>

#include "elbo/tasks/history.h"
#include "elbo/tasks/inspect.h"
#include "elbo/tasks/report.h"
#include "elbo/tasks/testing.h"

namespace elbo {
namespace {

/// A copy of the run whose files a test may damage.
Path copy_of_run(const std::string& name) {
  Path copy = test_folder() / name;
  std::filesystem::remove_all(copy);
  std::filesystem::copy(table_run(), copy, std::filesystem::copy_options::recursive);
  return copy;
}

/// The level of the first finding that holds the words, or "".
std::string level_of(const std::vector<Finding>& findings, const std::string& words) {
  for (const Finding& f : findings) {
    if (f.text.find(words) != std::string::npos) return f.level;
  }
  return "";
}

TEST(Doctor, FindsNothingWrongWithTheFilesOfARun) {
  std::vector<Finding> found = examine_run(table_run());
  ASSERT_FALSE(found.empty());
  for (const char* words : {"changed", "damaged", "diverged", "epochs done", "skipped"}) {
    EXPECT_EQ(level_of(found, words), "") << words;
  }
}

TEST(Doctor, SeesADamagedModel) {
  Path run = copy_of_run("damaged");
  Path weights = run / "best" / "model.safetensors";
  Bytes bytes = read_file(weights);
  bytes.back() ^= std::byte{1};
  write_file(weights, bytes);
  EXPECT_EQ(level_of(examine_run(run), "damaged"), "bad");
}

TEST(Doctor, SeesNumbersThatAreNotFinite) {
  Path run = copy_of_run("diverged");
  write_file(run / "metrics.jsonl", "{\"epoch\":1,\"split\":\"train\",\"kl\":null}\n");
  EXPECT_EQ(level_of(examine_run(run), "kl of epoch 1 (train) is not finite"), "bad");
}

TEST(Doctor, SeesALostHistory) {
  Path run = copy_of_run("lost");
  std::filesystem::remove(run / "metrics.jsonl");
  EXPECT_EQ(level_of(examine_run(run), "metrics.jsonl is missing"), "bad");
}

TEST(Doctor, SeesARunThatIsNotFinished) {
  Path run = copy_of_run("unfinished");
  std::string text = read_text(run / "config.toml");
  text.replace(text.find("epochs = 4"), 10, "epochs = 9");
  write_file(run / "config.toml", text);
  EXPECT_EQ(level_of(examine_run(run), "4 of 9 epochs done"), "warn");
}

TEST(Doctor, SeesOtherDataThanTheRunBeganWith) {
  Path run = copy_of_run("changed");
  std::string text = read_text(run / "run.json");
  size_t at = text.find("\"sha256\": \"") + 11;
  text[at] = text[at] == '0' ? '1' : '0';
  write_file(run / "run.json", text);
  EXPECT_EQ(level_of(examine_run(run), "is not what the run began with"), "bad");
}

TEST(Doctor, SeesSkippedStepsAndARollBack) {
  Path run = copy_of_run("skipped");
  std::string line =
      "{\"epoch\":4,\"split\":\"train\",\"kl\":1.0,\"lr_factor\":1.0,\"skipped_steps\":2.0}\n";
  write_file(run / "metrics.jsonl", line);
  EXPECT_EQ(level_of(examine_run(run), "2 non-finite steps"), "warn");
  line.replace(line.find("1.0,\"skip"), 3, "0.1");
  write_file(run / "metrics.jsonl", line);
  EXPECT_EQ(level_of(examine_run(run), "rolled back"), "bad");
}

TEST(Doctor, SaysWhenTrainingLongerWouldHelp) {
  Path run = copy_of_run("improving");
  std::string text;
  for (int epoch = 1; epoch <= 10; ++epoch) {
    text +=
        fmt::format("{{\"epoch\":{},\"split\":\"valid\",\"neg_elbo\":{}}}\n", epoch, 100.0 - epoch);
  }
  write_file(run / "metrics.jsonl", text);
  EXPECT_EQ(level_of(examine_run(run), "still improving"), "warn");
}

/// The settings that a finding names, as TOML: the first of those that say different things of one
/// option.
std::string settings_in(const std::string& text) {
  static const std::regex kSetting("([a-z_]+(?:\\.[a-z_]+)+)=([^ ,;()]+)");
  static const std::regex kBare("[0-9.e+-]+|true|false");
  std::string out;
  for (std::sregex_iterator at(text.begin(), text.end(), kSetting), end; at != end; ++at) {
    std::string name = (*at)[1], given = (*at)[2];
    if (out.find(name + " =") != std::string::npos) continue;
    if (given.ends_with('.')) given.pop_back();
    out +=
        fmt::format("{} = {}\n", name, std::regex_match(given, kBare) ? given : "'" + given + "'");
  }
  return out;
}

struct Remedied {
  const char *name, *broken, *words;
};

class Remedy : public testing::TestWithParam<Remedied> {};

TEST_P(Remedy, WorksWhenItIsFollowed) {
  const Remedied& c = GetParam();
  std::string broken = fmt::format("data.target = 'kind'\n{}", c.broken);
  std::vector<Finding> found = examine_run(train_tiny(c.name, table_file(), broken));
  ASSERT_NE(level_of(found, c.words), "") << c.words;
  std::string remedy;
  for (const Finding& f : found) {
    if (remedy.empty() && f.text.find(c.words) != std::string::npos) remedy = settings_in(f.text);
  }
  ASSERT_NE(remedy, "");
  Path mended = train_tiny(std::string(c.name) + "-mended", table_file(), broken, remedy);
  EXPECT_EQ(level_of(examine_run(mended), c.words), "") << remedy;
}

INSTANTIATE_TEST_SUITE_P(
    Doctor, Remedy,
    testing::Values(
        Remedied{"beta", "objective.beta = 100\ntrain.epochs = 60", "posterior collapse"},
        Remedied{"wide",
                 "model.likelihood = { type = 'gaussian', scale = 'fixed', value = 10 }\n"
                 "train.epochs = 60",
                 "posterior collapse"},
        Remedied{"scale",
                 "model.likelihood = { type = 'gaussian', scale = 'fixed', value = 10 }\n"
                 "train.epochs = 60",
                 "the fixed scale is 10"},
        Remedied{"free", "objective.free_bits = 6\ntrain.epochs = 60", "only free bits"},
        Remedied{"short", "train.lr = 0.001", "too few steps"},
        Remedied{"zero", "objective.beta = 0\ntrain.epochs = 60", "worse than a trivial model"}),
    [](const auto& info) { return std::string(info.param.name); });

/// What diagnose() says of a collapsed model with this recipe.
std::vector<Finding> collapsed(const Recipe& recipe, const Run& run) {
  Evaluation e;
  e.metrics = {
      {"neg_elbo", 3, 0.1, "nats", ""}, {"kl", 0, 0, "nats", ""}, {"active_units", 0, 0, "", ""}};
  e.kl_per_dimension = e.variance_of_mean = {0, 0};
  return diagnose(e, nullptr, {}, *run.trained.model, run.trained.schema, recipe);
}

// A remedy for collapse is one that goes together with the objective.
TEST(Doctor, RemediesForCollapseAreAcceptedUnderEachObjective) {
  auto run = open_run(table_run());
  for (const std::string objective :
       {"bound = 'iwae'", "bound = 'elbo'", "beta = 4.0", "beta_schedule = 'linear'",
        "beta_schedule = 'linear'\nfree_bits = 0.2"}) {
    std::string broken = "data.target = 'kind'\n[objective]\n" + objective;
    RunConfig config =
        make_plan(
            {{"test", parse_toml(fmt::format("data.path = '{}'\n{}", table_file().string(), broken),
                                 "test")}})
            .resolved.config;
    auto found = collapsed(recipe_of(config.model, config.objective), run);
    ASSERT_EQ(level_of(found, "posterior collapse"), "bad");
    std::string remedy = settings_in(found[0].text);
    ASSERT_NE(remedy, "") << objective;
    EXPECT_NO_THROW(train_tiny("accepted", table_file(), broken, remedy)) << remedy;
  }
}

/// A table of one column that counts, with what else each row holds.
Path table_of(const std::string& name, int rows, const std::string& header,
              const std::function<std::string(int)>& more) {
  Rng rng(1, name);
  std::string text = "a," + header + "\n";
  for (int i = 0; i < rows; ++i) text += fmt::format("{:.4f},{}\n", rng.uniform(), more(i));
  Path path = test_folder() / (name + ".csv");
  write_file(path, text);
  return path;
}

TEST(Doctor, NamesOddColumns) {
  Path odd = table_of("odd", 200, "b,c", [](int i) {
    return fmt::format("{},{}", i % 20 == 0 ? "-999" : fmt::format("{}", i * 7 % 31 / 3.0), 5);
  });
  auto found = examine_run(train_tiny("odd", odd));
  EXPECT_EQ(level_of(found, "column without variation: c. Leave"), "warn");
  EXPECT_EQ(level_of(found, "--reader csv --reader.missing -999"), "warn");
  Path well = train_tiny("odd-mended", odd,
                         "data.drop = ['c']\ndata.reader = { type = 'csv', missing = ['-999'] }");
  found = examine_run(well);
  EXPECT_EQ(level_of(found, "without variation"), "");
  EXPECT_EQ(level_of(found, "--reader.missing"), "");
  EXPECT_EQ(level_of(examine_run(table_run()), "without variation"), "");
}

TEST(Doctor, CountsHeldOutRowsThatWereTrainedOn) {
  Path twice = test_folder() / "twice.csv";
  std::string text = "a,b\n";
  for (int i = 0; i < 200; ++i) text += fmt::format("{},{}\n", i % 20 / 3.0, i % 20 * 0.7);
  write_file(twice, text);
  auto found = examine_run(train_tiny("twice", twice));
  EXPECT_EQ(level_of(found, "20 of 20 held-out rows are also among the training rows"), "warn");
  EXPECT_EQ(level_of(examine_run(table_run()), "also among"), "");
}

TEST(Doctor, SaysWhereTooFewRowsAreHeldOut) {
  Path few = table_of("few", 40, "b", [](int i) { return fmt::format("{}", i * 7 % 31 / 3.0); });
  EXPECT_EQ(level_of(examine_run(train_tiny("few", few)), "hold out more (data.test=0.5)"), "warn");
  EXPECT_EQ(level_of(examine_run(train_tiny("half", few, "data.test = 0.5")), "held out"), "");
  Path fewest = table_of("fewest", 5, "b", [](int i) { return fmt::format("{}", i * 7 % 31); });
  EXPECT_EQ(level_of(examine_run(train_tiny("fewest", fewest)), "no rows are held out"), "warn");
}

TEST(History, LeavesOutALineCutShortAndRefusesWhatIsNoRecord) {
  Path folder = test_folder() / "history";
  std::filesystem::create_directories(folder);
  EXPECT_TRUE(read_history(folder).empty());
  write_file(folder / "metrics.jsonl",
             "{\"epoch\":1,\"split\":\"train\",\"kl\":2.5}\n{\"epoch\":2,\"spl");
  std::vector<Value> records = read_history(folder);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(history_of(records, "train", "kl").y, std::vector<double>{2.5});
  EXPECT_TRUE(history_of(records, "valid", "kl").y.empty());
  write_file(folder / "metrics.jsonl", "{\"epoch\":1}\n");
  EXPECT_THROW(read_history(folder), Error);
}

TEST(Inspect, KnowsAFileByItsContents) {
  Path path = test_folder() / "nameless";
  write_file(path, encode_npy(make_array(DType::i16, {4, 3})));
  Inspection found = inspect(path);
  ASSERT_EQ(found.rows.size(), 1u);
  EXPECT_EQ(found.rows[0], (Row{"array", "i16", "[4, 3]", "24 bytes"}));
}

TEST(Inspect, TellsRunsModelsAndTablesApart) {
  EXPECT_EQ(inspect(table_run()).facts[0].second, "run folder");
  EXPECT_EQ(inspect(table_run() / "best").facts[0].second, "model folder");
  Inspection weights = inspect(table_run() / "best" / "model.safetensors");
  EXPECT_EQ(weights.facts[0].second, "safetensors file");
  Inspection table = inspect(table_file());
  EXPECT_EQ(table.rows.at(2), (Row{"kind", "0", "240", "0", "big"}));
  EXPECT_THROW(inspect(test_folder() / "nothing"), Error);
}

}  // namespace
}  // namespace elbo
