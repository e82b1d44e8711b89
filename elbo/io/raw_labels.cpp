// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

#include "elbo/io/array_visit.h"
#include "elbo/io/raw.h"

namespace elbo {
namespace {

/// The whole number that a text is, if it is one.
std::optional<int64_t> whole_number(const std::string& text) {
  int64_t out = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

std::vector<int64_t> to_integers(const Array& a) {
  return visit_elements(a,
                        [](auto from) { return std::vector<int64_t>(from.begin(), from.end()); });
}

void check_label_shape(const Labels& labels, const RawSet& set) {
  std::vector<int64_t> shape = labels.values.shape;
  if (!labels.texts.empty()) shape = {static_cast<int64_t>(labels.texts.size())};
  bool flat = shape.size() == 1 || (shape.size() == 2 && shape[1] == 1);
  ELBO_CHECK(flat && shape[0] == set.x.rows(), Code::data,
             "{}: labels of shape {} for {} examples, expected [{}]", labels.where,
             shape_text(shape), set.x.rows(), set.x.rows());
}

/// Labels as numbers of their distinct texts, in any order.
struct Coded {
  std::vector<std::string> texts;  ///< distinct
  std::vector<int64_t> codes;      ///< [N] indices into texts
};

Coded code_texts(const std::vector<std::string>& labels) {
  Coded out;
  std::map<std::string, int64_t> number;
  for (const std::string& label : labels) {
    auto [it, is_new] = number.try_emplace(label, static_cast<int64_t>(number.size()));
    if (is_new) out.texts.push_back(label);
    out.codes.push_back(it->second);
  }
  return out;
}

Coded code_integers(const Array& labels) {
  Coded out;
  out.codes = to_integers(labels);
  std::vector<int64_t> distinct = out.codes;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (int64_t v : distinct) out.texts.push_back(fmt::format("{}", v));
  for (int64_t& v : out.codes) {
    v = std::lower_bound(distinct.begin(), distinct.end(), v) - distinct.begin();
  }
  return out;
}

Coded code(const Labels& labels) {
  return labels.texts.empty() ? code_integers(labels.values) : code_texts(labels.texts);
}

Array class_indices(const Coded& labels, const std::vector<std::string>& names) {
  std::map<std::string, int64_t> number;
  for (size_t i = 0; i < names.size(); ++i) number[names[i]] = static_cast<int64_t>(i);
  std::vector<int64_t> class_of, classes;
  for (const std::string& text : labels.texts) class_of.push_back(number.at(text));
  for (int64_t c : labels.codes) classes.push_back(class_of[static_cast<size_t>(c)]);
  return make_array(DType::i64, {static_cast<int64_t>(classes.size())}, classes);
}

Array float_targets(const Labels& labels) {
  RawSet column;
  Array flat = labels.values;
  flat.shape = {labels.values.rows(), 1};
  fill_examples(column, std::move(flat), labels.where, false);
  column.x.shape.pop_back();
  return std::move(column.x);
}

}  // namespace

std::vector<std::string> class_names(const std::set<std::string>& found,
                                     const std::vector<std::string>& known,
                                     std::string_view where) {
  if (!known.empty()) {
    for (const std::string& name : found) {
      ELBO_CHECK(std::find(known.begin(), known.end(), name) != known.end(), Code::data,
                 "{}: the class '{}' is unknown to the model\nIt knows {}.", where, name,
                 fmt::join(known, ", "));
    }
    return known;
  }
  ELBO_CHECK(found.size() <= kMaxClasses, Code::data,
             "{}: labels of {} different texts, at most {} make classes\n"
             "Choose another target, or none: --target none",
             where, found.size(), kMaxClasses);
  std::vector<std::string> out(found.begin(), found.end());
  bool numbers = std::all_of(out.begin(), out.end(), whole_number);
  if (numbers) {
    std::sort(out.begin(), out.end(), [](const std::string& a, const std::string& b) {
      return *whole_number(a) < *whole_number(b);
    });
  }
  return out;
}

void fill_labels(RawData& data, const Labels& train, const Labels& test,
                 const std::vector<std::string>& known) {
  check_label_shape(train, data.train);
  bool has_test = data.test && !test.empty();
  if (has_test) check_label_shape(test, *data.test);
  auto is_text = [](const Labels& labels) { return !labels.texts.empty(); };
  ELBO_CHECK(!has_test || is_text(train) == is_text(test), Code::data,
             "{}: labels are texts and those of {} are numbers, or the reverse", train.where,
             test.where);
  bool fractions = is_float(train.values.dtype) || (has_test && is_float(test.values.dtype));
  if (is_text(train) || !fractions) {
    Coded train_codes = code(train), test_codes;
    if (has_test) test_codes = code(test);
    std::set<std::string> found(train_codes.texts.begin(), train_codes.texts.end());
    found.insert(test_codes.texts.begin(), test_codes.texts.end());
    if (is_text(train) || !known.empty() || found.size() <= kMaxClasses) {
      data.label_names = class_names(found, known, train.where);
      data.train.y = class_indices(train_codes, data.label_names);
      if (has_test) data.test->y = class_indices(test_codes, data.label_names);
      return;
    }
  }
  data.train.y = float_targets(train);
  if (has_test) data.test->y = float_targets(test);
}

}  // namespace elbo
