// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/run.h"

#include <gtest/gtest.h>

#include "elbo/tasks/doctor.h"
#include "elbo/tasks/latent.h"
#include "elbo/tasks/report.h"
#include "elbo/tasks/testing.h"
#include "elbo/tensor/convert.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

/// Stands in a folder of its own while it lives.
class WorkingFolder {
 public:
  explicit WorkingFolder(const std::string& name) : before_(std::filesystem::current_path()) {
    Path folder = test_folder() / name;
    std::filesystem::create_directories(folder);
    std::filesystem::current_path(folder);
  }
  ~WorkingFolder() { std::filesystem::current_path(before_); }

 private:
  Path before_;
};

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& e) {
    return fmt::format("{}: {}", code_name(e.code()), e.message());
  }
  return "";
}

Plan plan_of(const std::string& toml) { return make_plan({{"test", parse_toml(toml, "test")}}); }

Path put(const std::string& name, const std::string& text) {
  Path path = test_folder() / name;
  write_file(path, text);
  return path;
}

/// "a,b\n0,10\n1,10.5\n..." with the columns of a table in this order; `text` names one of words.
std::string rows_of(const std::vector<std::string>& columns, int rows) {
  std::string out = fmt::format("{}\n", fmt::join(columns, ","));
  for (int i = 0; i < rows; ++i) {
    std::vector<std::string> cells;
    for (const std::string& column : columns) {
      cells.push_back(column == "text" ? fmt::format("word{}", i)
                                       : fmt::format("{}", column[0] + i * (column[0] - 90) % 17));
    }
    out += fmt::format("{}\n", fmt::join(cells, ","));
  }
  return out;
}

Tensor first_row(const DataSource& data) {
  std::vector<int64_t> row = {0};
  return data.train->get(row).x[0];
}

bool has(const std::vector<std::string>& lines, const std::string& words) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](auto& line) { return line.find(words) != std::string::npos; });
}

TEST(TrainRun, ShippedDataIsNoFolderOfTheSameName) {
  WorkingFolder inside("shipped");
  Plan plan = plan_of("data.path = 'moons'\ntrain.epochs = 1\nthreads = 1");
  Path folder = train_run(plan, ".", "moons", nullptr, nullptr).folder;
  EXPECT_EQ(open_config(folder).data.path, "moons");
  EXPECT_EQ(open_config(folder).data.reader.type, "shipped");
  elbo::Run run = open_run("moons");  // where the name "moons" is a folder too
  EXPECT_EQ(open_for(run, "").fingerprint, plan.data.fingerprint);
  EXPECT_TRUE(is_own_data(run, "moons"));
  EXPECT_NO_THROW(resume_run("moons", nullptr, nullptr));
  EXPECT_EQ(plan_of("data.path = 'moons'").data.format, "shipped");
  EXPECT_EQ(error_of([] { plan_of("data.path = './moons'"); }),
            "data: ./moons: a run folder, not data\nName the file or folder that holds the "
            "examples.");
}

TEST(TrainRun, GivesTheSameWeightsInMemoryAndFromDisk) {
  Path numbers = test_folder() / "numbers.npy";
  Array array = make_array(DType::f64, {300, 6});
  Rng rng(2, "numbers");
  for (double& v : array.as<double>()) v = rng.uniform();
  write_file(numbers, encode_npy(array));
  for (const Path& data : {put("plain.csv", rows_of({"a", "b"}, 300)), numbers}) {
    std::string name = data.stem().string();
    Path memory = train_tiny(name + "-memory", data);
    Path disk = train_tiny(name + "-disk", data, "data.in_memory = 0");
    for (const char* file : {"best/model.safetensors", "last/state.safetensors"}) {
      EXPECT_EQ(sha256(read_file(disk / file)), sha256(read_file(memory / file))) << name << file;
    }
  }
}

TEST(MakePlan, HeldOutRowsBeyondTheTrainingRangeDoNotEndARun) {
  for (const char* likelihood : {"bernoulli", "continuous-bernoulli"}) {
    for (int seed : {1, 2}) {
      std::string name = fmt::format("{}-{}", likelihood, seed);
      EXPECT_EQ(error_of([&] {
                  train_tiny(name, "moons",
                             fmt::format("seed = {}\nmodel.likelihood = '{}'", seed, likelihood));
                }),
                "")
          << name;
    }
  }
}

