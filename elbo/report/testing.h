// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <regex>
#include <string>
#include <vector>

namespace elbo {

/// What keeps the text from being well-formed XML (tags that do not match, attributes not quoted,
/// bare & or <), or "" when nothing does. For tests.
inline std::string markup_fault(std::string text) {
  constexpr std::string_view kDoctype = "<!DOCTYPE html>";
  if (text.starts_with(kDoctype)) text.erase(0, kDoctype.size());
  static const std::regex tag(R"(^<(/?)([A-Za-z][\w-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(/?)>)");
  static const std::regex entity(R"(&(?!amp;|lt;|gt;|quot;|#39;))");
  if (std::smatch m; std::regex_search(text, m, entity)) {
    return fmt::format("bare & at {}", m.position());
  }
  std::vector<std::string> open;
  for (size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
    // An attribute may be too long for the regular expression's recursion: leave its text out.
    std::string one = text.substr(at, text.find('>', at) - at + 1);
    if (size_t data = one.find(" d=\""); data != std::string::npos) {
      one.erase(data + 4, one.find('"', data + 4) - data - 4);
    }
    if (size_t data = one.find("base64,"); data != std::string::npos) {
      one.erase(data, one.find('"', data) - data);
    }
    std::smatch m;
    if (!std::regex_search(one, m, tag)) return fmt::format("no tag at {}: {:.40}", at, one);
    if (m[1].length() == 0 && m[4].length() == 0) open.push_back(m[2]);
    if (m[1].length() == 0) continue;
    if (open.empty() || open.back() != m[2]) return fmt::format("{} at {} closes nothing", one, at);
    open.pop_back();
  }
  return open.empty() ? "" : open.back() + " is never closed";
}

inline size_t occurrences(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

}  // namespace elbo
