// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/metric.h"

#include <algorithm>
#include <cmath>

namespace elbo {
namespace {

/// The power of ten of the leading digit once v is rounded to `digits` significant digits; v > 0.
int leading_place(double v, int digits) {
  std::string text = fmt::format("{:.{}e}", v, digits - 1);
  return std::stoi(text.substr(text.find('e') + 1));
}

/// v rounded to the place 10^-decimals, which may lie before the point.
std::string fixed(double v, int decimals) {
  if (decimals < 0) {
    double unit = std::pow(10.0, -decimals);
    v = std::round(v / unit) * unit;
  }
  std::string text = fmt::format("{:.{}f}", v, std::max(0, decimals));
  bool is_zero = text.find_first_of("123456789") == std::string::npos;
  return is_zero && text[0] == '-' ? text.substr(1) : text;
}

std::string without_trailing_zeros(std::string text) {
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// A finite value of ordinary size whose standard error is not known.
std::string plain(double value) {
  if (value == std::round(value)) return with_commas(static_cast<int64_t>(value));
  int decimals = std::max(0, 3 - leading_place(std::abs(value), 4));
  return without_trailing_zeros(fixed(value, decimals));
}

}  // namespace

Value metrics_to_value(const std::vector<Metric>& metrics) {
  Value out = Value::table();
  for (const Metric& metric : metrics) {
    Value& entry = out[metric.name];
    entry["value"] = metric.value;
    if (!std::isnan(metric.se)) entry["se"] = metric.se;
    entry["unit"] = metric.unit;
  }
  return out;
}

NumberText format_number(double value, double se) {
  std::string se_text = std::isnan(se) ? "" : fmt::format("{}", se);
  if (!std::isfinite(value)) return {fmt::format("{}", value), se_text};
  double size = std::max(std::abs(value), std::isfinite(se) ? se : 0.0);
  if (size > 0 && (size < 1e-4 || size >= 1e9)) {
    int power = leading_place(size, 3);
    double unit = std::pow(10.0, power);
    NumberText scaled = format_number(value / unit, se / unit);
    for (std::string* part : {&scaled.value, &scaled.se}) {
      if (!part->empty()) *part += fmt::format("e{}", power);
    }
    return scaled;
  }
  if (!std::isfinite(se) || se <= 0) return {plain(value), se_text};
  int decimals = 1 - leading_place(se, 2);
  return {fixed(value, decimals), fixed(se, decimals)};
}

std::string with_commas(int64_t n) {
  std::string text = std::to_string(n);
  size_t first = n < 0 ? 1 : 0;
  for (size_t i = text.size(); i > first + 3;) text.insert(i -= 3, ",");
  return text;
}

std::string counted(int64_t n, const std::string& noun) {
  return with_commas(n) + " " + noun + (n == 1 ? "" : "s");
}

std::string format_metric(const Metric& metric) {
  NumberText text = format_number(metric.value, metric.se);
  if (!text.se.empty()) text.value += " \xc2\xb1 " + text.se;
  return metric.unit.empty() ? text.value : text.value + " " + metric.unit;
}

}  // namespace elbo
