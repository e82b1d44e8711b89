// SPDX-License-Identifier: Apache-2.0
#include "app/cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace elbo::cli {

Console::Console(bool json, bool quiet, bool verbose)
    : json_(json), quiet_(quiet), verbose_(verbose), terminal_(::isatty(STDERR_FILENO)) {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  bool dumb = term && std::string_view(term) == "dumb";
  colour_ = terminal_ && !(no_colour && *no_colour) && !dumb;
}

void Console::result(std::string_view text) {
  if (json_) return;
  clear_live();
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.ends_with('\n')) std::fputc('\n', stdout);
  std::fflush(stdout);
}

void Console::document(const Value& value) {
  if (!json_) return;
  std::string text = to_json(value, 2) + "\n";
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void Console::tell(std::string_view label, std::string_view text) {
  if (quiet_) return;
  clear_live();
  std::string lines, start = bold(fmt::format("{:<7}", label)) + " ";
  for (const std::string& line : wrap(text, width() - 8)) {
    lines += start + line + "\n";
    start = std::string(8, ' ');
  }
  std::fwrite(lines.data(), 1, lines.size(), stderr);
}

void Console::live(const std::string& text) {
  if (quiet_ || !terminal_) return;
  std::fprintf(stderr, "\r\033[K%s", text.substr(0, static_cast<size_t>(width() - 1)).c_str());
  std::fflush(stderr);
  live_ = true;
}

void Console::clear_live() {
  if (!live_) return;
  std::fputs("\r\033[K", stderr);
  live_ = false;
}

void Console::error(const Error& e) {
  clear_live();
  std::string message = e.message();
  for (size_t at = 0; (at = message.find('\n', at)) != std::string::npos; at += 3) {
    message.replace(at, 1, "\n  ");
  }
  std::string line = red(fmt::format("error[{}]:", code_name(e.code()))) + " " + message + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::string Console::styled(std::string_view code, std::string_view text) const {
  if (!colour_) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

int64_t Console::width() const {
  winsize size{};
  if (!terminal_) return std::numeric_limits<int32_t>::max();
  bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return std::max<int64_t>(20, is_known ? size.ws_col : 80);
}

namespace {

/// Columns that a text takes: bytes that start a character, outside escape sequences.
int64_t columns_of(std::string_view text) {
  int64_t out = 0;
  bool is_escape = false;
  for (char c : text) {
    if (c == '\033') is_escape = true;
    if (!is_escape && (static_cast<unsigned char>(c) & 0xC0) != 0x80) ++out;
    if (is_escape && c == 'm') is_escape = false;
  }
  return out;
}

}  // namespace

std::vector<std::string> wrap(std::string_view text, int64_t width) {
  std::vector<std::string> out = {""};
  while (!text.empty()) {
    size_t space = text.find(' ');
    size_t end = space == std::string_view::npos ? text.size() : text.find_first_not_of(' ', space);
    end = std::min(end, text.size());
    std::string_view word = text.substr(0, std::min(space, text.size()));
    if (!out.back().empty() && columns_of(out.back()) + columns_of(word) > width) {
      out.back().erase(out.back().find_last_not_of(' ') + 1);
      out.emplace_back();
    }
    out.back() += text.substr(0, end);
    text.remove_prefix(end);
  }
  return out;
}

std::string duration_text(double seconds) {
  auto s = static_cast<int64_t>(std::llround(std::max(seconds, 0.0)));
  if (s >= 3600) return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
  return fmt::format("{}:{:02}", s / 60, s % 60);
}

std::string short_count(double n) {
  if (n >= 1e7) return fmt::format("{:.0f}M", n / 1e6);
  if (n >= 1e4) return fmt::format("{:.0f}k", n / 1e3);
  return fmt::format("{:.0f}", n);
}

std::string bar(double share, int width) {
  auto done = static_cast<size_t>(std::clamp(share, 0.0, 1.0) * width);
  return "[" + std::string(done, '#') + std::string(static_cast<size_t>(width) - done, '-') + "]";
}

}  // namespace elbo::cli