TEST(MakePlan, SaysWhichColumnItTookAsLabels) {
  Path path = put("xy.csv", rows_of({"x", "y"}, 40));
  const std::string words = "column 'y' is taken as the labels";
  EXPECT_TRUE(has(plan_of(fmt::format("data.path = '{}'", path.string())).data.notes, words));
  std::string asked = fmt::format("data.path = '{}'\ndata.target = ", path.string());
  EXPECT_FALSE(has(plan_of(asked + "'y'").data.notes, words));
  EXPECT_EQ(plan_of(asked + "'none'").data.schema.columns, (std::vector<std::string>{"x", "y"}));
}

TEST(MakePlan, AnOptionOfAPartThatIsNotNamedIsOneOfThePartThatSuitsTheData) {
  Plan plan = plan_of("data.path = 'moons'\nmodel.likelihood.value = 0.5\n");
  Part likelihood = plan.resolved.config.model.likelihood;
  EXPECT_EQ(likelihood.type, "gaussian");
  EXPECT_EQ(likelihood.options.at("value").as_number(), 0.5);
  EXPECT_EQ(likelihood.options.at("scale").as_string(), "column");
  EXPECT_NE(error_of([] {
              plan_of("data.path = 'moons'\nmodel.likelihood.valeu = 0.5\n");
            }).find("did you mean 'value'"),
            std::string::npos);
}

TEST(MakePlan, SaysThatAnArrayOfNumbersIsReadAsATable) {
  Path path = test_folder() / "floats.npy";
  write_file(path, encode_npy(make_array(DType::f32, {20, 4, 5})));
  std::string data = fmt::format("data.path = '{}'\n", path.string());
  EXPECT_TRUE(has(plan_of(data).data.notes,
                  "f32 [20, 4, 5] is read as 20 columns; if they are "
                  "images: --image 4x5"));
  EXPECT_NE(error_of([&] { plan_of(data + "model.encoder = 'conv'"); }).find("--image 28x28"),
            std::string::npos);
}

/// The plan for an array and nothing said.
Plan plan_for(const Array& array, const std::string& more = "") {
  Path path = test_folder() / "planned.npy";
  write_file(path, encode_npy(array));
  return plan_of(fmt::format("data.path = '{}'\n{}", path.string(), more));
}

Array noise_of(DType dtype, std::vector<int64_t> shape, uint64_t below) {
  Array out = make_array(dtype, std::move(shape));
  Rng rng(3, "noise");
  for (uint8_t& v : out.as<uint8_t>()) v = static_cast<uint8_t>(rng.below(below));
  return out;
}

TEST(MakePlan, ZerosAndOnesGetABernoulliLikelihood) {
  Plan table = plan_for(noise_of(DType::boolean, {40, 12}, 2));
  EXPECT_EQ(table.resolved.config.model.likelihood.type, "bernoulli");
  EXPECT_TRUE(table.resolved.config.data.transform.empty());
  EXPECT_TRUE(has(table.why, "a table of zeros and ones"));
  Plan asked = plan_for(noise_of(DType::boolean, {40, 12}, 2), "model.likelihood = 'gaussian'");
  EXPECT_EQ(asked.resolved.config.data.transform[0].type, "standardise");
  Plan threes = plan_for(noise_of(DType::u8, {40, 12}, 3));
  EXPECT_EQ(threes.resolved.config.model.likelihood.type, "gaussian");
  Array rare = noise_of(DType::u8, {200, 12}, 2);
  rare.as<uint8_t>()[777] = 2;
  for (int seed = 0; seed < 5; ++seed) {  // in training or held out
    Plan plan = plan_for(rare, fmt::format("seed = {}", seed));
    EXPECT_EQ(plan.resolved.config.model.likelihood.type, "gaussian");
  }
  Plan small = plan_for(noise_of(DType::boolean, {40, 9, 9}, 2));
  EXPECT_EQ(small.resolved.config.model.likelihood.type, "bernoulli");
  Plan large = plan_for(noise_of(DType::boolean, {40, 40, 40}, 2));
  EXPECT_EQ(large.resolved.config.model.likelihood.type, "bernoulli");
  EXPECT_EQ(large.resolved.config.model.encoder.type, "conv");
}

