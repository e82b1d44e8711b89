// SPDX-License-Identifier: Apache-2.0
#include "app/cli/help.h"

#include <algorithm>

namespace elbo::cli {
namespace {

constexpr size_t kTextWidth = 62;

/// Breaks text into lines of at most kTextWidth, the later ones indented.
std::string wrapped(const std::string& text, size_t indent) {
  std::string out, line;
  size_t begin = 0;
  while (begin < text.size()) {
    size_t end = std::min(text.find(' ', begin), text.size());
    std::string word = text.substr(begin, end - begin);
    if (!line.empty() && line.size() + 1 + word.size() > kTextWidth) {
      out += line + "\n" + std::string(indent, ' ');
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
    begin = end + 1;
  }
  return out + line;
}

std::string letter_for(const std::string& name) {
  for (const auto& [letter, full] : short_flags()) {
    if (full == name) return "-" + letter + ", ";
  }
  return "    ";
}

std::string flag_line(const Field& field, const Fields& flags) {
  std::string name = shortest_name(field, flags);
  std::replace(name.begin(), name.end(), '_', '-');
  Value value = field.get();
  std::string shown = value.is_string() ? value.as_string() : to_toml_inline(value);
  bool is_switch = field.type == "true|false" && shown == "false";
  std::string head = letter_for(field.name) + "--" + name;
  if (!is_switch) head += " " + (shown.empty() || shown == "[]" ? "..." : shown);
  std::string text = field.help;
  bool lists_choices = field.type.find('|') != std::string::npos && field.type != "true|false";
  if (lists_choices) text += " (" + field.type + ")";
  if (!field.range.empty()) text += " (" + field.range + ")";
  constexpr size_t kColumn = 34;
  std::string gap = head.size() + 2 < kColumn ? std::string(kColumn - head.size() - 2, ' ')
                                              : "\n" + std::string(kColumn, ' ');
  return "  " + head + gap + wrapped(text, kColumn) + "\n";
}

std::string section_of(const std::string& name) {
  size_t dot = name.find('.');
  return dot == std::string::npos ? "" : name.substr(0, dot);
}

}  // namespace

std::string program_help() {
  std::string out =
      "elbo trains, examines and ships variational autoencoders.\n\n"
      "  elbo train mnist            learn the shipped digits and write a report\n"
      "  elbo train table.csv        or a table, or a folder of images: what to do is found out\n\n"
      "Commands\n";
  for (const Verb& verb : verbs()) out += fmt::format("  {:<13} {}\n", verb.name, verb.summary);
  return out +
         "\n'elbo COMMAND --help' lists the flags of a command, 'elbo list' the parts of a "
         "model.\n";
}

std::string verb_help(const Verb& verb, const Fields& flags) {
  std::string out = fmt::format("elbo {} {}\n{}\n", verb.name, verb.usage, verb.summary);
  std::string section = "?";
  for (const Field& field : flags.all()) {
    if (section_of(field.name) != section) {
      section = section_of(field.name);
      out += "\n" + (section.empty() ? std::string("flags") : section) + "\n";
    }
    out += flag_line(field, flags);
  }
  if (verb.takes_config) {
    out +=
        "\nA part takes options as --model.encoder.sizes 400,200 or --set "
        "'model.encoder={type=\"mlp\", sizes=[400]}'.\n"
        "Later sources win: default, data, preset, --config, ELBO_* variables, flags.\n";
  }
  return out;
}

}  // namespace elbo::cli
