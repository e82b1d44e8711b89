// SPDX-License-Identifier: Apache-2.0
// The program a user calls. It sets how OpenMP threads wait and becomes elbo-core beside it.
//
// By default the threads of LibTorch's OpenMP spin while they wait for work, which on a machine
// shared with others costs several times the run itself. The runtime reads the environment while
// the program is being loaded, so main is too late.
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string>

int main(int, char** argv) {
  if (!std::getenv("OMP_WAIT_POLICY")) setenv("GOMP_SPINCOUNT", "20000", /*overwrite=*/0);
  char self[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self);
  std::string core = length > 0 ? std::string(self, static_cast<size_t>(length)) + "-core" : "";
  execv(core.c_str(), argv);
  std::perror(("error[failure]: cannot start " + core).c_str());
  return 1;
}
