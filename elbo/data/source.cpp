// SPDX-License-Identifier: Apache-2.0
#include "elbo/data/source.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "elbo/data/transform.h"

namespace elbo {

void DataOptions::fields(Fields& f) {
  f("path", path, "a file, a folder or the name of a shipped data set");
  f("reader", reader, "how to read it", readers());
  f("columns", columns, "the columns that are modelled; [] takes all that can be");
  f("drop", drop, "columns that are left out");
  f("target", target, "the column or entry that holds labels or targets");
  f("id", id, "the column that names the rows: not modelled, written beside results");
  f("image", image,
    "the shape of images that the numbers of an example make: 28x28, 32x32x3, or 3x32x32 where the "
    "colours come one after another; none: arrays are tables whatever their shape");
  f("valid", valid,
    "training rows held out for validation: a count, a fraction below 1, or -1 for a tenth, at "
    "most 5,000",
    at_least(-1));
  f("test", test,
    "rows held out for testing where the source has no test set of its own: a count, a fraction "
    "below 1, or -1 for a tenth, at most 5,000",
    at_least(-1));
  f("limit", limit, "use only the first rows of the training set; 0 uses all", at_least(0));
  f("in_memory", in_memory,
    "MiB of examples held in memory; larger sets of npy, IDX and CSV data stay on disk and their "
    "rows "
    "are read when they are needed; 0 leaves all there",
    between(0, 1 << 24));
  f("transform", transform, "steps from the data as stored to the data as modelled", transforms());
}

Schema schema_of(const RawData& raw) {
  Schema out;
  out.name = raw.name;
  out.kind = raw.kind;
  const auto& shape = raw.train.x.shape;
  if (raw.kind == "image") {
    out.shape = {shape.size() == 4 ? shape[3] : 1, shape[1], shape[2]};
  } else {
    out.shape = {shape[1]};
  }
  out.range = raw.range;
  out.alpha = raw.alpha;
  out.columns = raw.column_names;
  bool are_plain = std::all_of(raw.column_codes.begin(), raw.column_codes.end(),
                               [](const ColumnCode& code) { return code == ColumnCode{}; });
  if (!are_plain) out.codes = raw.column_codes;
  out.labels = raw.label_names;
  out.target = raw.target_name;
  return out;
}

namespace {

/// How many of n rows an option such as data.valid asks for; one row at least is always left.
int64_t rows_asked(double asked, int64_t n, const char* option) {
  constexpr double kMost = 9007199254740992;  // 2^53: from there on not every count is a number
  bool is_count = asked >= 1 && asked <= kMost && asked == std::floor(asked);
  ELBO_CHECK(asked == -1 || (asked >= 0 && asked < 1) || is_count, Code::usage,
             "{}: expected -1, a fraction below 1 or a whole number of rows, got {}", option,
             asked);
  auto count = asked == -1 ? std::min<int64_t>(n / 10, 5000)
               : asked < 1 ? static_cast<int64_t>(std::floor(asked * static_cast<double>(n)))
                           : static_cast<int64_t>(asked);
  ELBO_CHECK(count < n, Code::usage,
             "{}: {} rows asked for, but the training set has {}\nAsk for fewer.", option, count,
             n);
  return count;
}

std::string on_disk_note(const Array& x, int64_t in_memory) {
  double bytes = static_cast<double>(x.size()) * static_cast<double>(dtype_size(x.dtype));
  return fmt::format(
      "{:.3g} MiB of examples stay on disk and are read row by row, more than data.in_memory ({} "
      "MiB)",
      bytes / (1 << 20), in_memory);
}

/// "28x28", "32x32x3" or "3x32x32" as numbers.
std::vector<int64_t> parse_image(const std::string& text) {
  std::vector<int64_t> out;
  const char *at = text.data(), *end = at + text.size();
  while (out.size() < 4) {
    auto [next, error] = std::from_chars(at, end, out.emplace_back());
    bool is_size = error == std::errc{} && out.back() >= 1 && out.back() <= (1 << 24);
    if (!is_size) break;
    bool ends = next == end;
    bool has_channels =
        out.size() == 3 && (out[2] == 1 || out[2] == 3 || out[0] == 1 || out[0] == 3);
    if (ends && (out.size() == 2 || has_channels)) return out;
    if (ends || *next != 'x') break;
    at = next + 1;
  }
  fail(Code::usage,
       "data.image: expected height x width as 28x28, 32x32x3 or 3x32x32, or none, got '{}'", text);
}

/// What the user says of images, and what a model knows of them.
void request_images(const DataOptions& options, const Schema* model, ReadRequest& request) {
  if (model) {
    request.labels = model->labels;
    request.as_table = model->kind == "table";
    if (model->kind != "image") return;
    request.image = {model->shape[1], model->shape[2], model->shape[0]};
    request.range = model->range;
    request.alpha = model->alpha;
  }
  if (options.image == "none") {
    request.as_table = true;
  } else if (!options.image.empty()) {
    request.image = parse_image(options.image);
  }
}

/// Pictures have a size of their own, which `data.image` does not change.
void check_image(const DataOptions& options, const RawData& raw) {
  if (options.image.empty()) return;
  bool is_image = raw.kind == "image";
  if (options.image == "none") {
    ELBO_CHECK(!is_image, Code::usage, "data.image: none, but {} holds pictures", options.path);
    return;
  }
  ELBO_CHECK(is_image, Code::usage, "data.image: the reader '{}' makes no images of {}", raw.format,
             options.path);
  const std::vector<int64_t> shape = schema_of(raw).shape, asked = parse_image(options.image);
  std::vector<int64_t> last = {shape[1], shape[2], shape[0]};
  if (asked.size() == 2) last.pop_back();
  ELBO_CHECK(
      asked == last || asked == shape ||
          (asked.size() == 2 && shape[0] == 3 && asked[0] == shape[1] && asked[1] == shape[2]),
      Code::usage,
      "data.image: {}, but {} holds pictures of {}\n"
      "To bring pictures to a size: --reader image-folder --reader.resize {},{}",
      options.image, options.path, schema_of(raw).shape_text(), asked[0], asked[1]);
}

}  // namespace

DataSource open_data(const DataOptions& options, uint64_t seed, const Schema* model) {
  ELBO_CHECK(!options.path.empty(), Code::usage,
             "no data: name a file, a folder or a shipped data set\nFor example: elbo train mnist");
  ReadRequest request{.target = options.target};
  request.features = options.columns;
  request.drop = options.drop;
  request.id = options.id;
  request.in_memory = static_cast<uint64_t>(options.in_memory) << 20;
  if (model) {
    request.target_may_lack = true;
    request.columns = model->columns;
    request.codes = model->codes;
  }
  request_images(options, model, request);
  RawData raw = read_data(options.path, options.reader, request);
  check_image(options, raw);
  DataSource out{schema_of(raw), raw.format, raw.fingerprint, raw.notes, raw.column_reports,
                 nullptr,        nullptr,    nullptr,         nullptr};
  out.id_name = raw.id_name;
  DatasetPtr all = make_dataset(raw.train, out.schema);
  ELBO_CHECK(all->size() > 0, Code::data, "{}: no examples", options.path);
  if (raw.train.on_disk) out.notes.push_back(on_disk_note(raw.train.x, options.in_memory));
  if (raw.test && raw.test->x.rows() > 0) out.test = make_dataset(*raw.test, out.schema);
  out.has_own_test = out.test != nullptr;
  out.all = out.has_own_test ? joined(all, out.test) : all;

  std::vector<int64_t> rows(static_cast<size_t>(all->size()));
  std::iota(rows.begin(), rows.end(), 0);
  if (options.limit > 0 && options.limit < all->size()) rows.resize(size_t(options.limit));
  auto n = static_cast<int64_t>(rows.size());
  int64_t test = out.test ? 0 : rows_asked(options.test, n, "data.test");
  int64_t valid = rows_asked(options.valid, n - test, "data.valid");
  if (test + valid > 0) {
    std::vector<int64_t> order = Rng(seed, "data/split").permutation(n);
    auto take = [&](int64_t begin, int64_t end) {
      std::vector<int64_t> part(order.begin() + begin, order.begin() + end);
      std::sort(part.begin(), part.end());
      return part.empty() ? nullptr : subset(all, std::move(part));
    };
    if (test) out.test = take(0, test);
    out.valid = take(test, test + valid);
    rows.assign(order.begin() + test + valid, order.end());
    std::sort(rows.begin(), rows.end());
  }
  out.train = static_cast<int64_t>(rows.size()) == all->size() ? all : subset(all, std::move(rows));
  return out;
}

}  // namespace elbo
