// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "elbo/core/files.h"
#include "elbo/core/rng.h"
#include "elbo/core/value.h"

// How the tests of this folder damage and edit sealed files; no other code includes it.
namespace elbo::testing {

/// The environment's ELBO_TEST_SEED, or 1.
inline uint64_t test_seed() {
  const char* text = std::getenv("ELBO_TEST_SEED");
  return text ? std::strtoull(text, nullptr, 10) : 1;
}
inline std::string seed_text() { return fmt::format("ELBO_TEST_SEED={}", test_seed()); }

/// Without the fsync of write_file.
inline void put(const Path& path, std::span<const std::byte> bytes) {
  std::ofstream(path, std::ios::binary) << as_text(bytes);
}

/// Expects f to throw Error(Code::model) that names a file of the folder; returns the message.
template <class F>
std::string expect_model_error(const Path& folder, F f) {
  try {
    f();
    ADD_FAILURE() << "loaded";
    return "";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::model) << e.message();
    EXPECT_NE(e.message().find((folder / "").string()), std::string::npos) << e.message();
    return e.message();
  }
}

/// Each returns what was done.
inline std::string flip_one_bit(Bytes& json, Bytes& tensors, Rng& rng) {
  uint64_t bit = rng.below(8 * (json.size() + tensors.size()));
  bool in_json = bit < 8 * json.size();
  uint64_t at = in_json ? bit : bit - 8 * json.size();
  (in_json ? json : tensors)[at / 8] ^= std::byte(1 << at % 8);
  return fmt::format("bit {} of byte {} of {}", at % 8, at / 8, in_json ? "json" : "tensors");
}

inline std::string truncate_one(Bytes& json, Bytes& tensors, Rng& rng) {
  bool in_json = rng.below(2) == 0;
  Bytes& cut = in_json ? json : tensors;
  cut.resize(rng.below(cut.size()));
  return fmt::format("{} cut to {} bytes", in_json ? "json" : "tensors", cut.size());
}

/// The text of the description with checksums that agree with it and with the tensors' bytes.
inline std::string resealed(Value description, std::span<const std::byte> tensors) {
  description["tensors"]["bytes"] = static_cast<int64_t>(tensors.size());
  description["tensors"]["sha256"] = sha256(tensors);
  Value open = description;
  open.erase("checksum");
  description["checksum"] = sha256(to_json(open));
  return to_json(description, 2) + "\n";
}

inline Value header_of(std::span<const std::byte> tensors) {
  uint64_t length = 0;
  std::memcpy(&length, tensors.data(), 8);
  return parse_json(as_text(tensors.subspan(8, length)), "header");
}

inline Bytes with_header(std::span<const std::byte> tensors, const std::string& header) {
  uint64_t old_length = 0, length = header.size();
  std::memcpy(&old_length, tensors.data(), 8);
  Bytes out(8 + length);
  std::memcpy(out.data(), &length, 8);
  std::memcpy(out.data() + 8, header.data(), length);
  auto data = tensors.subspan(8 + old_length);
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

/// Edits one property of one tensor at random: its name, dtype, shape or place.
inline Value edit_header(const Value& original, Rng& rng) {
  static constexpr const char* kTypes[] = {"I32", "U32", "F16", "F64", "BF16", "BOOL", "F31", ""};
  Value out = original;
  auto& [name, entry] = out.as_table()[rng.below(out.as_table().size())];
  Value::List& shape = entry["shape"].as_list();
  Value::List& offsets = entry["data_offsets"].as_list();
  const int64_t numbers[] = {-1, 1, 4, 1000, int64_t{1} << 40, INT64_MAX};
  int64_t number = numbers[rng.below(6)];
  switch (rng.below(7)) {
    case 0:
      name += 'x';
      break;
    case 1:
      name = name.substr(1 + rng.below(6));
      break;
    case 2:
      entry["dtype"] = kTypes[rng.below(8)];
      break;
    case 3:
      shape.emplace_back(number == 1 ? 2 : number);
      break;
    case 4:
      shape.insert(shape.begin(), Value(1));
      break;
    case 5: {
      Value& offset = offsets[rng.below(2)];
      offset = number == INT64_MAX ? number : offset.as_integer() + number;
      break;
    }
    default:
      entry.erase(rng.below(2) ? "shape" : "dtype");
  }
  return out;
}

/// What may be asked of the model of small_run but is not what its tensors hold: path, new JSON.
constexpr std::pair<const char*, const char*> kDescriptionEdits[] = {
    {"format", "\"elbo training state\""},
    {"format", "1"},
    {"version", "0"},
    {"version", "2"},
    {"version", "\"1\""},
    {"version", "1.5"},
    {"version", "null"},
    {"model", "[]"},
    {"model.kind", "\"vea\""},
    {"model.latent", "1"},
    {"model.latent", "3"},
    {"model.latent", "0"},
    {"model.latent", "-2"},
    {"model.latent", "65536"},
    {"model.latent", "9223372036854775807"},
    {"model.latent", "\"2\""},
    {"model.latent", "2.5"},
    {"model.latnet", "2"},
    {"model.encoder", "\"conv\""},
    {"model.encoder", "\"mpl\""},
    {"model.encoder", "3"},
    {"model.encoder.sizes", "[7]"},
    {"model.encoder.sizes", "[8, 8]"},
    {"model.encoder.sizes", "[]"},
    {"model.encoder.sizes", "[0]"},
    {"model.encoder.sizes", "[65536]"},
    {"model.encoder.sizes", "[\"8\"]"},
    {"model.encoder.norm", "\"batch\""},
    {"model.encoder.depth", "1"},
    {"model.decoder", "{\"type\": \"mlp\", \"sizes\": [9]}"},
    {"model.posterior", "\"full\""},
    {"model.posterior", "\"gauss\""},
    {"model.prior", "\"none\""},
    {"model.likelihood", "\"bernoulli\""},
    {"model.likelihood", "{\"type\": \"gaussian\", \"scale\": \"element\"}"},
    {"model.likelihood", "{\"type\": \"gaussian\", \"scale\": \"fixed\"}"},
    {"model.output_bias", "1"},
    {"schema", "null"},
    {"schema.kind", "\"image\""},
    {"schema.kind", "\"sound\""},
    {"schema.shape", "[3]"},
    {"schema.shape", "[0]"},
    {"schema.shape", "[-4]"},
    {"schema.shape", "[2147483648]"},
    {"schema.shape", "[2, 2]"},
    {"schema.shape", "4"},
    {"schema.columns", "[\"a\"]"},
    {"transform", "[]"},
    {"transform", "[\"min-max\"]"},
    {"transform", "[\"standardise\", \"standardise\"]"},
    {"transform", "[\"standardize\"]"},
    {"transform", "\"standardise\""},
    {"tensors.file", "\"../model.safetensors\""},
    {"tensors.file", "7"},
};

}  // namespace elbo::testing
