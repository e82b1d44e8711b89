// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "elbo/core/value.h"
#include "elbo/io/array.h"

namespace elbo {

/// One number with what is needed to read it.
struct Metric {
  std::string name;   ///< "neg_elbo"
  double value = 0;
  double se = 0;      ///< standard error; NaN where none was estimated
  std::string unit;   ///< "nats", "bits/dim", "" for counts
  std::string help;   ///< one sentence
};

/// {"name": {"value": .., "se": .., "unit": ..}}; se is left out where it is NaN.
Value metrics_to_value(const std::vector<Metric>& metrics);

/// One self-contained HTML file: no script from elsewhere, no fonts, no network. Light and dark by
/// the reader's preference.
class Page {
 public:
  explicit Page(std::string title, std::string subtitle = "");
  void section(std::string_view heading, std::string_view text = "");
  void paragraph(std::string_view text);
  /// A line of good, warning or bad news, marked by colour and word.
  void verdict(std::string_view level, std::string_view text);  ///< "good", "warn", "bad"
  void metrics(const std::vector<Metric>& metrics);
  void table(const std::vector<std::string>& header,
             const std::vector<std::vector<std::string>>& rows);
  void svg(std::string_view svg, std::string_view caption);
  /// A PNG embedded in the page. `image` u8 [H, W, C].
  void image(const Array& image, std::string_view caption);
  /// Figures side by side until the next section or end_row.
  void begin_row();
  void end_row();
  void code(std::string_view text, std::string_view summary);  ///< folded away under `summary`
  std::string html() const;

 private:
  std::string title_, subtitle_, body_;
};

}  // namespace elbo
