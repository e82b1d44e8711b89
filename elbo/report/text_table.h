// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace elbo {

using Row = std::vector<std::string>;

/// Which columns hold numbers: every cell that is not empty starts like one, and one is not empty.
std::vector<bool> number_columns(const std::vector<Row>& rows);

/// Aligned columns for a terminal, two spaces apart; columns of numbers to the right, others to the
/// left. Short rows are filled with empty cells; no line ends in a space. An empty header is not
/// printed.
std::string text_table(const Row& header, const std::vector<Row>& rows);

}  // namespace elbo
