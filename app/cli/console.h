// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "elbo/core/error.h"
#include "elbo/core/metric.h"
#include "elbo/core/value.h"

namespace elbo::cli {

/// Where results and narration go: results to stdout, everything else to stderr.
class Console {
 public:
  Console(bool json, bool quiet, bool verbose);
  bool verbose() const { return verbose_; }
  bool is_terminal() const { return terminal_; }
  bool is_json() const { return json_; }

  /// A line of the result. Not printed with --json.
  void result(std::string_view text);
  /// The one document of --json; nothing without it.
  void document(const Value& value);
  /// "label   text" on stderr, broken between words where the terminal ends; silent with --quiet.
  void tell(std::string_view label, std::string_view text);
  /// A line that takes the place of the last one on a terminal, cut where that ends; elsewhere
  /// nothing.
  void live(const std::string& text);
  void clear_live();
  void error(const Error& e);

  std::string bold(std::string_view text) const { return styled("1", text); }
  std::string red(std::string_view text) const { return styled("31", text); }
  std::string yellow(std::string_view text) const { return styled("33", text); }

 private:
  int64_t width() const;  ///< columns of the terminal; very many where there is none
  std::string styled(std::string_view code, std::string_view text) const;
  bool json_, quiet_, verbose_, terminal_, colour_;
  bool live_ = false;
};

/// Broken between words into lines of at most `width` columns, at least one word each; UTF-8, and
/// escape sequences of colour take no column.
std::vector<std::string> wrap(std::string_view text, int64_t width);

/// "0:43", "1:02:03".
std::string duration_text(double seconds);
/// 58213 -> "58k".
std::string short_count(double n);
/// "[########------------]"
std::string bar(double share, int width);

}  // namespace elbo::cli
