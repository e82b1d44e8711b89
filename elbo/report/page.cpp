// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/page.h"

#include <algorithm>

#include "elbo/io/image.h"
#include "elbo/report/markup.h"

namespace elbo {
namespace {

constexpr std::string_view kStyle = R"(
:root{color-scheme:light dark;--paper:#f6f7f9;--card:#fff;--ink:#1f2328;--mute:#5d6670;
--line:#e1e4e8;--link:#0072b2;--good:#00805d;--warn:#b36b00;--bad:#c2410c}
@media(prefers-color-scheme:dark){:root{--paper:#111317;--card:#1a1d23;--ink:#e4e7eb;
--mute:#a0a8b3;--line:#2c323b;--link:#5bb0e8;--good:#3ecf9f;--warn:#f0b04a;--bad:#ff8a5c}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}
main{max-width:1100px;margin:0 auto;padding:36px 24px 64px}
h1{font-size:28px;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:19px;margin:44px 0 10px;padding-bottom:6px;border-bottom:1px solid var(--line)}
p{margin:8px 0 14px;max-width:75ch}
.subtitle{color:var(--mute);margin:0 0 18px;font-size:16px;max-width:none}
nav{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:14px;margin:0 0 20px}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
code,pre,.name{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.name{font-size:13px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:16px 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px 16px}
.tile .name{color:var(--mute);overflow-wrap:anywhere}
.tile .big{font-size:25px;font-weight:600;line-height:1.35;font-variant-numeric:tabular-nums;
letter-spacing:-.01em}
.tile .small{color:var(--mute);font-size:13px}
.tile .help{color:var(--mute);font-size:12.5px;line-height:1.4;margin-top:4px}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:10px;
margin:12px 0 18px;width:fit-content;max-width:100%}
table{border-collapse:collapse;font-size:14px}
th,td{text-align:left;padding:7px 16px;border-top:1px solid var(--line);vertical-align:baseline}
th{color:var(--mute);font-weight:500;font-size:13px;white-space:nowrap;border-top:0}
tbody:first-child tr:first-child td{border-top:0}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.value{padding-right:0}td.value{font-weight:600}
.se{color:var(--mute);padding-left:6px;font-variant-numeric:tabular-nums;white-space:nowrap}
.help{color:var(--mute)}
.verdict{background:var(--card);border:1px solid var(--line);border-left:4px solid;
border-radius:6px;padding:8px 14px;margin:10px 0;max-width:none}
.verdict b{margin-right:6px}.verdict span{color:var(--ink)}
.good{border-left-color:var(--good)}.good b{color:var(--good)}
.warn{border-left-color:var(--warn)}.warn b{color:var(--warn)}
.bad{border-left-color:var(--bad)}.bad b{color:var(--bad)}
.row{display:flex;flex-wrap:wrap;gap:16px}
figure{margin:10px 0;background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:12px;max-width:100%;width:fit-content;overflow:hidden}
.row figure{margin:0;flex:1 1 calc(.85*var(--w));max-width:min(100%,calc(var(--w) + 26px))}
figure svg,figure img{display:block;max-width:100%;height:auto;margin:0 auto}
.row figure svg{width:100%}
img{image-rendering:pixelated;border-radius:3px}
figcaption{color:var(--mute);font-size:13px;line-height:1.45;margin:8px 4px 0;
contain:inline-size}
details{background:var(--card);border:1px solid var(--line);border-radius:10px;margin:12px 0;
padding:8px 14px}
summary{cursor:pointer;color:var(--link)}
pre{overflow-x:auto;font-size:13px;line-height:1.5;margin:10px 0 4px}
@media print{body{background:#fff}figure,.tile,tr{break-inside:avoid}}
)";

struct Level {
  std::string_view name, word;
};
constexpr Level kLevels[] = {{"good", "Good"}, {"warn", "Warning"}, {"bad", "Bad"}};

constexpr int64_t kFigureWidth = 492;  // two figures of this width fill a row

/// A framed picture; `width` is what it would like to have, in pixels. Frames almost as wide as two
/// in a row may be take all of that, so that columns line up.
std::string figure(std::string_view picture, int64_t width, std::string_view caption) {
  std::string text = escape_markup(caption);
  if (width > 3 * kFigureWidth / 4) width = std::max(width, kFigureWidth);
  if (!text.empty()) text = "<figcaption>" + text + "</figcaption>";
  return fmt::format("<figure style=\"--w:{}px\">{}{}</figure>\n", width, picture, text);
}

/// The width an SVG states for itself, or the usual one.
int64_t width_of(std::string_view svg) {
  constexpr std::string_view kKey = " width=\"";
  size_t at = svg.substr(0, svg.find('>')).find(kKey);
  int64_t width = 0;
  for (at += at == svg.npos ? 0 : kKey.size(); at < svg.size() && width < 10000; ++at) {
    if (svg[at] < '0' || svg[at] > '9') break;
    width = 10 * width + (svg[at] - '0');
  }
  return width > 0 ? width : kFigureWidth;
}

std::string cell(std::string_view tag, std::string_view text, bool is_number) {
  return fmt::format("<{0}{1}>{2}</{0}>", tag, is_number ? " class=\"num\"" : "",
                     escape_markup(text));
}

std::string table_row(std::string_view tag, const Row& row, const std::vector<bool>& numbers) {
  std::string out = "<tr>";
  for (size_t c = 0; c < numbers.size(); ++c) {
    out += cell(tag, c < row.size() ? row[c] : "", numbers[c]);
  }
  return out + "</tr>\n";
}

}  // namespace

Page::Page(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void Page::section(std::string_view heading, std::string_view text) {
  end_row();
  headings_.emplace_back(heading);
  body_ += fmt::format("<h2 id=\"s{}\">{}</h2>\n", headings_.size(), escape_markup(heading));
  if (!text.empty()) paragraph(text);
}

void Page::paragraph(std::string_view text) {
  body_ += fmt::format("<p>{}</p>\n", escape_markup(text));
}

void Page::verdict(std::string_view level, std::string_view text) {
  auto known = std::find_if(std::begin(kLevels), std::end(kLevels),
                            [&](const Level& l) { return l.name == level; });
  ELBO_CHECK(known != std::end(kLevels), Code::failure, "verdict '{}'; expected good, warn or bad",
             level);
  body_ += fmt::format("<p class=\"verdict {}\"><b>{}</b> <span>{}</span></p>\n", level,
                       known->word, escape_markup(text));
}

void Page::headline(const std::vector<Metric>& metrics) {
  body_ += "<div class=\"tiles\">\n";
  for (const Metric& metric : metrics) {
    NumberText number = format_number(metric.value, metric.se);
    std::string small = number.se.empty() ? "" : "\xc2\xb1 " + number.se + " ";
    body_ += fmt::format(
        "<div class=\"tile\"><div class=\"name\">{}</div><div class=\"big\">{}</div>"
        "<div class=\"small\">{}</div><div class=\"help\">{}</div></div>\n",
        escape_markup(metric.name), number.value, escape_markup(small + metric.unit),
        escape_markup(metric.help));
  }
  body_ += "</div>\n";
}

void Page::metrics(const std::vector<Metric>& metrics) {
  body_ +=
      "<div class=\"wide\"><table><thead><tr><th>metric</th>"
      "<th class=\"num value\">value</th><th></th><th>unit</th><th></th></tr></thead><tbody>\n";
  for (const Metric& metric : metrics) {
    NumberText number = format_number(metric.value, metric.se);
    body_ += fmt::format(
        "<tr><td class=\"name\">{}</td><td class=\"num value\">{}</td><td class=\"se\">{}</td>"
        "<td>{}</td><td class=\"help\">{}</td></tr>\n",
        escape_markup(metric.name), number.value, number.se.empty() ? "" : "\xc2\xb1 " + number.se,
        escape_markup(metric.unit), escape_markup(metric.help));
  }
  body_ += "</tbody></table></div>\n";
}

void Page::table(const Row& header, const std::vector<Row>& rows) {
  std::vector<bool> numbers = number_columns(rows);
  numbers.resize(std::max(numbers.size(), header.size()));
  body_ += "<div class=\"wide\"><table>";
  if (!header.empty()) body_ += "<thead>" + table_row("th", header, numbers) + "</thead>";
  body_ += "<tbody>\n";
  for (const Row& row : rows) body_ += table_row("td", row, numbers);
  body_ += "</tbody></table></div>\n";
}

void Page::svg(std::string_view svg, std::string_view caption) {
  body_ += figure(svg, width_of(svg), caption);
}

void Page::image(const Array& image, std::string_view caption) {
  std::string png = base64(encode_png(image));
  int64_t factor = std::max<int64_t>(1, kFigureWidth / image.shape[1]);
  int64_t width = factor * image.shape[1], height = factor * image.shape[0];
  std::string picture =
      fmt::format("<img width=\"{}\" height=\"{}\" alt=\"{}\" src=\"data:image/png;base64,{}\"/>",
                  width, height, escape_markup(caption), png);
  body_ += figure(picture, width, caption);
}

void Page::begin_row() {
  end_row();
  body_ += "<div class=\"row\">\n";
  in_row_ = true;
}

void Page::end_row() {
  if (in_row_) body_ += "</div>\n";
  in_row_ = false;
}

void Page::code(std::string_view text, std::string_view summary) {
  body_ += fmt::format("<details><summary>{}</summary><pre>{}</pre></details>\n",
                       escape_markup(summary), escape_markup(text));
}

std::string Page::html() const {
  std::string nav;
  for (size_t i = 0; i < headings_.size() && headings_.size() >= 3; ++i) {
    nav += fmt::format("<a href=\"#s{}\">{}</a>", i + 1, escape_markup(headings_[i]));
  }
  std::string subtitle = escape_markup(subtitle_);
  if (!subtitle.empty()) subtitle = "<p class=\"subtitle\">" + subtitle + "</p>\n";
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>"
      "<title>{0}</title><style>{1}</style></head>\n<body><main>\n<h1>{0}</h1>\n{2}{3}{4}{5}"
      "</main></body></html>\n",
      escape_markup(title_), kStyle, subtitle, nav.empty() ? "" : "<nav>" + nav + "</nav>\n", body_,
      in_row_ ? "</div>\n" : "");
}

}  // namespace elbo
