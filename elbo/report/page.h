// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "elbo/core/metric.h"
#include "elbo/io/array.h"
#include "elbo/report/text_table.h"

namespace elbo {

/// One self-contained HTML file: no script, no fonts, no network. Light and dark by the reader's
/// preference. All text is escaped; the same calls give the same bytes.
class Page {
 public:
  explicit Page(std::string title, std::string subtitle = "");
  /// Ends a row. From the third section on, the page has a list of its sections on top.
  void section(std::string_view heading, std::string_view text = "");
  void paragraph(std::string_view text);
  /// A line of news, marked by colour and word. Throws Error(Code::failure) for another level.
  void verdict(std::string_view level, std::string_view text);  ///< "good", "warn", "bad"
  /// The few numbers that matter most, large and side by side.
  void headline(const std::vector<Metric>& metrics);
  void metrics(const std::vector<Metric>& metrics);
  void table(const Row& header, const std::vector<Row>& rows);
  /// A figure. `svg` is markup as the functions of chart.h return it, and is not escaped.
  void svg(std::string_view svg, std::string_view caption);
  /// A PNG embedded in the page, shown without smoothing and small ones enlarged by a whole factor.
  /// `image` u8 [H, W, C].
  void image(const Array& image, std::string_view caption);
  /// Figures side by side until the next section or end_row.
  void begin_row();
  void end_row();
  void code(std::string_view text, std::string_view summary);  ///< folded away under `summary`
  std::string html() const;

 private:
  std::string title_, subtitle_, body_;
  std::vector<std::string> headings_;
  bool in_row_ = false;
};

}  // namespace elbo
