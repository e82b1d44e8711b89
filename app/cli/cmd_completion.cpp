// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "app/cli/commands.h"
#include "app/cli/flags.h"
#include "elbo/io/readers.h"
#include "elbo/tasks/families.h"
#include "elbo/tasks/presets.h"

namespace elbo::cli {
namespace {

using Words = std::vector<std::string>;

std::string flag_text(const Field& field, const Fields& all) {
  std::string name = shortest_name(field, all);
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

Words preset_names() {
  Words out;
  for (const Preset& preset : presets()) out.push_back(preset.name);
  return out;
}

/// What may follow a flag; empty when that is not a list of names.
Words values_of(const Field& field) {
  if (field.name == "preset") return preset_names();
  if (field.family) return field.family->names();
  Words out;
  if (field.type == "true|false" || field.type.find('|') == std::string::npos) return out;
  for (size_t begin = 0; begin <= field.type.size();) {
    size_t end = std::min(field.type.find('|', begin), field.type.size());
    out.push_back(field.type.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

/// Names that may stand alone after a verb, beside files.
Words positionals_of(const std::string& verb) {
  if (verb == "train" || verb == "describe") return shipped_names();
  if (verb == "presets") return preset_names();
  if (verb == "completion") return {"bash", "zsh"};
  Words out;
  if (verb != "list") return out;
  for (const FamilyInfo* family : families()) out.push_back(family->name());
  out.push_back("options");
  return out;
}

/// A line of a `case` in the shell.
std::string branch(const std::string& pattern, const Words& words, const char* variable) {
  return fmt::format("    {}) {}=\"{}\" ;;\n", pattern, variable, fmt::join(words, " "));
}

std::string script() {
  Words names = {"help"};
  std::string flags, values, alone;
  for (const Verb& verb : verbs()) {
    names.push_back(verb.name);
    auto listing = flags_of(verb);
    Words own;
    for (const Field& field : listing->all.all()) {
      own.push_back(flag_text(field, listing->all));
      Words choices = values_of(field);
      if (!choices.empty()) values += branch(verb.name + ":" + own.back(), choices, "values");
    }
    flags += branch(verb.name, own, "flags");
    Words positionals = positionals_of(verb.name);
    if (!positionals.empty()) alone += branch(verb.name, positionals, "alone");
  }
  return fmt::format(R"(_elbo() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}"
  local verb="${{COMP_WORDS[1]}}" flags="" values="" alone=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{}" -- "$current"))
    return
  fi
  case "$verb" in
{}  esac
  case "$verb:$previous" in
{}  esac
  case "$verb" in
{}  esac
  if [ -n "$values" ]; then
    COMPREPLY=($(compgen -W "$values" -- "$current"))
  elif [[ "$current" == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
  else
    COMPREPLY=($(compgen -W "$alone" -- "$current") $(compgen -f -- "$current"))
  fi
}}
complete -o filenames -F _elbo elbo
)",
                     fmt::join(names, " "), flags, values, alone);
}

int run(const NoOptions&, Call& call) {
  const std::string& shell = call.positionals[0];
  ELBO_CHECK(shell == "bash" || shell == "zsh", Code::usage,
             "no completion for '{}'; known: bash, zsh\nAdd to ~/.bashrc: eval \"$(elbo completion "
             "bash)\"",
             shell);
  std::string text = script();
  if (shell == "zsh") {
    text = "autoload -Uz compinit bashcompinit && compinit && bashcompinit\n" + text;
  }
  call.console.result(text);
  Value document;
  document["script"] = text;
  call.console.document(document);
  return 0;
}

}  // namespace

Verb completion_verb() {
  return make_verb<NoOptions>("completion", "bash|zsh",
                              "a script that completes commands, flags and names", 1, 1, false,
                              run);
}

}  // namespace elbo::cli
