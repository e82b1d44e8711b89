// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/fields.h"

#include <gtest/gtest.h>

#include "elbo/core/family.h"

namespace elbo {
namespace {

struct MlpLike {
  std::vector<int64_t> sizes = {400};
  void fields(Fields& f) { f("sizes", sizes, "hidden widths", at_least(1)); }
};

const Family<std::string, int>& parts() {
  static const auto family = [] {
    Family<std::string, int> f("network", "a test family");
    f.row<MlpLike>("mlp", "dense", "",
                   [](const MlpLike& o, int n) { return fmt::format("mlp {} {}", o.sizes[0], n); });
    f.row<NoOptions>("none", "nothing", "", [](const NoOptions&, int) { return std::string(); });
    return f;
  }();
  return family;
}

struct Inner {
  int64_t epochs = 10;
  double rate = 0.1;
  void fields(Fields& f) {
    f("epochs", epochs, "passes over the data", at_least(1));
    f("rate", rate, "step size", above(0));
  }
};

struct Options {
  Inner train;
  std::string mode = "fast";
  bool quiet = false;
  Part network = "mlp";
  void fields(Fields& f) {
    f.section("train", train);
    f("mode", mode, "how", {"fast", "slow"});
    f("quiet", quiet, "say less");
    f("network", network, "what", parts());
  }
};

std::string message_of(const std::string& toml) {
  try {
    read_options<Options>(parse_toml(toml, "test"), "test.toml");
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::usage);
    return e.message().substr(0, e.message().find('\n'));
  }
  return "accepted";
}

TEST(Toml, NestsAtMost64Deep) {
  auto dotted = [](int depth) {
    std::string key = "a";
    for (int i = 1; i < depth; ++i) key += ".a";
    return key + " = 1";
  };
  Value deep = parse_toml(dotted(64), "test");
  EXPECT_EQ(parse_toml(to_toml(deep), "test"), deep);
  try {
    parse_toml(dotted(65), "test");
    FAIL() << "read";
  } catch (const Error& e) {
    EXPECT_EQ(e.message(), "test:1: nested more than 64 levels deep");
  }
}

TEST(Fields, ReadsWhatItWrites) {
  Options options;
  options.train.epochs = 3;
  options.network = Part("mlp", parse_toml("sizes = [7, 8]", ""));
  Value written = write_options(options);
  EXPECT_EQ(write_options(read_options<Options>(written)), written);
  EXPECT_EQ(write_options(read_options<Options>(parse_toml(to_toml(written), ""))), written);
}

TEST(Fields, NamesTheOptionTheFindingAndTheExpectation) {
  EXPECT_EQ(message_of("train.epoch = 3"),
            "test.toml: unknown option 'train.epoch'; did you mean 'train.epochs'?");
  EXPECT_EQ(message_of("epochs = 3"),
            "test.toml: unknown option 'epochs'; did you mean 'train.epochs'?");
  EXPECT_EQ(message_of("train.epochs = 0"), "test.toml: train.epochs: must be >= 1, got 0");
  EXPECT_EQ(message_of("train.epochs = 'x'"),
            "test.toml: train.epochs: expected a whole number, got \"x\"");
  EXPECT_EQ(message_of("train.rate = 0"), "test.toml: train.rate: must be > 0, got 0");
  EXPECT_EQ(message_of("mode = 'fats'"),
            "test.toml: mode: unknown value 'fats'; did you mean 'fast'?");
  EXPECT_EQ(message_of("network = 'mpl'"),
            "test.toml: network: unknown network 'mpl'; did you mean 'mlp'?");
  EXPECT_EQ(message_of("network = { type = 'mlp', size = 3 }"),
            "test.toml: network: network 'mlp': unknown option 'size'; did you mean 'sizes'?");
  EXPECT_EQ(message_of("quiet = 1"), "test.toml: quiet: expected true or false, got 1");
  EXPECT_EQ(message_of("train = 3"),
            "test.toml: train: expected a table of options, got a whole number");
  EXPECT_EQ(message_of("trian = 3"), "test.toml: unknown option 'trian'; did you mean 'train'?");
}

TEST(Fields, OneItemStandsForAListOfOne) {
  EXPECT_EQ(parts().make(Part("mlp", parse_toml("sizes = 5", "")), 2), "mlp 5 2");
}

TEST(Fields, ATextHoldsAListBetweenCommas) {
  EXPECT_EQ(parts().make(Part("mlp", parse_toml("sizes = '400,200'", "")), 2), "mlp 400 2");
  struct {
    std::vector<std::string> texts = {"x"};
    void fields(Fields& f) { f("texts", texts, ""); }
  } options;
  Fields fields;
  options.fields(fields);
  auto read = [&](Value value) {
    Value table = Value::table();
    table["texts"] = std::move(value);
    fields.read(table, "test");
    return options.texts;
  };
  EXPECT_EQ(read("a,b"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(read(",NA,"), (std::vector<std::string>{"", "NA", ""}));
  EXPECT_EQ(read(""), (std::vector<std::string>{}));
  EXPECT_EQ(read(3), (std::vector<std::string>{"3"}));
  EXPECT_EQ(read(Value::List{"a,b"}), (std::vector<std::string>{"a,b"}));
  EXPECT_EQ(read("a,\"City, State\",b"), (std::vector<std::string>{"a", "City, State", "b"}));
  EXPECT_EQ(read("\"say \"\"x\"\"\",\"\""), (std::vector<std::string>{"say \"x\"", ""}));
  EXPECT_EQ(read("5\" pipe,b"), (std::vector<std::string>{"5\" pipe", "b"}));
  EXPECT_THROW(read("a,\"b"), Error);
  EXPECT_THROW(read("\"a\"b"), Error);
  // What list_text writes is read back, as a field's text and as a setting.
  std::vector<std::vector<std::string>> lists = {
      {"a"},    {"a", "b"}, {"City, State"}, {"-999"},    {"-999", "NA"},
      {"true"}, {"1e5"},    {"007"},         {""},        {"", "x"},
      {"[x]"},  {"{x"},     {"a\"b", "c"},   {"#x", "y"}, {"1 #x"},
      {" a "},  {"it's"},   {"2024-01-01"}};
  for (const auto& list : lists) {
    std::string text = list_text(list);
    EXPECT_EQ(read(parse_setting(text)), list) << text;
    EXPECT_EQ(read(text.starts_with("[") ? parse_setting(text) : Value(text)), list) << text;
  }
}

TEST(ParseSetting, TakesListsOfBareWordsAndRefusesHalfATable) {
  EXPECT_EQ(parse_setting("[unit, binarise]"), Value(Value::List{"unit", "binarise"}));
  EXPECT_EQ(parse_setting("[8,16]"), Value(Value::List{8, 16}));
  EXPECT_EQ(parse_setting("[]"), Value(Value::List{}));
  EXPECT_EQ(parse_setting("photos"), Value("photos"));
  EXPECT_THROW(parse_setting("{ type = vamp }"), Error);
  EXPECT_THROW(parse_setting("[unit"), Error);
}

TEST(Merge, KeepsOptionsOfTheSameTypeAndDropsThoseOfAnother) {
  Value lower = parse_toml("p = { type = 'mlp', sizes = [1] }\nq = 1", "");
  EXPECT_EQ(merge(lower, parse_toml("p.act = 'relu'", "")).at("p"),
            parse_toml("type = 'mlp'\nsizes = [1]\nact = 'relu'", ""));
  EXPECT_EQ(merge(lower, parse_toml("p = 'none'", "")).at("p"), Value("none"));
  EXPECT_EQ(merge(lower, parse_toml("p = 'mlp'", "")), lower);
  EXPECT_EQ(merge(parse_toml("p = 'mlp'", ""), parse_toml("p.sizes = 2", "")).at("p"),
            parse_toml("type = 'mlp'\nsizes = 2", ""));
}

TEST(Json, RoundTrips) {
  const char* text = R"({"a":[1,2.5,-3.0,1e-300,null,true,"q\"\u00e9\n"],"b":{"c":{}}})";
  Value v = parse_json(text, "test");
  EXPECT_EQ(parse_json(to_json(v), "test"), v);
  EXPECT_EQ(parse_json(to_json(v, 2), "test"), v);
}

TEST(Json, RefusesDuplicatesDepthAndTrailers) {
  EXPECT_THROW(parse_json(R"({"a":1,"a":2})", "t"), Error);
  EXPECT_THROW(parse_json(std::string(100, '[') + std::string(100, ']'), "t"), Error);
  EXPECT_THROW(parse_json("{} x", "t"), Error);
  EXPECT_THROW(parse_json("", "t"), Error);
}

}  // namespace
}  // namespace elbo
