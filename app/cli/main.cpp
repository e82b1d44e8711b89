// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <new>

#include "app/cli/flags.h"
#include "app/cli/help.h"
#include "elbo/core/cpu.h"
#include "elbo/tensor/threads.h"
#include "elbo/tensor/torch.h"

namespace elbo::cli {
namespace {

std::atomic<bool> stop_requested{false};

void on_signal(int signal) {
  if (stop_requested.exchange(true) && signal == SIGINT) _exit(130);
}

/// "RUN LATENTS" of "RUN LATENTS [-o FILE]": the words of the usage that must be there.
std::string needed(const Verb& verb) { return verb.usage.substr(0, verb.usage.find(" [")); }

int run_verb(const Verb& verb, const std::vector<std::string>& words) {
  auto listing = flags_of(verb);
  Args args = parse_args(words, listing->all);
  Value own = Value::table(), common = Value::table();
  Console console(false, false, false);
  Call call{args.positionals, {"command line", Value::table()}, console};
  for (const auto& [name, text] : args.flags) {
    const Field* field = listing->all.find(name);
    Value value = field ? parse_text(*field, text) : parse_setting(text);
    if (name == "set") {  // the one flag that may be given again and again
      Value& settings = own[name];
      if (settings.is_null()) settings = Value(Value::List{});
      settings.as_list().push_back(text);
    } else if (listing->own->find(name)) {
      own[name] = value;
    } else if (listing->common_fields.find(name)) {
      common[name] = value;
    } else {
      Value layer = Value::table();
      layer.set_path(name, value);
      call.config.values = merge(call.config.values, layer);
    }
  }
  auto options = read_options<CommonOptions>(common, "command line");
  console = Console(options.json, options.quiet, options.verbose);
  if (options.help) {
    console.result(verb_help(verb, listing->all));
    return 0;
  }
  isa();  // what is wrong with ELBO_ISA is said before a model is blamed for it
  size_t given = args.positionals.size();
  ELBO_CHECK(given >= verb.min_positionals, Code::usage, "elbo {} needs {}\nUsage: elbo {} {}",
             verb.name, needed(verb), verb.name, verb.usage);
  ELBO_CHECK(given <= verb.max_positionals, Code::usage,
             "unexpected argument '{}'\nUsage: elbo {} {}",
             args.positionals[std::min(given, verb.max_positionals)], verb.name, verb.usage);
  return verb.run(own, call);
}

int run_program(const std::vector<std::string>& words) {
  Console console(false, false, false);
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    if (words.size() > 1 && words[0] == "help") return run_program({words[1], "--help"});
    console.result(program_help());
    return words.empty() ? static_cast<int>(Code::usage) : 0;
  }
  if (words[0] == "--version") {
    console.result("elbo " ELBO_VERSION);
    return 0;
  }
  std::vector<std::string> names;
  for (const Verb& verb : verbs()) {
    if (verb.name == words[0]) return run_verb(verb, {words.begin() + 1, words.end()});
    names.push_back(verb.name);
  }
  fail(Code::usage, "unknown command '{}'{}", words[0], suggestion(words[0], names));
}

/// LibTorch's messages carry file names and stack traces; the first line says enough.
Error translate(const c10::Error& e) {
  std::string text = e.what_without_backtrace();
  text = text.substr(0, text.find('\n'));
  bool memory = text.find("memory") != std::string::npos;
  return Error(
      memory ? Code::resource : Code::failure,
      memory ? "out of memory: " + text +
                   "\nLower train.batch or data.in_memory, or close other programs."
             : "internal: " + text + "\nThis is a defect of elbo; please report the command.");
}

/// Whether --json stands among the words, also where they cannot be taken apart.
bool wants_json(const std::vector<std::string>& words) {
  bool out = false;
  for (size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    bool is_off = i + 1 < words.size() && words[i + 1] == "false";
    if (words[i] == "--json") out = !is_off;
    if (words[i].starts_with("--json=")) out = words[i] == "--json=true";
    if (words[i] == "--no-json") out = false;
  }
  return out;
}

/// {"error": {"code": 3, "name": "data", "message": "..", "hint": ".."}}
Value error_document(const Error& e) {
  const std::string& text = e.message();
  size_t end = std::min(text.find('\n'), text.size());
  Value out;
  out["error"]["code"] = static_cast<int64_t>(e.code());
  out["error"]["name"] = code_name(e.code());
  out["error"]["message"] = text.substr(0, end);
  out["error"]["hint"] = end < text.size() ? text.substr(end + 1) : "";
  return out;
}

int guarded(const std::vector<std::string>& words) {
  Console console(wants_json(words), false, false);
  auto report = [&](const Error& e) {
    if (wants_json(words)) {
      console.document(error_document(e));
    } else {
      console.error(e);
    }
    return static_cast<int>(e.code());
  };
  try {
    return run_program(words);
  } catch (const Error& e) {
    return report(e);
  } catch (const c10::Error& e) {
    return report(translate(e));
  } catch (const std::bad_alloc&) {
    return report(
        Error(Code::resource,
              "out of memory\nLower train.batch or data.in_memory, or close other programs."));
  } catch (const std::exception& e) {
    return report(
        Error(Code::failure, std::string("internal: ") + e.what() +
                                 "\nThis is a defect of elbo; please report the command."));
  }
}

/// Keeps freed memory for the next tensor of its size. By default glibc hands blocks above 128 KiB
/// back to the system at once, which then clears their pages anew for every batch.
void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that glibc allows
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  mallopt(M_TOP_PAD, 16 << 20);
}

/// The exit code where a disk or a pipe did not take what was printed.
int after_lost_output(int code) {
  Console(false, false, false)
      .error(Error(Code::resource,
                   "standard output did not take all that was printed\nIs its disk full?"));
  return code == 0 ? static_cast<int>(Code::resource) : code;
}

}  // namespace

const std::atomic<bool>* stop_flag() {
  for (int signal : {SIGINT, SIGTERM, SIGUSR1}) std::signal(signal, on_signal);
  // nohup has SIGHUP ignored, which is to stay so.
  if (std::signal(SIGHUP, on_signal) == SIG_IGN) std::signal(SIGHUP, SIG_IGN);
  return &stop_requested;
}

}  // namespace elbo::cli

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);
  elbo::cli::keep_freed_memory();
  elbo::ask_for_short_turns();
  int code = elbo::cli::guarded({argv + 1, argv + argc});
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) code = elbo::cli::after_lost_output(code);
  // Unloading LibTorch takes a quarter of a second and frees nothing anybody needs.
  std::fflush(nullptr);
  _exit(code);
}
