// SPDX-License-Identifier: Apache-2.0
#include "app/cli/args.h"

#include <algorithm>

#include "elbo/core/error.h"

namespace elbo::cli {
namespace {

/// The one field a flag means, or null. "sizes" of "model.encoder.sizes" is no field of its own.
const Field* field_for(const std::string& name, const Fields& known) {
  if (const Field* exact = known.find(name)) return exact;
  const Field* found = nullptr;
  for (const Field& field : known.all()) {
    if (last_word(field.name) != name) continue;
    if (found && field.name.starts_with("eval.")) continue;
    if (found) return nullptr;
    found = &field;
  }
  return found;
}

/// "model.encoder.sizes" or "encoder.sizes": an option of a part.
std::string option_of_part(const std::string& name, const Fields& known) {
  size_t dot = name.rfind('.');
  if (dot == std::string::npos) return "";
  const Field* part = field_for(name.substr(0, dot), known);
  return part && part->family ? part->name + name.substr(dot) : "";
}

bool is_truth(const std::string& word) { return word == "true" || word == "false"; }

[[noreturn]] void unknown_flag(const std::string& flag, const std::string& name,
                               const Fields& known) {
  std::vector<std::string> names;
  for (const Field& field : known.all()) names.push_back(shortest_name(field, known));
  std::string nearest = nearest_name(name, names);
  fail(Code::usage, "unknown flag {}{}\nSee --help for the flags this command takes.", flag,
       nearest.empty() ? "" : fmt::format("; did you mean --{}?", nearest));
}

}  // namespace

const std::map<std::string, std::string>& short_flags() {
  static const std::map<std::string, std::string> flags = {{"o", "output"}, {"n", "count"},
                                                           {"q", "quiet"},  {"v", "verbose"},
                                                           {"h", "help"},   {"p", "preset"}};
  return flags;
}

std::string shortest_name(const Field& field, const Fields& known) {
  std::string word(last_word(field.name));
  const Field* found = field_for(word, known);
  return found && found->name == field.name ? word : field.name;
}

Args parse_args(const std::vector<std::string>& words, const Fields& known) {
  Args out;
  bool only_positionals = false;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    bool is_number =
        word.size() > 1 && (std::isdigit(static_cast<unsigned char>(word[1])) || word[1] == '.');
    if (only_positionals || word.size() < 2 || word[0] != '-' || is_number) {
      out.positionals.push_back(word);
      continue;
    }
    if (word == "--") {
      only_positionals = true;
      continue;
    }
    size_t equals = word.find('=');
    std::string name = word.substr(word[1] == '-' ? 2 : 1, equals - (word[1] == '-' ? 2 : 1));
    std::replace(name.begin(), name.end(), '-', '_');
    if (word[1] != '-') {
      auto it = short_flags().find(name);
      if (it == short_flags().end()) unknown_flag(word, name, known);
      name = it->second;
    }
    const Field* field = field_for(name, known);
    bool negated = !field && name.starts_with("no_") && (field = field_for(name.substr(3), known));
    ELBO_CHECK(!negated || (field->type == "true|false" && equals == std::string::npos),
               Code::usage, "{}: only a switch can be negated, and without a value", word);
    std::string full = field ? field->name : option_of_part(name, known);
    if (full.empty()) unknown_flag(word.substr(0, equals), name, known);
    if (equals != std::string::npos) {
      out.flags.emplace_back(full, word.substr(equals + 1));
    } else if (field && field->type == "true|false") {
      bool has_value = !negated && i + 1 < words.size() && is_truth(words[i + 1]);
      out.flags.emplace_back(full, has_value ? words[++i] : negated ? "false" : "true");
    } else {
      ELBO_CHECK(i + 1 < words.size(), Code::usage, "{} needs a value", word);
      out.flags.emplace_back(full, words[++i]);
    }
  }
  return out;
}

}  // namespace elbo::cli
