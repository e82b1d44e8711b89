// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <functional>

#include "elbo/io/csv_format.h"
#include "elbo/io/csv_report.h"
#include "elbo/io/gzip.h"
#include "elbo/io/readers.h"
#include "elbo/io/text_encoding.h"

namespace elbo {
namespace {

char delimiter_of(const CsvOptions& options) {
  if (options.delimiter == "auto") return '\0';
  return options.delimiter == "blanks" ? ' ' : options.delimiter[0];
}

/// Reads a table in passes: over its first rows to see what its columns are, over all to read them,
/// and where a later row is not what the first ones were, over all to see and to read again.
class TableReader {
 public:
  /// `open` gives the text from its start; none is longer than `size`.
  TableReader(const std::function<TextSource()>& open, uint64_t size, const std::string& where,
              const CsvOptions& options, const ReadRequest& request)
      : open_(open),
        buffer_(static_cast<size_t>(std::min<uint64_t>(2 * size + 8, kTextBuffer))),
        where_(where),
        options_(options),
        request_(request),
        missing_(options.missing),
        format_(find_format(open(), delimiter_of(options), options.header, buffer_)),
        surveys_(format_.columns),
        is_surveyed_(format_.columns) {
    for (size_t c = 0; c < format_.columns; ++c) surveys_[c].is_id_like = may_be_id(format_, c);
  }

  RawData read() {
    survey_head();
    DType type = request_.image.empty() ? x_type() : DType::u8;
    while (true) {
      TablePlan plan = settled_plan();
      check_has_features(plan, where_);
      check_image(plan);
      TableScan scan(plan, format_, missing_, request_, where_, type);
      CsvRows rows = first_row();
      scan.read(rows);
      ELBO_CHECK(scan.rows() > 0, Code::data, "{}: holds no rows but empty ones", where_);
      std::vector<size_t> surprises = scan.surprises();
      if (!surprises.empty()) {
        survey_all(surprises);
      } else if (type == DType::f32 && scan.needs_f64()) {
        type = DType::f64;
      } else {
        return finish(plan, scan, rows.passed_over());
      }
    }
  }

 private:
  /// On the first row below the names.
  CsvRows first_row() const {
    CsvRows rows(open_(), where_, format_.layout, buffer_);
    bool any = rows.next();
    ELBO_CHECK(any, Code::data, "{}: holds no rows", where_);
    for (size_t i = 0; i < format_.layout.head_rows && any; ++i) any = rows.next();
    ELBO_CHECK(any, Code::data, "{}: holds a header and no rows", where_);
    return rows;
  }

  void survey_head() {
    constexpr size_t kMostCells = 200000, kLeastRows = 50, kMostRows = 1000;
    size_t most =
        std::clamp(kMostCells / std::max<size_t>(format_.columns, 1), kLeastRows, kMostRows);
    CsvRows rows = first_row();
    bool any = true;
    for (size_t r = 0; any && r < most; ++r, any = rows.next()) {
      if (is_empty_row(rows.cells())) continue;
      for (size_t c = 0; c < format_.columns; ++c) {
        surveys_[c].add(trim(rows.cells()[c]), rows.line(), missing_);
      }
    }
    if (!any) is_surveyed_.assign(format_.columns, true);
  }

  /// Looks at all cells of some columns of which not all are known.
  void survey_all(const std::vector<size_t>& columns) {
    for (size_t c : columns) {
      ELBO_CHECK(!is_surveyed_[c], Code::data, "{}: changed while it was read\nRead it again.",
                 where_);
      bool is_id_like = surveys_[c].is_id_like;
      surveys_[c] = {};
      surveys_[c].is_id_like = is_id_like;
      is_surveyed_[c] = true;
    }
    CsvRows rows = first_row();
    for (bool any = true; any; any = rows.next()) {
      if (is_empty_row(rows.cells())) continue;
      for (size_t c : columns) {
        surveys_[c].add(trim(rows.cells()[c]), rows.line(), missing_);
      }
    }
  }

  /// A plan whose texts are all explained, and in which columns without a value have none at all.
  TablePlan settled_plan() {
    while (true) {
      TablePlan plan = plan_table(format_, where_, options_, request_, surveys_);
      std::vector<size_t> unknown = columns_with_unknown(plan), open = unknown;
      for (size_t c = 0; c < plan.columns.size(); ++c) {
        if (plan.columns[c].taken_as == "nothing") open.push_back(c);
      }
      std::erase_if(open, [&](size_t c) { return is_surveyed_[c]; });
      if (open.empty() && !unknown.empty()) {
        bool for_model = request_.target_may_lack || !request_.columns.empty();
        refuse_unknown(plan, where_, options_.missing, for_model);
      }
      if (open.empty()) return plan;
      survey_all(open);
    }
  }

