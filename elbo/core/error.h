// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <exception>
#include <string>
#include <utility>

namespace elbo {

/// What went wrong, as the exit code of the program.
enum class Code {
  failure = 1,   ///< anything else
  usage = 2,     ///< command line or configuration
  data = 3,      ///< a data file or its contents
  model = 4,     ///< a model or checkpoint file
  resource = 5,  ///< memory, disk or device
  diverged = 6,  ///< training produced non-finite numbers and could not recover
  stopped = 75,  ///< stopped by a signal and resumable
};

/// The name printed in `error[name]: ...`.
const char* code_name(Code code);

/// The one exception class of the library. The first line of the message says what was wrong and
/// where (file:line, option, row and column), what was found and what was expected; the lines
/// after it say why and how to mend it.
class Error : public std::exception {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  Code code_;
  std::string message_;
};

/// Throws Error(code, formatted message).
template <class... Args>
[[noreturn]] void fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace elbo

/// Throws elbo::Error(code, format, ...) unless the condition holds.
#define ELBO_CHECK(condition, code, ...)                 \
  do {                                                   \
    if (!(condition)) ::elbo::fail((code), __VA_ARGS__); \
  } while (0)

/// For what cannot happen whatever the user does; checked in the dev and asan presets only.
#ifdef ELBO_ASSERTS
#define ELBO_ASSERT(condition)                                                                    \
  ELBO_CHECK(condition, ::elbo::Code::failure, "{}:{}: assertion failed: {}", __FILE__, __LINE__, \
             #condition)
#else
#define ELBO_ASSERT(condition) static_cast<void>(0)
#endif
