// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/history.h"

namespace elbo {

std::vector<Value> read_history(const Path& run) {
  Path path = run / "metrics.jsonl";
  std::vector<Value> out;
  if (!std::filesystem::exists(path)) return out;
  std::string text = read_text(path);
  int64_t line = 1;
  for (size_t begin = 0; begin < text.size(); ++line) {
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    std::string where = fmt::format("{}:{}", path.string(), line);
    Value record = parse_json(text.substr(begin, end - begin), where);
    bool is_record = record.find("epoch") && record.find("split") &&
                     record.at("epoch").is_integer() && record.at("split").is_string();
    ELBO_CHECK(is_record, Code::data, "{}: no record of an epoch: epoch or split is missing",
               where);
    out.push_back(std::move(record));
    begin = end + 1;
  }
  return out;
}

Series history_of(const std::vector<Value>& records, const std::string& split,
                  const std::string& term) {
  Series out{split, {}, {}};
  for (const Value& record : records) {
    const Value* value = record.find(term);
    if (!value || record.at("split").as_string() != split) continue;
    out.x.push_back(static_cast<double>(record.at("epoch").as_integer()));
    out.y.push_back(value->as_number());
  }
  return out;
}

}  // namespace elbo
