// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "elbo/io/array.h"
#include "elbo/tensor/torch.h"

namespace elbo {

/// Copies between our arrays and tensors; dtypes LibTorch computes with: bool, u8, i8, i16, i32,
/// i64, f16, bf16, f32, f64. Throws Error(Code::failure) for others.
Tensor to_tensor(const Array& array);
Array to_array(const Tensor& tensor);

/// The device a configuration names: "cpu", "cuda", "cuda:1". Throws Error(Code::resource) when
/// this LibTorch or machine has none such.
at::Device parse_device(const std::string& name);

/// "[2, 17]": the place of the first element for which `bad` (bool) holds; empty when none does.
std::string first_place(const Tensor& bad);

/// Throws Error(Code::data): "<role> must be <law>: got -0.3 at [2, 17]" unless `ok` holds
/// everywhere. `columns`, where there are any, name the last dimension.
void check_all(const Tensor& ok, const Tensor& value, const std::string& role, const char* law,
               const std::vector<std::string>& columns = {}, const std::string& remedy = "");
/// The same for the law "in [0, 1]", in one pass over values that hold it.
void check_unit(const Tensor& x, const std::string& role,
                const std::vector<std::string>& columns = {}, const std::string& remedy = "");

}  // namespace elbo
