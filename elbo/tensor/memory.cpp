// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/memory.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace elbo {
namespace {

constexpr size_t kLine = 64;
constexpr size_t kMostKept = size_t{256} << 20;

/// Memory that nobody uses at the moment, by size. A block's size stands in the line before it.
class Store {
 public:
  void* take(size_t bytes) {
    size_t size = (bytes + kLine - 1) / kLine * kLine;
    {
      std::lock_guard lock(mutex_);
      auto it = free_.find(size);
      if (it != free_.end() && !it->second.empty()) {
        void* out = it->second.back();
        it->second.pop_back();
        kept_ -= size;
        return out;
      }
    }
    auto* block = static_cast<char*>(std::aligned_alloc(kLine, size + kLine));
    if (!block) throw std::bad_alloc();
    *reinterpret_cast<size_t*>(block) = size;
    return block + kLine;
  }

  void give_back(void* memory) {
    char* block = static_cast<char*>(memory) - kLine;
    size_t size = *reinterpret_cast<size_t*>(block);
    std::lock_guard lock(mutex_);
    if (kept_ + size > kMostKept) return std::free(block);
    free_[size].push_back(memory);
    kept_ += size;
  }

 private:
  std::mutex mutex_;
  std::map<size_t, std::vector<void*>> free_;
  size_t kept_ = 0;
};

/// Never destroyed: tensors in static variables may outlive everything else.
Store& store() {
  static Store* out = new Store;
  return *out;
}

}  // namespace

Tensor reused_empty(at::IntArrayRef shape, at::ScalarType type) {
  size_t bytes = static_cast<size_t>(c10::multiply_integers(shape)) * c10::elementSize(type);
  if (bytes == 0) return at::empty(shape, type);
  void* memory = store().take(bytes);
  return at::for_blob(memory, shape)
      .context(memory, [](void* m) { store().give_back(m); })
      .options(at::TensorOptions(type))
      .make_tensor();
}

}  // namespace elbo