// Sides of 1, under 8, odd, and far from square: the default takes them all and gives them back.
TEST(MakePlan, TheDefaultFitsPicturesOfAnySize) {
  for (auto [h, w] : {std::pair{1, 1},
                      {1, 50},
                      {50, 1},
                      {2, 2},
                      {3, 3},
                      {4, 64},
                      {64, 5},
                      {7, 7},
                      {8, 8},
                      {9, 33},
                      {33, 35},
                      {2, 500}}) {
    for (int64_t c : {1, 3}) {
      SCOPED_TRACE(fmt::format("{} x {} x {}", h, w, c));
      Plan plan = plan_for(noise_of(DType::u8, {30, h, w, c}, 200));
      ASSERT_EQ(plan.data.schema.shape, (std::vector<int64_t>{c, h, w}));
      Rng rng(1, "pass");
      Batch batch = plan.fresh.pipeline->apply(plan.data.train->get(std::vector<int64_t>{0, 1}),
                                               TransformNoise::for_training(1, 0));
      Pass pass = plan.fresh.model->pass(batch, rng, {});
      EXPECT_TRUE(pass.log_px.isfinite().all().item<bool>());
      Tensor x = decode({{}, plan.resolved.config, plan.fresh},
                        at::zeros({2, plan.resolved.config.model.latent}));
      EXPECT_EQ(x.sizes(), at::IntArrayRef({2, c, h, w}));
    }
  }
}

TEST(MakePlan, PicturesOfMoreThanEightBitsAreNotBinarised) {
  for (int64_t most : {200, 60000}) {  // half of the pixels are black
    Array array = make_array(DType::u16, {30, 12, 12});
    for (size_t i = 0; i < 30 * 144; i += 2) {
      array.as<uint16_t>()[i] = static_cast<uint16_t>(i * 7919 % size_t(most));
    }
    Plan plan = plan_for(array);
    EXPECT_EQ(plan.resolved.config.model.likelihood.type, most > 255 ? "gaussian" : "bernoulli");
  }
}

TEST(MakePlan, SaysWhyAPictureGetsFewerConvolutions) {
  EXPECT_TRUE(has(plan_for(noise_of(DType::u8, {30, 4, 64}, 200)).why,
                  "4x64 grey: so narrow that 2 convolutions fit"));
  EXPECT_TRUE(has(plan_for(noise_of(DType::u8, {30, 50, 1}, 200)).why,
                  "50x1 grey: one pixel wide, so dense layers instead of convolutions"));
}

TEST(MakePlan, AnAutoencoderIsWatchedAndMeasuredByWhatItHas) {
  EXPECT_TRUE(error_of([] {
                plan_of("data.path = 'moons'\nmodel.posterior = 'point'\neval.samples = 5");
              }).starts_with("usage: eval.samples: the importance-weighted bound"));
  Path folder =
      train_tiny("autoencoder", table_file(), "data.target = 'kind'\nmodel.posterior = 'point'");
  EXPECT_EQ(open_config(folder).train.stop_on, "recon");
  EXPECT_TRUE(open_run(folder).trained.metrics.find("recon"));
  EXPECT_FALSE(open_run(folder).trained.metrics.find("neg_elbo"));
}

TEST(MakePlan, ABoundOfSeveralDrawsIsWhatItsModelIsWatchedBy) {
  Path folder =
      train_tiny("iwae", table_file(),
                 "data.target = 'kind'\nobjective.bound = { type = 'iwae', samples = 3 }");
  EXPECT_EQ(open_config(folder).train.stop_on, "iwae");
  EXPECT_EQ(open_config(folder).eval.samples, 3);
  EXPECT_TRUE(open_run(folder).trained.metrics.find("iwae"));
  EXPECT_NE(summarise(folder, false).headline.find("; -L_3 "), std::string::npos);
  auto one = plan_of("data.path = 'moons'\nobjective.bound = { type = 'iwae', samples = 1 }");
  EXPECT_EQ(one.resolved.config.train.stop_on, "neg_elbo");
}

