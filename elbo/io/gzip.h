// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "elbo/core/files.h"

namespace elbo {

/// Whether the bytes start as a gzip file does.
bool is_gzip(std::span<const std::byte> bytes);

/// Inflates a gzip file of one or more members. Memory grows with what truly comes out.
/// Throws Error(Code::data) with the byte for a truncated or damaged file, a checksum or length
/// that does not agree, bytes after the end, or more than max_bytes of output.
/// Source: RFC 1951, RFC 1952.
Bytes gunzip(std::span<const std::byte> bytes, std::string_view where,
             uint64_t max_bytes = uint64_t{1} << 34);

/// Gives the next bytes of something: fills the buffer as far as it can and returns how many it put
/// there, fewer than asked for only at the end.
using ByteSource = std::function<size_t(std::span<std::byte>)>;
/// What gunzip makes of a file that comes piece by piece, piece by piece. Throws what gunzip
/// throws.
ByteSource gunzip(ByteSource compressed, std::string_view where);

/// At most max_bytes from the start of a gzip file of which only `head` is known; empty when it is
/// no gzip file. Never throws.
Bytes gunzip_head(std::span<const std::byte> head, size_t max_bytes);

/// Inflates a bare deflate stream that must give `size` bytes and end with its input.
Bytes inflate_raw(std::span<const std::byte> bytes, uint64_t size, std::string_view where);

/// One gzip member without name or time, so that equal bytes give equal files.
Bytes gzip(std::span<const std::byte> bytes);

/// CRC-32 as in zip, gzip and PNG.
uint32_t crc32(std::span<const std::byte> bytes);

/// No deflate stream gives more than this many bytes per byte of input.
inline constexpr uint64_t kMaxInflation = 1032;

}  // namespace elbo
