// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/cpu.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "elbo/core/error.h"

namespace elbo {
namespace {

/// What isa() answers in a process of its own, since it reads the environment once.
void expect_isa(const char* forced, const char* answer) {
  setenv("ELBO_ISA", forced, 1);
  EXPECT_EXIT(
      {
        std::string text;
        try {
          text = isa_name(isa());
        } catch (const Error& e) {
          text = e.message();
        }
        std::fputs(text.c_str(), stderr);
        std::exit(0);
      },
      testing::ExitedWithCode(0), answer);
  unsetenv("ELBO_ISA");
}

TEST(Isa, IsTheHighestUnlessALowerOneIsForced) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  expect_isa("", std::string(isa_name(highest_isa())).c_str());
  for (Isa lower : kIsas) {
    if (lower <= highest_isa()) expect_isa(isa_name(lower).data(), isa_name(lower).data());
  }
}

TEST(Isa, AnUnknownNameIsRefused) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  expect_isa("mmx", "ELBO_ISA: this machine has no 'mmx'; it has: scalar");
}

}  // namespace
}  // namespace elbo
