// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "elbo/core/files.h"

namespace elbo {

/// Writes scalar summaries as a TensorBoard event file.
/// Source: TFRecord framing with masked CRC-32C; protobuf messages Event and Summary.
class TensorBoardWriter {
 public:
  /// Makes the folder where it is missing, and in it a new event file,
  /// "events.out.tfevents.<seconds>.<host>.<process>.<count>". Throws Error(Code::resource).
  explicit TensorBoardWriter(const Path& folder);
  /// The value is stored as a float; step may be any number. Throws Error(Code::resource).
  void scalar(std::string_view tag, double value, int64_t step);

 private:
  void record(std::string_view event);
  LineWriter file_;
};

/// CRC-32C (Castagnoli), RFC 3720.
uint32_t crc32c(std::string_view bytes);

}  // namespace elbo
