// SPDX-License-Identifier: Apache-2.0
#include "tests/support/process.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

extern "C" char** environ;

namespace elbo::testing {
namespace {

std::vector<std::string> environment() {
  std::vector<std::string> out;
  for (char** entry = environ; *entry; ++entry) {
    std::string text = *entry;
    if (!text.starts_with("ELBO_") && !text.starts_with("PATH=")) out.push_back(text);
  }
  const char* path = std::getenv("PATH");
  out.push_back("PATH=" + Path(ELBO_PROGRAM).parent_path().string() + ":" + (path ? path : ""));
  return out;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

std::string contents(int file) {
  std::string out(static_cast<size_t>(::lseek(file, 0, SEEK_END)), '\0');
  ssize_t n = ::pread(file, out.data(), out.size(), 0);
  out.resize(static_cast<size_t>(std::max<ssize_t>(n, 0)));
  return out;
}

}  // namespace

Process::Process(const std::vector<std::string>& words, const Path& folder)
    : out_(::memfd_create("out", MFD_CLOEXEC)), err_(::memfd_create("err", MFD_CLOEXEC)) {
  std::vector<std::string> variables = environment();
  auto arguments = pointers(words), environment = pointers(variables);
  process_ = ::fork();
  ELBO_CHECK(process_ >= 0, Code::resource, "cannot start a process");
  if (process_ > 0) return;
  ::dup2(out_, STDOUT_FILENO);
  ::dup2(err_, STDERR_FILENO);
  environ = environment.data();  // before the search, which takes PATH from here
  if (::chdir(folder.c_str()) == 0) ::execvp(arguments[0], arguments.data());
  _exit(127);
}

Process::~Process() {
  if (code_ < 0) {
    send(SIGKILL);
    wait();
  }
  ::close(out_);
  ::close(err_);
}

bool Process::wait_for(double seconds) {
  auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (code_ < 0) {
    int status = 0;
    if (::waitpid(process_, &status, WNOHANG) == process_) {
      code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    } else if (std::chrono::steady_clock::now() >= end) {
      return false;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  return true;
}

int Process::wait() {
  while (!wait_for(3600)) {
  }
  return code_;
}

void Process::send(int signal) {
  if (code_ < 0) ::kill(process_, signal);
}

std::string Process::out() const { return contents(out_); }
std::string Process::err() const { return contents(err_); }

}  // namespace elbo::testing