// Of runs from before there was one engine.
TEST(OpenConfig, OptionsThatAreGoneDoNotKeepARunFromOpening) {
  Path folder = train_tiny("old", table_file(), "data.target = 'kind'");
  std::string config = read_text(folder / "config.toml");
  size_t train = config.find("[train]\n");
  ASSERT_NE(train, std::string::npos);
  config.insert(train + 8, "engine = 'auto'\ncheck_engine = false\n");
  write_file(folder / "config.toml", config);
  EXPECT_EQ(open_config(folder).train.epochs, 4);
  EXPECT_EQ(resume_run(folder, nullptr, nullptr).ending, Ending::finished);
}

TEST(OpenFor, BringsNamedColumnsIntoTheModelsOrder) {
  elbo::Run run = open_run(train_tiny("order", put("order.csv", rows_of({"a", "b", "c"}, 60))));
  std::vector<std::string> turned = {"c", "a", "b"};
  DataSource same = open_for(run, put("same.csv", rows_of({"a", "b", "c"}, 30)).string());
  DataSource other = open_for(run, put("turned.csv", rows_of(turned, 30)).string());
  EXPECT_EQ(other.schema.columns, run.trained.schema.columns);
  EXPECT_TRUE(at::equal(first_row(same), first_row(other)));
  EXPECT_EQ(error_of([&] {
              open_for(run, put("differ.csv", rows_of({"a", "d", "c"}, 30)).string());
            }),
            fmt::format("data: {}: lacks a column that the model takes: 'b'\nIt takes 'a', 'b', "
                        "'c'.",
                        (test_folder() / "differ.csv").string()));
}

TEST(OpenFor, NeedsNoLabels) {
  elbo::Run run = open_run(table_run());
  Path bare = put("bare.csv", "height,width\n8.5,800\n6,600\n");
  DataSource data = open_for(run, bare.string());
  EXPECT_EQ(data.train->size(), 2);
  EXPECT_EQ(first_row(data)[0].item<float>(), 800);
  EXPECT_EQ(data.schema.target, "");
}

TEST(OpenFor, TakesLabelsFromAnotherFileForTheRunsOwnDataOnly) {
  WorkingFolder inside("arrays");
  write_file("x.npy", encode_npy(to_array(at::arange(180, at::kFloat).view({60, 3}))));
  write_file("kind.npy", encode_npy(make_array(DType::u8, {60})));
  write_file("more.npy", encode_npy(make_array(DType::f32, {9, 3})));
  elbo::Run run = open_run(train_tiny("arrays", "x.npy", "data.target = 'kind.npy'"));
  EXPECT_EQ(open_for(run, "x.npy").schema.target, "kind");
  EXPECT_EQ(open_for(run, "more.npy").train->size(), 9);
}

TEST(OpenFor, KeepsTheModelsColumnsWhateverTheirNames) {
  elbo::Run run = open_run(train_tiny("moons", "moons"));
  DataSource data = open_for(run, put("points.csv", "x,y\n0.5,2\n1,3\n").string());
  EXPECT_EQ(first_row(data)[1].item<float>(), 2);
}

TEST(OpenFor, KeepsTheReadersOptions) {
  Path path = put("text.csv", rows_of({"text", "a", "b"}, 60));
  elbo::Run run = open_run(train_tiny("drop", path, "data.drop = ['text']"));
  DataSource data = open_for(run, put("more.csv", rows_of({"a", "text", "b"}, 20)).string());
  EXPECT_EQ(data.train->size(), 20);
  EXPECT_EQ(open_for(run, put("less.csv", rows_of({"a", "b"}, 20)).string()).train->size(), 20);
}

