// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "elbo/core/files.h"

namespace elbo {

/// One file in a zip, as its central directory describes it.
struct ZipEntry {
  std::string name;
  uint64_t method = 0;  ///< 0 stored, 8 deflated
  uint64_t crc = 0;
  uint64_t packed_size = 0;  ///< bytes in the zip
  uint64_t size = 0;         ///< bytes once extracted
  uint64_t offset = 0;       ///< of the first byte of its data
};

/// The directory of a zip file, read strictly: every position inside the file, no two entries
/// overlapping or of one name, local and central names equal, stored or deflated only, no
/// encryption, at most max_bytes once extracted. Zip64 is understood. The bytes must outlive it.
/// Throws Error(Code::data). Source: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.4.
class ZipFile {
 public:
  ZipFile(std::span<const std::byte> bytes, std::string_view where,
          uint64_t max_bytes = uint64_t{1} << 36);
  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// Null when there is no entry of that name.
  const ZipEntry* find(std::string_view name) const;
  /// The entry's bytes, checked against its size and CRC-32.
  Bytes extract(const ZipEntry& entry) const;

 private:
  void read_directory(uint64_t max_bytes);
  void check_local_header(ZipEntry& entry, uint64_t directory) const;
  void check_overlaps() const;
  std::span<const std::byte> bytes_;
  std::string where_;
  std::vector<ZipEntry> entries_;
};

/// A zip of stored entries with a fixed date, so that equal contents give equal files.
/// Throws Error(Code::resource) beyond 4 GiB or 65,535 entries.
Bytes encode_zip(const std::vector<std::pair<std::string, Bytes>>& files);

}  // namespace elbo
