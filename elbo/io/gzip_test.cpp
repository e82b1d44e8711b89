// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/gzip.h"

#include "elbo/core/rng.h"
#include "elbo/io/testing.h"
#include "elbo/io/zip.h"

namespace elbo {
namespace {

/// `size` bytes of few different values, so that they compress.
Bytes some_bytes(size_t size, uint64_t seed) {
  std::vector<uint32_t> words(size);
  Rng(seed, "bytes").bits(words);
  Bytes out;
  for (uint32_t w : words) out.push_back(static_cast<std::byte>(w % 5));
  return out;
}

Bytes joined(const Bytes& a, const Bytes& b) {
  Bytes out = a;
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

TEST(Gzip, GunzipUndoesGzip) {
  for (size_t size : {0, 1, 17, 4096, 1 << 20, (1 << 20) + 1, 3000000}) {
    Bytes bytes = some_bytes(size, size);
    EXPECT_EQ(gunzip(gzip(bytes), "a.gz"), bytes) << size;
  }
}

TEST(Gzip, MembersInARowGiveTheirBytesInARow) {
  Bytes a = some_bytes(1000, 1), b = some_bytes(2000, 2);
  EXPECT_EQ(gunzip(joined(gzip(a), gzip(b)), "a.gz"), joined(a, b));
}

/// Inflates piece by piece, each of `size` bytes.
Bytes gunzip_in_pieces(std::span<const std::byte> packed, size_t size) {
  ByteSource pieces = gunzip(
      [packed](std::span<std::byte> out) mutable {
        size_t n = std::min(out.size(), packed.size());
        std::copy_n(packed.begin(), n, out.begin());
        packed = packed.subspan(n);
        return n;
      },
      "a.gz");
  Bytes out, piece(size);
  while (size_t n = pieces(piece)) {
    out.insert(out.end(), piece.begin(), piece.begin() + static_cast<ptrdiff_t>(n));
  }
  return out;
}

TEST(Gzip, PiecesMakeTheWhole) {
  Bytes a = some_bytes(1000000, 1), b = some_bytes(3000000, 2), none;
  Bytes packed = joined(joined(gzip(a), gzip(none)), gzip(b));
  EXPECT_GT(packed.size(), size_t{1} << 20) << "takes more than one piece of input";
  for (size_t size : {1000, 1 << 20, 9000000}) {
    EXPECT_TRUE(gunzip_in_pieces(packed, size) == joined(a, b)) << size;
  }
  EXPECT_EQ(gunzip_in_pieces(gzip(none), 10), none);
}

TEST(Gzip, FaultsInPiecesHaveTheSameWords) {
  Bytes whole = gzip(some_bytes(300, 3)), bad = whole;
  bad[whole.size() - 6] ^= std::byte{1};
  for (const Bytes& packed : {Bytes(whole.begin(), whole.begin() + 60), bad}) {
    EXPECT_EQ(message_of([&] { gunzip_in_pieces(packed, 50); }),
              message_of([&] { gunzip(packed, "a.gz"); }));
  }
  EXPECT_EQ(message_of([&] { gunzip_in_pieces(joined(whole, Bytes(7)), 50); }),
            fmt::format("a.gz: bytes that are no gzip member after the end of the compressed data "
                        "at byte {}",
                        whole.size()));
}

TEST(Gzip, EveryTruncationIsRefused) {
  Bytes whole = gzip(some_bytes(300, 3));
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_THROW(gunzip(std::span(whole).first(n), "a.gz"), Error) << n;
  }
}

TEST(Gzip, FlippedBytesNeverGiveOtherContents) {
  Bytes bytes = some_bytes(300, 3), whole = gzip(bytes);
  size_t refused = 0;
  for (size_t i = 0; i < whole.size(); ++i) {
    Bytes bad = whole;
    bad[i] ^= std::byte{0x20};
    try {
      EXPECT_EQ(gunzip(bad, "a.gz"), bytes) << i;
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, whole.size() - 10);  // header fields and padding bits may say what they like
}

TEST(Gzip, OutputBeyondTheLimitIsRefused) {
  Bytes packed = gzip(Bytes(5000000));
  EXPECT_EQ(gunzip(packed, "a.gz", 5000000).size(), 5000000u);
  EXPECT_EQ(message_of([&] { gunzip(packed, "a.gz", 4999999); }),
            "a.gz: inflates to more than the 4999999 bytes allowed");
}

TEST(Gzip, FaultsAreNamedWithTheirByte) {
  Bytes whole = gzip(some_bytes(300, 3));
  std::string again = "\nThe file is damaged or was not copied whole; get it again.";
  EXPECT_EQ(message_of([&] { gunzip(std::span(whole).first(60), "a.gz"); }),
            "a.gz: compressed data end at byte 60 before their own end mark" + again);
  Bytes bad = whole;
  bad[whole.size() - 6] ^= std::byte{1};
  EXPECT_EQ(message_of([&] { gunzip(bad, "a.gz"); }),
            fmt::format("a.gz: damaged compressed data at byte {}: incorrect data check",
                        whole.size() - 4) +
                again);
  EXPECT_EQ(message_of([&] { gunzip(joined(whole, Bytes(7)), "a.gz"); }),
            fmt::format("a.gz: 7 bytes that are no gzip member after the end of the compressed "
                        "data at byte {}",
                        whole.size()));
  EXPECT_EQ(message_of([&] { gunzip(as_bytes("plain text"), "a.gz"); }),
            "a.gz: not a gzip file: expected 1f 8b at byte 0");
}

TEST(Gzip, HeadOfAFileGivesTheHeadOfItsContents) {
  Bytes bytes = some_bytes(100000, 4), packed = gzip(bytes);
  Bytes head = gunzip_head(std::span(packed).first(4096), 1000);
  EXPECT_EQ(head, Bytes(bytes.begin(), bytes.begin() + 1000));
  EXPECT_TRUE(gunzip_head(as_bytes("plain"), 1000).empty());
}

// "123456789" is the check value of CRC-32/ISO-HDLC in the CRC catalogue.
TEST(Crc32, MatchesThePublishedCheckValue) { EXPECT_EQ(crc32(as_bytes("123456789")), 0xCBF43926u); }

std::vector<std::pair<std::string, Bytes>> two_files() {
  return {{"a", some_bytes(100, 1)}, {"b/c", some_bytes(0, 2)}};
}

TEST(Zip, ExtractUndoesEncode) {
  auto files = two_files();
  Bytes bytes = encode_zip(files);
  ZipFile zip(bytes, "a.zip");
  ASSERT_EQ(zip.entries().size(), files.size());
  for (const auto& [name, data] : files) EXPECT_EQ(zip.extract(*zip.find(name)), data);
  EXPECT_EQ(zip.find("d"), nullptr);
}

void put(Bytes& out, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) out.push_back(static_cast<std::byte>(value >> 8 * i));
}

/// The same zip with a zip64 end record, and all ones in the short fields of the plain one.
Bytes as_zip64(const Bytes& zip, uint64_t count) {
  size_t end = zip.size() - 22;
  uint64_t size = 0, offset = 0;
  for (size_t i = 4; i-- > 0;) {
    size = size << 8 | std::to_integer<uint64_t>(zip[end + 12 + i]);
    offset = offset << 8 | std::to_integer<uint64_t>(zip[end + 16 + i]);
  }
  Bytes out(zip.begin(), zip.begin() + static_cast<ptrdiff_t>(end));
  put(out, 0x06064b50, 4);
  put(out, 44, 8);
  put(out, 45 | 45 << 16, 4);
  put(out, 0, 8);  // disks
  for (uint64_t v : {count, count, size, offset}) put(out, v, 8);
  put(out, 0x07064b50, 4);
  put(out, 0, 4);
  put(out, end, 8);
  put(out, 1, 4);
  put(out, 0x06054b50, 4);
  put(out, 0, 4);
  put(out, ~uint64_t{0}, 8);
  put(out, ~uint64_t{0}, 4);
  put(out, 0, 2);
  return out;
}

TEST(Zip, Zip64EndRecordsAreRead) {
  auto files = two_files();
  Bytes bytes = as_zip64(encode_zip(files), files.size());
  ZipFile zip(bytes, "a.zip");
  ASSERT_EQ(zip.entries().size(), files.size());
  EXPECT_EQ(zip.extract(zip.entries()[0]), files[0].second);
  EXPECT_THROW(ZipFile(as_zip64(encode_zip(files), 3), "a.zip"), Error);
}

TEST(Zip, EveryTruncationIsRefused) {
  Bytes whole = encode_zip(two_files());
  for (size_t n = 0; n < whole.size(); ++n) {
    EXPECT_THROW(ZipFile(std::span(whole).first(n), "a.zip"), Error) << n;
  }
}

TEST(Zip, FlippedDataAreRefusedByTheirChecksum) {
  Bytes bytes = encode_zip(two_files());
  bytes[31] ^= std::byte{1};  // the first byte of the first entry's data
  ZipFile zip(bytes, "a.zip");
  std::string message = message_of([&] { zip.extract(zip.entries()[0]); });
  EXPECT_TRUE(message.starts_with("a.zip: entry 'a': CRC-32 is ")) << message;
}

TEST(Zip, TwoEntriesOnTheSameBytesAreRefused) {
  Bytes bytes = encode_zip({{"a", some_bytes(100, 1)}, {"b", some_bytes(100, 2)}});
  // The second directory entry (46 + 1 bytes long, offset at 42) is made a copy of the first.
  size_t second = bytes.size() - 22 - 47;
  std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(second + 42), 4, std::byte{0});
  EXPECT_EQ(message_of([&] { ZipFile(bytes, "a.zip"); }),
            "a.zip: the local header at byte 0 is not that of entry 'b'");
  bytes[second + 46] = std::byte{'a'};
  EXPECT_EQ(message_of([&] { ZipFile(bytes, "a.zip"); }), "a.zip: two entries named 'a'");
}

TEST(Zip, ContentsBeyondTheLimitAreRefused) {
  Bytes bytes = encode_zip(two_files());
  EXPECT_NO_THROW(ZipFile(bytes, "a.zip", 100));
  EXPECT_EQ(message_of([&] { ZipFile(bytes, "a.zip", 99); }),
            "a.zip: holds more than the 99 bytes allowed");
}

TEST(Zip, EqualContentsGiveEqualFiles) {
  EXPECT_EQ(encode_zip(two_files()), encode_zip(two_files()));
}

}  // namespace
}  // namespace elbo
