// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace elbo {

/// The text as it may stand between tags and in quoted attributes of HTML and XML: & < > " ' are
/// escaped; control characters and bytes that are not UTF-8 become U+FFFD.
std::string escape_markup(std::string_view text);

/// RFC 4648, section 4, with padding.
std::string base64(std::span<const std::byte> bytes);

/// Columns the UTF-8 text takes on a terminal, counting every code point as one.
size_t text_width(std::string_view text);
/// The text, cut to at most `width` code points, the last then being U+2026 (...).
std::string cut_text(std::string_view text, size_t width);

}  // namespace elbo
