// SPDX-License-Identifier: Apache-2.0
#include "app/cli/train_view.h"

#include <ATen/Parallel.h>

#include <algorithm>

namespace elbo::cli {
namespace {

constexpr double kSecondsBetweenLines = 10;
constexpr double kSecondsBetweenBars = 0.1;

double term(const std::map<std::string, double>& terms, const char* name) {
  auto it = terms.find(name);
  return it == terms.end() ? 0 : it->second;
}

/// "101.6 nats (recon 76.5 + kl 25.1)", or for an autoencoder "recon 76.5 nats".
std::string terms_text(const std::map<std::string, double>& terms) {
  if (!terms.count("kl")) return fmt::format("recon {:.1f} nats", term(terms, "recon"));
  return fmt::format("{:.1f} nats (recon {:.1f} + kl {:.1f})", term(terms, "neg_elbo"),
                     term(terms, "recon"), term(terms, "kl"));
}

std::string headline_text(const std::map<std::string, double>& terms) {
  return fmt::format("{:.1f}", terms.count("kl") ? term(terms, "neg_elbo") : term(terms, "recon"));
}

}  // namespace

std::string TrainView::line(int64_t epoch, double share,
                            const std::map<std::string, double>& terms) const {
  double done = static_cast<double>(epoch - 1) + share;
  double begun = static_cast<double>(first_epoch_ - 1) + first_share_;
  double spent = std::chrono::duration<double>(Clock::now() - start_).count();
  double left = done > begun ? spent * (static_cast<double>(epochs_) - done) / (done - begun) : 0;
  std::string text = fmt::format("epoch {}/{} {}  train {}", epoch, epochs_, bar(share, 20),
                                 headline_text(terms));
  if (!held_out_.empty()) text += fmt::format("  {} {}", held_out_split_, terms_text(held_out_));
  if (rate_ > 0) text += fmt::format("  {}/s", short_count(rate_));
  return text + "  eta " + duration_text(left);
}

void TrainView::on_step(int64_t epoch, int64_t step, int64_t steps,
                        const std::function<std::map<std::string, double>()>& terms) {
  auto now = Clock::now();
  double share = static_cast<double>(step) / static_cast<double>(steps);
  if (first_epoch_ == 0) {
    first_epoch_ = epoch;
    first_share_ = static_cast<double>(step - 1) / static_cast<double>(steps);
  }
  double since = std::chrono::duration<double>(now - last_).count();
  if (console_.is_terminal() ? since < kSecondsBetweenBars : since < kSecondsBetweenLines) return;
  last_ = now;
  std::string text = line(epoch, share, terms());
  console_.is_terminal() ? console_.live(text) : console_.tell("train", text);
}

void TrainView::on_epoch(const EpochRecord& record) {
  if (record.split == "train") {
    rate_ = record.examples_per_second;
    if (!held_out_.empty() || console_.is_terminal()) return;
    return;
  }
  held_out_ = record.terms;
  held_out_split_ = record.split;
  last_ = Clock::now();
  std::string text = fmt::format("{:>3}/{}  {} {}  {}/s", record.epoch, epochs_, record.split,
                                 terms_text(record.terms), short_count(rate_));
  console_.tell("epoch", text);
}

void TrainView::on_note(const std::string& text) { console_.tell("note", console_.yellow(text)); }

namespace {

std::string network_text(const Part& part) {
  std::string out = part.type;
  for (const char* key : {"channels", "sizes", "dense"}) {
    const Value* list = part.options.find(key);
    if (!list || !list->is_list()) continue;
    for (const Value& v : list->as_list()) out += (out == part.type ? " " : "-") + to_json(v);
  }
  return out;
}

}  // namespace

void tell_plan(const Plan& plan, Console& console) {
  const RunConfig& c = plan.resolved.config;
  const Schema& schema = plan.data.schema;
  std::string data = fmt::format("{}: {} train", schema.name, with_commas(plan.data.train->size()));
  if (plan.data.valid) data += fmt::format(", {} held out", with_commas(plan.data.valid->size()));
  if (plan.data.test) data += fmt::format(", {} test", with_commas(plan.data.test->size()));
  data += ", " + schema.shape_text();
  if (!schema.labels.empty()) data += fmt::format(", {} labels", schema.labels.size());
  console.tell("data", data);
  for (const std::string& reason : plan.why) {
    if (console.verbose()) console.tell("", reason);
  }
  console.tell("model", fmt::format("{}, {} latent dimensions, {} posterior, {} prior, {} likelihood, {} parameters",
                                    network_text(c.model.encoder), c.model.latent, c.model.posterior.type,
                                    c.model.prior.type, c.model.likelihood.type,
                                    with_commas(parameter_count(*plan.fresh.model))));
  int64_t steps = (plan.data.train->size() + c.train.batch - 1) / c.train.batch;
  console.tell("plan", fmt::format("{} epochs of {} step{}, {} {:g}, autograd engine, {} thread{}",
                                   c.train.epochs, steps, steps == 1 ? "" : "s", c.train.optimizer.type, c.train.lr,
                                   at::get_num_threads(), at::get_num_threads() == 1 ? "" : "s"));
}

void tell_summary(const RunSummary& s, Console& console) {
  console.tell("best", s.headline);
  for (const Finding& finding : s.findings) {
    if (finding.level == "good") continue;
    console.tell(finding.level, finding.level == "bad" ? console.red(finding.text) : console.yellow(finding.text));
  }
  if (!s.report.empty()) console.tell("report", s.report.string());
  std::string run = s.folder.string();
  console.tell("next", fmt::format("elbo sample {} -n 64 | elbo traverse {} | elbo eval {} --samples 500",
                                   run, run, run));
  console.result(run);
}

}  // namespace elbo::cli
