// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/io/csv_scan.h"

namespace elbo {

/// Says in notes and column reports what was made of a table: its format, the role and the meaning
/// of each column, and what is odd about their values: constants, and numbers such as -999 far from
/// all others, which often stand for "missing".
void report_table(RawData& out, const TablePlan& plan, const CsvFormat& format,
                  const TableScan& scan, const CsvPassedOver& passed_over,
                  const ReadRequest& request);

}  // namespace elbo