TEST(OpenFor, KnowsTheRunsOwnDataHoweverItIsSpelled) {
  WorkingFolder inside("spelled");
  write_file("own.csv", rows_of({"a", "b"}, 60));
  write_file("other.csv", rows_of({"a", "b"}, 50));
  elbo::Run run = open_run(train_tiny("spelled", "own.csv"));
  std::string whole = std::filesystem::absolute("own.csv").string();
  for (const std::string& path : {std::string(), std::string("own.csv"), std::string("./own.csv"),
                                  std::string("../spelled/own.csv"), whole}) {
    EXPECT_TRUE(is_own_data(run, path)) << path;
    EXPECT_EQ(open_for(run, path).test->size(), 6) << path;
  }
  EXPECT_FALSE(is_own_data(run, "other.csv"));
  EXPECT_EQ(open_for(run, "other.csv").train->size(), 50);
}

TEST(OpenFor, RefusesTheRunsOwnDataOnceItHasChanged) {
  Path path = put("changing.csv", rows_of({"a", "b"}, 60));
  elbo::Run run = open_run(train_tiny("changing", path));
  EXPECT_NO_THROW(open_for(run, ""));
  write_file(path, rows_of({"a", "b"}, 61));
  std::string expected = fmt::format(
      "data: {} is not what the run began with\nRestore the file, say where it lies now with "
      "--data PATH, or train anew.",
      path.string());
  EXPECT_EQ(error_of([&] { open_for(run, ""); }), expected);
  EXPECT_EQ(error_of([&] { resume_run(run.folder, nullptr, nullptr); }), expected);
}

TEST(OpenFor, ReadsOtherFilesAsTheTrainingFileWasRead) {
  std::string text = "name,on,day,x,city\n";
  for (int i = 0; i < 60; ++i) {
    text += fmt::format("n{},{},{:02}/{:02}/2024,{},c{}\n", i, i % 3 ? "ja" : "nein", 1 + i % 28,
                        1 + i % 12, i * 7 % 10, i % 5);
  }
  elbo::Run run = open_run(train_tiny("codes", put("codes.csv", text)));
  EXPECT_EQ(run.trained.schema.columns, (std::vector<std::string>{"on", "day", "x"}));
  EXPECT_EQ(run.trained.schema.codes.size(), 3u);
  EXPECT_EQ(Schema::from_value(run.trained.schema.to_value()).codes, run.trained.schema.codes);
  DataSource other = open_for(
      run, put("other.csv", "more,x,day,on\n5,1,02/01/2024,nein\n5,2,01/01/2024,nein\n").string());
  Tensor row = first_row(other);
  EXPECT_EQ(row[0].item<double>(), 0) << "nein";
  EXPECT_EQ(row[1].item<double>(), 19724) << "the second of January";
  EXPECT_TRUE(has(other.notes, "column 'more': left out, for the model does not take them"));
}

TEST(TrainRun, DecisionsOfTheReaderReachRunJson) {
  Path data = put("said.csv",
                  ";a;on;city\n0;0,5;yes;x\n1;-999;no;y\n2;1,5;yes;z\n3;2,5;no;x\n"
                  "4;0,5;yes;x\n5;1,5;no;y\n6;3,5;no;y\n");
  Path folder = train_tiny("said", data);
  Value run = parse_json(read_text(folder / "run.json"), "run.json");
  std::vector<std::string> notes = run.at("data").at("notes").as_strings();
  for (const char* words : {"decimal comma", "yes = 1, no = 0", "'city': left out",
                            "counts the rows", "-999 far from all", "are few"}) {
    EXPECT_TRUE(has(notes, words)) << words;
  }
  const Value::List& columns = run.at("data").at("columns").as_list();
  ASSERT_EQ(columns.size(), 4u);
  EXPECT_EQ(columns[0].at("role").as_string(), "id");
  EXPECT_EQ(columns[2].at("taken_as").as_string(), "yes = 1, no = 0");
  EXPECT_EQ(columns[3].at("role").as_string(), "left out");
}