  DType x_type() const {
    bool loses = std::any_of(surveys_.begin(), surveys_.end(),
                             [](const CellSurvey& s) { return s.loses_in_f32 || s.with_time > 0; });
    return loses ? DType::f64 : DType::f32;
  }

  void check_image(const TablePlan& plan) const {
    if (request_.image.empty()) return;
    int64_t pixels = 1;
    for (int64_t d : request_.image) pixels *= d;
    ELBO_CHECK(pixels == static_cast<int64_t>(plan.features.size()), Code::usage,
               "{}: --image {} needs {} columns, but {} are left\nName the label with --target, "
               "and leave others out with --drop.",
               where_, fmt::join(request_.image, "x"), pixels, plan.features.size());
  }

  RawData finish(const TablePlan& plan, TableScan& scan, const CsvPassedOver& passed_over) {
    RawData out;
    out.format = "csv";
    out.kind = request_.image.empty() ? "table" : "image";
    scan.finish(out);
    for (size_t c : plan.features) {
      if (out.kind == "image") break;
      out.column_names.push_back(plan.columns[c].name);
      out.column_codes.push_back(plan.columns[c].meaning.code);
    }
    report_table(out, plan, format_, scan, passed_over, request_);
    return out;
  }

  const std::function<TextSource()>& open_;
  size_t buffer_;
  const std::string& where_;
  const CsvOptions& options_;
  const ReadRequest& request_;
  MissingTexts missing_;
  CsvFormat format_;
  std::vector<CellSurvey> surveys_;
  std::vector<char> is_surveyed_;  // in all rows
};

RawData read_rows(const std::function<TextSource()>& raw, uint64_t size, const std::string& where,
                  const CsvOptions& options, const ReadRequest& request) {
  std::string encoding;
  std::function<TextSource()> open = [&] { return in_utf8(raw(), encoding); };
  RawData out = TableReader(open, size, where, options, request).read();
  if (!encoding.empty()) out.notes.insert(out.notes.begin(), "the text is " + encoding);
  return out;
}

/// The first whole lines of the head hold two cells or more each, equally many, or a value each.
bool looks_like_table(std::string_view head, bool is_whole) {
  if (!is_whole) head = head.substr(0, head.find_last_of("\r\n") + 1);
  try {
    CsvTable table = parse_csv(std::string(head), "");
    if (table.columns >= 2) return table.rows() >= 2;
    return std::all_of(table.cells.begin(), table.cells.end(),
                       [](auto cell) { return is_value(trim(cell)); });
  } catch (const Error&) {
    return false;
  }
}

bool is_table_name(Path path) {
  if (path.extension() == ".gz") path = path.stem();
  std::string extension = lower(path.extension().string());
  return extension == ".csv" || extension == ".tsv";
}

class CsvReader : public Reader {
 public:
  explicit CsvReader(CsvOptions options) : options_(std::move(options)) {}

  /// By content; the extensions .csv and .tsv vouch for text that looks like no table.
  bool accepts(const Path& path, std::span<const std::byte> head) const override {
    Bytes content = content_head(head);
    std::string text(as_text(content)), encoding;
    bool is_whole = text.size() < 4096;
    if (!wide_encoding(text).empty()) {
      TextSource source = in_utf8(text_source(std::string_view(as_text(content))), encoding);
      text.assign(2 * content.size() + 8, '\0');
      text.resize(source(text));
    }
    bool is_text = !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
      return static_cast<unsigned char>(c) < 32 && !std::strchr("\t\n\r\f", c);
    });
    return is_text && (is_table_name(path) || looks_like_table(text, is_whole));
  }

  RawData read(const Path& path, const ReadRequest& request) const override {
    std::string where = path.string(), fingerprint;
    auto file = std::make_shared<const DiskFile>(path);
    RawData out = read_rows([&] { return text_of(file, fingerprint); },
                            file->size() * kMaxInflation, where, options_, request);
    out.name = data_name(path);
    out.fingerprint = fingerprint;
    return out;
  }

 private:
  CsvOptions options_;
};

}  // namespace

RawData read_csv_data(std::string_view text, const std::string& where, const CsvOptions& options,
                      const ReadRequest& request) {
  return read_rows([text] { return text_source(text); }, text.size(), where, options, request);
}

std::unique_ptr<Reader> make_csv_reader(const CsvOptions& options) {
  return std::make_unique<CsvReader>(options);
}

}  // namespace elbo
