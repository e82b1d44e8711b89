// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/model_folder.h"

#include <cstring>

#include "elbo/train/damage.h"
#include "elbo/train/testing.h"
#include "elbo/train/weights.h"

namespace elbo {
namespace {

using namespace elbo::testing;

class ModelFolderTest : public FolderTest {
 protected:
  ModelFolderTest() {
    trained = small_run(folder / "run", small_options()).trained;
    trained.metrics["epoch"] = 3;
    trained.metrics["neg_elbo"] = 1.25;
    model = folder / "model";
    std::filesystem::create_directories(model);
    write_model(model, trained);
    json = read_text(model / "model.json");
    tensors = read_file(model / "model.safetensors");
  }

  /// Puts these two files in the place of the model's and expects them to be refused.
  void expect_refused(std::string_view json_text, std::span<const std::byte> tensor_bytes) {
    put(model / "model.json", as_bytes(json_text));
    put(model / "model.safetensors", tensor_bytes);
    expect_model_error(model, [&] { read_model(model); });
  }

  /// A description edited, and its checksum made to agree.
  void expect_refused(const Value& description) {
    SCOPED_TRACE(to_json(description));
    expect_refused(resealed(description, tensors), tensors);
  }

  /// The header of the tensors edited, and both checksums made to agree.
  void expect_header_refused(const Value& header) {
    SCOPED_TRACE(to_json(header));
    Bytes bytes = with_header(tensors, to_json(header));
    expect_refused(resealed(parse_json(json, "json"), bytes), bytes);
  }

  TrainedModel trained;
  Path model;
  std::string json;
  Bytes tensors;
};

TEST_F(ModelFolderTest, WriteReadWriteGivesTheSameBytes) {
  TrainedModel again = read_model(model);
  std::filesystem::create_directories(folder / "again");
  write_model(folder / "again", again);
  EXPECT_EQ(read_text(folder / "again" / "model.json"), json);
  EXPECT_EQ(read_file(folder / "again" / "model.safetensors"), tensors);
  EXPECT_FALSE(again.model->is_training());
}

TEST_F(ModelFolderTest, ResealedWithoutAnEditLoads) {
  put(model / "model.json", as_bytes(resealed(parse_json(json, "json"), tensors)));
  EXPECT_EQ(read_text(model / "model.json"), json);
  EXPECT_NO_THROW(read_model(model));
}

TEST_F(ModelFolderTest, EveryFlippedBitIsRefused) {
  Rng rng(test_seed(), "flips");
  SCOPED_TRACE(seed_text());
  for (int i = 0; i < 1000; ++i) {
    Bytes text(as_bytes(json).begin(), as_bytes(json).end()), bytes = tensors;
    SCOPED_TRACE(flip_one_bit(text, bytes, rng));
    expect_refused(as_text(text), bytes);
    if (HasFailure()) return;
  }
}

TEST_F(ModelFolderTest, EveryTruncationIsRefused) {
  Rng rng(test_seed(), "truncations");
  SCOPED_TRACE(seed_text());
  for (int i = 0; i < 200; ++i) {
    Bytes text(as_bytes(json).begin(), as_bytes(json).end()), bytes = tensors;
    SCOPED_TRACE(truncate_one(text, bytes, rng));
    expect_refused(as_text(text), bytes);
    if (HasFailure()) return;
  }
}

TEST_F(ModelFolderTest, MissingFilesAreNamed) {
  for (const char* name : {"model.safetensors", "model.json"}) {
    std::filesystem::remove(model / name);
    std::string error = expect_model_error(model, [&] { read_model(model); });
    EXPECT_NE(error.find(name), std::string::npos) << error;
  }
}

TEST_F(ModelFolderTest, EveryEditedDescriptionIsRefusedThoughItsChecksumAgrees) {
  const Value original = parse_json(json, "json");
  for (const auto& [path, text] : kDescriptionEdits) {
    Value edited = original;
    edited.set_path(path, parse_json(text, "edit"));
    ASSERT_NE(edited, original) << path;
    expect_refused(edited);
  }
  for (const auto& [key, item] : original.as_table()) {
    if (key == "checksum" || key == "tensors") continue;  // sealing puts them back
    Value edited = original;
    edited.erase(key);
    expect_refused(edited);
  }
}

TEST_F(ModelFolderTest, EveryEditedTensorHeaderIsRefusedThoughItsChecksumsAgree) {
  Rng rng(test_seed(), "headers");
  SCOPED_TRACE(seed_text());
  const Value original = header_of(tensors);
  for (int i = 0; i < 150; ++i) {
    expect_header_refused(edit_header(original, rng));
    if (HasFailure()) return;
  }
}

TEST_F(ModelFolderTest, WeightsThatAreNotFiniteAreRefusedThoughTheirChecksumAgrees) {
  Bytes bytes = tensors;
  std::memset(bytes.data() + bytes.size() - 8, 0xFF, 8);  // NaN in f32 and in f64
  put(model / "model.json", as_bytes(resealed(parse_json(json, "json"), bytes)));
  put(model / "model.safetensors", bytes);
  std::string error = expect_model_error(model, [&] { read_model(model); });
  EXPECT_NE(error.find("is not finite at"), std::string::npos) << error;
}

TEST_F(ModelFolderTest, AnotherModelsTensorsAreRefused) {
  trained.options.latent = 3;
  Rng rng(3);
  trained.model = make_model(trained.options, trained.schema, rng);
  std::filesystem::create_directories(folder / "other");
  write_model(folder / "other", trained);
  expect_refused(json, read_file(folder / "other" / "model.safetensors"));
}

}  // namespace
}  // namespace elbo
