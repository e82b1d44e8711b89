// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "elbo/core/files.h"

namespace elbo {

/// Writes scalar summaries as a TensorBoard event file ("events.out.tfevents.<seconds>.<host>").
/// Source: TFRecord framing with masked CRC-32C; protobuf messages Event and Summary.
class TensorBoardWriter {
 public:
  /// Makes a new event file in the folder. Throws Error(Code::resource).
  explicit TensorBoardWriter(const Path& folder);
  ~TensorBoardWriter();
  TensorBoardWriter(const TensorBoardWriter&) = delete;
  TensorBoardWriter& operator=(const TensorBoardWriter&) = delete;
  void scalar(std::string_view tag, double value, int64_t step);

 private:
  void record(std::string_view event);
  Path path_;
  int file_ = -1;
};

uint32_t crc32c(std::string_view bytes);

}  // namespace elbo