TEST(TrainRun, RefusesDataWithNothingToLearn) {
  EXPECT_NE(error_of([&] {
              train_tiny("one", put("one.csv", "a,b\n1,2\n"));
            }).find("one row to train on"),
            std::string::npos);
  std::string same = "a,b\n";
  for (int i = 0; i < 40; ++i) same += "1,5\n";
  EXPECT_NE(error_of([&] {
              train_tiny("same", put("same_rows.csv", same));
            }).find("rows to train on are the same"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(test_folder() / "runs" / "same"));
}

// The data's own layer suggests linear paths today, and the checkpoint has none.
TEST(Resume, RunsFromBeforeThereWereLinearPaths) {
  Path run = train_tiny("no-linear", table_file(), "data.target = 'kind'");
  std::string config = read_text(run / "config.toml");
  size_t at = config.find("linear = false\n");
  ASSERT_NE(at, std::string::npos);
  config.erase(at, 15);
  write_file(run / "config.toml", config);
  EXPECT_EQ(resume_run(run, nullptr, nullptr, {.epochs = 6}).ending, Ending::finished);
  EXPECT_FALSE(open_config(run).model.linear);
}

TEST(OpenConfig, ColumnsThatTheReaderLeftOutAreTheDatas) {
  Path folder = train_tiny("dropped", put("dropped.csv", rows_of({"text", "a", "b"}, 60)),
                           "data.drop = ['a']");
  std::string config = read_text(folder / "config.toml");
  size_t drop = config.find("drop = [\"a\"]"), reader = config.find("reader = \"auto\"");
  ASSERT_NE(drop, std::string::npos);
  ASSERT_NE(reader, std::string::npos);
  config.replace(drop, 12, "drop = []");
  config.replace(config.find("reader = \"auto\""), 15,
                 "reader = { type = \"csv\", drop = [\"a\"] }");
  write_file(folder / "config.toml", config);
  EXPECT_EQ(open_config(folder).data.drop, std::vector<std::string>{"a"});
}

/// The weights of a model folder, byte by byte.
std::string weights_of(const Path& model) { return sha256(read_file(model / "model.safetensors")); }

constexpr const char* kConstant = "data.target = 'kind'\ntrain.lr_schedule = 'constant'\n";

// With schedules that do not look at the end, 4 epochs and 4 more are 8.
TEST(Resume, WithMoreEpochsGoesOnWithAFinishedRun) {
  Path whole = train_tiny("eight", table_file(), std::string(kConstant) + "train.epochs = 8");
  Path run = train_tiny("four", table_file(), kConstant);
  RunResult result = resume_run(run, nullptr, nullptr, {.epochs = 8});
  EXPECT_EQ(result.ending, Ending::finished);
  EXPECT_EQ(open_config(run).train.epochs, 8);
  for (const char* model : {"best", "last"}) {
    EXPECT_EQ(weights_of(run / model), weights_of(whole / model)) << model;
  }
}

TEST(Resume, RefusesEpochsThatAreDoneAndLeavesTheRunAsItWas) {
  Path run = train_tiny("done", table_file(), kConstant);
  std::string before = folder_hash(run);
  for (int64_t epochs : {1, 3, 4}) {
    EXPECT_EQ(
        error_of([&] { resume_run(run, nullptr, nullptr, {.epochs = epochs}); }),
        fmt::format("usage: epochs: {} in all are asked for, but 4 are done\nAsk for more than "
                    "that.",
                    epochs));
  }
  EXPECT_EQ(folder_hash(run), before);
}

TEST(Resume, PatienceMayBeLiftedWhereItEndedARun) {
  Path run = train_tiny("patient", table_file(),
                        "data.target = 'kind'\ntrain.epochs = 300\ntrain.patience = 1\n"
                        "train.lr = 0.2");
  int64_t done = 0;
  auto epochs_done = [&] {
    Value state = parse_json(read_text(run / "last" / "state.json"), "");
    return state.find_path("progress.epoch")->as_integer();
  };
  done = epochs_done();
  ASSERT_LT(done, 300) << "patience ran out";
  resume_run(run, nullptr, nullptr, {.epochs = done + 2, .patience = 0});
  EXPECT_EQ(epochs_done(), done + 2);
  EXPECT_EQ(open_config(run).train.patience, 0);
}

TEST(Resume, FindsDataThatMovedAndRemembersThePlace) {
  Path here = put("resume-here.csv", rows_of({"a", "b"}, 60)), there = test_folder() / "there.csv";
  Path run = train_tiny("resume-moved", here);
  std::filesystem::rename(here, there);
  EXPECT_THROW(resume_run(run, nullptr, nullptr), Error);
  resume_run(run, nullptr, nullptr, {.data = there.string()});
  EXPECT_EQ(open_config(run).data.path, there.string());
  EXPECT_NO_THROW(open_for(open_run(run), ""));
  Path other = put("resume-other.csv", rows_of({"a", "b"}, 61));
  EXPECT_TRUE(error_of([&] {
                resume_run(run, nullptr, nullptr, {.data = other.string()});
              }).starts_with("data: "));
  EXPECT_EQ(open_config(run).data.path, there.string());
}

TEST(Resume, FindsACheckpointThatWaitsForItsPlace) {
  Path run = train_tiny("waiting", table_file(), kConstant);
  std::string best = weights_of(run / "best");
  for (const char* name : {"best", "last"}) {
    std::filesystem::rename(run / name, run / (std::string(name) + ".tmp-next"));
  }
  EXPECT_TRUE(open_run(run).trained.metrics.find("neg_elbo")) << "best, which comes before last";
  resume_run(run, nullptr, nullptr);
  EXPECT_EQ(weights_of(run / "best"), best);
  EXPECT_FALSE(std::filesystem::exists(run / "last.tmp-next"));
}

/// 240 rows of the columns of table_file() in another order, elsewhere.
Path shifted_file() {
  Rng rng(8, "shifted");
  std::string text = "kind,height,width\n";
  for (int i = 0; i < 240; ++i) {
    double width = 700 + 60 * rng.uniform();
    text += fmt::format("{},{:.4f},{:.3f}\n", i % 2 ? "big" : "small", 0.01 * width, width);
  }
  return put("shifted.csv", text);
}

std::string init_of(const Path& run) { return fmt::format("init = '{}'\n", run.string()); }

Plan init_plan(const Path& run, const Path& data, const std::string& more = "") {
  return plan_of(fmt::format("data.path = '{}'\n{}{}", data.string(), init_of(run), more));
}

TEST(Init, StartsFromTheWeightsAndTransformsOfARun) {
  Plan plan = init_plan(table_run(), shifted_file());
  TrainedModel first = open_run(table_run()).trained;
  auto same = [](const torch::nn::Module& a, const torch::nn::Module& b) {
    NamedTensors x = state_of(a), y = state_of(b);
    return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                      [](auto& p, auto& q) { return at::equal(p.second, q.second); });
  };
  EXPECT_TRUE(same(*plan.fresh.model, *first.model));
  EXPECT_TRUE(same(*plan.fresh.pipeline, *first.pipeline)) << "not fitted to the new data";
  EXPECT_EQ(plan.data.schema.columns, first.schema.columns) << "in the model's order";
  EXPECT_EQ(write_options(plan.fresh.options), write_options(first.options));
  EXPECT_TRUE(has(plan.why, "on which they depend"));
}

