// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/mixed_precision.h"

#include <ATen/autocast_mode.h>

namespace elbo {
namespace {

using namespace at::autocast;

thread_local bool is_mixed = false;

/// Autocast to bf16 on one kind of device, without its cache; all as it was afterwards.
class Autocast {
 public:
  explicit Autocast(at::DeviceType device) : device_(device) {
    set_autocast_enabled(device_, true);
    set_autocast_dtype(device_, at::kBFloat16);
    set_autocast_cache_enabled(false);
  }
  ~Autocast() {
    set_autocast_enabled(device_, was_on_);
    set_autocast_dtype(device_, dtype_);
    set_autocast_cache_enabled(had_cache_);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  at::DeviceType device_;
  bool was_on_ = is_autocast_enabled(device_);
  at::ScalarType dtype_ = get_autocast_dtype(device_);
  bool had_cache_ = is_autocast_cache_enabled();
};

}  // namespace

MixedPrecision::MixedPrecision(bool is_on) : before_(is_mixed) { is_mixed = is_on; }

MixedPrecision::~MixedPrecision() { is_mixed = before_; }

bool is_mixed_precision() { return is_mixed; }

Tensor in_mixed_precision(const Tensor& x, const std::function<Tensor()>& network) {
  if (!is_mixed) return network();
  Autocast autocast(x.device().type());
  return network().to(x.scalar_type());
}

}  // namespace elbo
