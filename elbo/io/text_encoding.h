// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "elbo/io/csv.h"

namespace elbo {

/// How the bytes of a text spell it: "UTF-16 LE", "UTF-16 BE", "UTF-32 LE", "UTF-32 BE", or "" for
/// any encoding in which ASCII is spelled as ASCII. By its byte-order mark; without one, UTF-16 is
/// recognised where every other byte of the first letters is zero.
std::string wide_encoding(std::string_view head);

/// The same text in UTF-8, piece by piece; a source of no wide encoding as it is. `encoding` is
/// what wide_encoding says. What is no letter becomes U+FFFD.
TextSource in_utf8(TextSource source, std::string& encoding);

/// A short text in UTF-8. One that is not is Windows-1252, which holds ISO 8859-1 but for control
/// characters; then `was_not` is set.
std::string to_utf8(std::string_view text, bool& was_not);

}  // namespace elbo
