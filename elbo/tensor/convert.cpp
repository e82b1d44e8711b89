// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/convert.h"

#include <algorithm>
#include <cstring>

namespace elbo {
namespace {

constexpr std::pair<DType, at::ScalarType> kTypes[] = {
    {DType::boolean, at::kBool}, {DType::u8, at::kByte},       {DType::i8, at::kChar},
    {DType::i16, at::kShort},    {DType::i32, at::kInt},       {DType::i64, at::kLong},
    {DType::f16, at::kHalf},     {DType::bf16, at::kBFloat16}, {DType::f32, at::kFloat},
    {DType::f64, at::kDouble}};

}  // namespace

Tensor to_tensor(const Array& array) {
  auto it = std::find_if(std::begin(kTypes), std::end(kTypes),
                         [&](auto& row) { return row.first == array.dtype; });
  ELBO_CHECK(it != std::end(kTypes), Code::failure, "cannot compute with elements of type {}",
             dtype_name(array.dtype));
  Tensor out = at::empty(array.shape, it->second);
  if (!array.data.empty()) std::memcpy(out.data_ptr(), array.data.data(), array.data.size());
  return out;
}

Array to_array(const Tensor& tensor) {
  Tensor t = tensor.detach().to(at::kCPU).contiguous();
  auto it = std::find_if(std::begin(kTypes), std::end(kTypes),
                         [&](auto& row) { return row.second == t.scalar_type(); });
  ELBO_CHECK(it != std::end(kTypes), Code::failure, "cannot store tensors of type {}",
             c10::toString(t.scalar_type()));
  Array out = make_array(it->first, t.sizes().vec());
  if (!out.data.empty()) std::memcpy(out.data.data(), t.data_ptr(), out.data.size());
  return out;
}

at::Device parse_device(const std::string& name) {
  bool is_cuda = name == "cuda" || name.starts_with("cuda:");
  ELBO_CHECK(name == "cpu" || is_cuda, Code::usage,
             "device: expected cpu, cuda or cuda:N, got '{}'", name);
  if (!is_cuda) return at::kCPU;
  ELBO_CHECK(
      at::hasCUDA(), Code::resource,
      "device: this LibTorch sees no CUDA device\nUse --device cpu, or a LibTorch built with "
      "CUDA on a machine that has one.");
  try {
    return at::Device(name);
  } catch (const c10::Error&) {
    fail(Code::usage, "device: expected cuda or cuda:N, got '{}'", name);
  }
}

std::string first_place(const Tensor& bad) {
  if (!bad.any().item<bool>()) return "";
  Tensor place = bad.nonzero()[0];
  Array index = to_array(place);
  return shape_text(index.as<int64_t>());
}

void check_all(const Tensor& ok, const Tensor& value, const std::string& role, const char* law,
               const std::vector<std::string>& columns, const std::string& remedy) {
  if (ok.all().item<bool>()) return;
  Tensor bad = ok.logical_not(), first = bad.nonzero()[0];
  auto last = static_cast<size_t>(first[-1].item<int64_t>());
  std::string column = last < columns.size() ? fmt::format(", column '{}'", columns[last]) : "";
  fail(Code::data, "{} must be {}: got {} at {}{}{}{}", role, law,
       value.expand_as(bad).masked_select(bad)[0].item<double>(), first_place(bad), column,
       remedy.empty() ? "" : "\n", remedy);
}

void check_unit(const Tensor& x, const std::string& role, const std::vector<std::string>& columns,
                const std::string& remedy) {
  if (x.numel() == 0) return;
  auto [low, high] = x.aminmax();  // NaN where x has one
  if (low.item<double>() >= 0 && high.item<double>() <= 1) return;
  check_all((x >= 0).logical_and(x <= 1), x, role, "in [0, 1]", columns, remedy);
}

}  // namespace elbo