// A rate of next to nothing leaves the weights where they start.
TEST(Init, TrainingMakesNothingOfTheNewData) {
  Path run = train_tiny("init-still", shifted_file(),
                        "data.target = 'kind'\n" + init_of(table_run()) + "train.lr = 1e-30");
  TrainedModel first = open_run(table_run()).trained, now = open_run(run).trained;
  NamedTensors a = state_of(*first.model), b = state_of(*now.model);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_TRUE(at::allclose(a[i].second, b[i].second, 1e-6, 1e-7)) << a[i].first;
  }
  EXPECT_EQ(open_config(run).init, table_run().string());
  EXPECT_EQ(parse_json(read_text(run / "run.json"), "").at("init").as_string(),
            table_run().string());
}

TEST(Init, TheRunMayGoOnceACheckpointHasItsWeights) {
  Path first = train_tiny("init-first", table_file(), "data.target = 'kind'");
  Path run = train_tiny("init-then", shifted_file(), "data.target = 'kind'\n" + init_of(first));
  std::filesystem::remove_all(first);
  EXPECT_EQ(resume_run(run, nullptr, nullptr, {.epochs = 6}).ending, Ending::finished);
}

TEST(Init, RefusesAnotherModelOtherTransformsAndOtherData) {
  std::string run = table_run().string();
  EXPECT_EQ(
      error_of([&] { init_plan(table_run(), table_file(), "model.latent = 5"); }),
      fmt::format("usage: model.latent: 5 is asked for, but the weights of {} are those of 2\n"
                  "Leave it out, or train without init.",
                  run));
  EXPECT_NO_THROW(init_plan(table_run(), table_file(), "model.latent = 2"));
  for (const char* more : {"model.encoder = { type = 'mlp', sizes = [16, 16] }",
                           "model.posterior = 'full'", "data.transform = ['min-max']"}) {
    EXPECT_TRUE(
        error_of([&] { init_plan(table_run(), table_file(), more); }).starts_with("usage: "))
        << more;
  }
  EXPECT_THROW(init_plan(table_run(), put("init-other.csv", rows_of({"a", "b"}, 60))), Error);
  EXPECT_THROW(init_plan(table_run(), picture_file()), Error);
  EXPECT_THROW(init_plan(test_folder() / "nowhere", table_file()), Error);
}

