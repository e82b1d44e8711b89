// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "elbo/io/csv_format.h"
#include "elbo/io/csv_survey.h"
#include "elbo/io/readers.h"

namespace elbo {

enum class ColumnRole { feature, target, id, left_out };

/// What a column of a table is taken for, by what was seen of it.
struct ColumnPlan {
  std::string name;
  ColumnRole role = ColumnRole::feature;
  ColumnMeaning meaning;
  std::string taken_as, why;
  bool was_named = false;                        ///< by the user or the model
  bool must_count = false, must_differ = false;  ///< an id that was found: what all its cells do
};

/// What is to be read of a table.
struct TablePlan {
  std::vector<ColumnPlan> columns;
  std::vector<size_t> features;  ///< columns, in the order of x
  std::optional<size_t> target, id;
  bool target_is_text = false;
};

/// Decides on the roles and the meanings of a table's columns: by what the user and the model say,
/// else by what the cells are. surveys: one for each column, of the first rows or of all. Throws
/// Error(Code::usage) for columns that are not there, Error(Code::data) where the model's are not.
TablePlan plan_table(const CsvFormat& format, const std::string& where, const CsvOptions& options,
                     const ReadRequest& request, const std::vector<CellSurvey>& surveys);

/// Throws Error(Code::data) when no column is to be modelled.
void check_has_features(const TablePlan& plan, const std::string& where);

/// Whether a column may be an id or an index by its name or its place.
bool may_be_id(const CsvFormat& format, size_t column);

/// The columns with texts among numbers that nothing explains, and infinities.
std::vector<size_t> columns_with_unknown(const TablePlan& plan);
/// One error that lists them all, with their counts and what can be done. `missing`: the texts that
/// the user counts as missing already. What reads for a model takes no options of a reader.
[[noreturn]] void refuse_unknown(const TablePlan& plan, const std::string& where,
                                 const std::vector<std::string>& missing, bool for_model);

/// Some columns' names as a list that --drop takes, as it can be typed in a shell.
std::string shell_list(const std::vector<std::string>& names);
/// "a, b and 5 more".
std::string list_of(const std::vector<std::string>& items);
/// "'a', 'b' and 5 more".
std::string names_text(const std::vector<std::string>& names);

}  // namespace elbo