/// What a run says on its way.
class Notes : public TrainListener {
 public:
  void on_note(const std::string& text) override { lines.push_back(text); }
  std::vector<std::string> lines;
};

TEST(TrainRun, SaysWhereItWritesWhereTheNameIsTaken) {
  Plan plan = plan_of("data.path = 'moons'\ntrain.epochs = 1\nthreads = 1\nmodel.linear = false");
  Path parent = test_folder() / "names";
  Notes first, second;
  train_run(plan, parent, "m", &first, nullptr);
  EXPECT_TRUE(first.lines.empty());
  Path folder = train_run(plan, parent, "m", &second, nullptr).folder;
  EXPECT_EQ(second.lines,
            (std::vector<std::string>{fmt::format("{} is there already: this run is written to {}",
                                                  (parent / "m").string(), folder.string())}));
}

TEST(MakePlan, RefusesWhatDoesNotFitIntoMemoryBeforeItIsTaken) {
  for (const char* model :
       {"model.posterior = 'full'\nmodel.latent = 65536",
        "model.encoder = { type = 'mlp', sizes = [65536, 65536, 65536, 65536, 65536, 65536] }"}) {
    std::string error = error_of([&] { plan_of(fmt::format("data.path = 'moons'\n{}", model)); });
    EXPECT_TRUE(error.starts_with("resource: training would take about ")) << error;
  }
}

TEST(MakePlan, RefusesMoreThreadsThanFourToACore) {
  EXPECT_TRUE(error_of([] {
                plan_of("data.path = 'moons'\nthreads = 1024");
              }).starts_with("usage: threads: 1024 asked for, but "));
  EXPECT_NO_THROW(check_threads(0));
  EXPECT_NO_THROW(check_threads(4));
}

// A run from a larger machine can be used, and goes on, with what there is here.
TEST(OpenConfig, MoreThreadsThanThisMachineHasAreNoFault) {
  Path run = train_tiny("threads", table_file(), kConstant);
  std::string config = read_text(run / "config.toml");
  config.replace(config.find("threads = 1"), 11, "threads = 1000");
  write_file(run / "config.toml", config);
  EXPECT_LE(set_threads(open_config(run).threads), 4000);
  set_threads(1);
  Notes notes;
  EXPECT_EQ(resume_run(run, &notes, nullptr, {.epochs = 5}).ending, Ending::finished);
  EXPECT_TRUE(has(notes.lines, "the run had 1000 threads; here it goes on with"));
  EXPECT_EQ(open_config(run).threads, 1000);
}

TEST(SetThreads, LetsIdleThreadsSleep) {
  testing::Threads restored(1);
  EXPECT_EQ(set_threads(2), 2);
  Tensor x = at::ones({1 << 20});
  EXPECT_LT(testing::idle_processor_seconds([&] { x.add_(1); }), 1e-3);
}

}  // namespace
}  // namespace elbo
