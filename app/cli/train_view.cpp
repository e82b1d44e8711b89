// SPDX-License-Identifier: Apache-2.0
#include "app/cli/train_view.h"

#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>

#include "elbo/report/text_table.h"

namespace elbo::cli {
namespace {

constexpr double kSecondsBetweenLines = 10;
constexpr int64_t kMostLines = 60;  // of a run that has one for each epoch
constexpr double kSecondsBetweenBars = 0.1;

double term(const std::map<std::string, double>& terms, const char* name) {
  auto it = terms.find(name);
  return it == terms.end() ? 0 : it->second;
}

/// As many digits as tell something beside the largest of the terms.
int decimals_for(const std::map<std::string, double>& terms) {
  double largest = 0;
  for (const char* name : {"neg_elbo", "recon", "kl"}) {
    largest = std::max(largest, std::abs(term(terms, name)));
  }
  return largest >= 50 ? 1 : largest >= 5 ? 2 : 3;
}

/// "101.6 nats (recon 76.5 + kl 25.1)", with ", iwae 99.8" under a bound of several draws; for an
/// autoencoder "recon 76.5 nats".
std::string terms_text(const std::map<std::string, double>& terms) {
  int d = decimals_for(terms);
  if (!terms.count("kl")) return fmt::format("recon {:.{}f} nats", term(terms, "recon"), d);
  std::string out =
      fmt::format("{:.{}f} nats (recon {:.{}f} + kl {:.{}f})", term(terms, "neg_elbo"), d,
                  term(terms, "recon"), d, term(terms, "kl"), d);
  if (terms.count("iwae")) out += fmt::format(", iwae {:.{}f}", term(terms, "iwae"), d);
  return out;
}

std::string headline_text(const std::map<std::string, double>& terms) {
  return fmt::format("{:.{}f}", term(terms, terms.count("kl") ? "neg_elbo" : "recon"),
                     decimals_for(terms));
}

}  // namespace

namespace {

/// Seconds since this process was started, loading its libraries included.
double seconds_since_start() {
  std::ifstream file("/proc/self/stat");
  std::string stat{std::istreambuf_iterator<char>(file), {}};
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));  // from field 3 on
  std::string word;
  for (int field = 3; field <= 22; ++field) fields >> word;
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  double up = static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  return up - std::stod(word) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

std::string TrainView::line(int64_t epoch, double share,
                            const std::map<std::string, double>& terms) const {
  double done = static_cast<double>(epoch - 1) + share;
  double begun = static_cast<double>(first_epoch_ - 1) + first_share_;
  double spent = std::chrono::duration<double>(Clock::now() - start_).count();
  double left = done > begun ? spent * (static_cast<double>(epochs_) - done) / (done - begun) : 0;
  std::string text =
      fmt::format("epoch {}/{} {} train {}", epoch, epochs_, bar(share, 10), headline_text(terms));
  if (!held_out_.empty()) {
    text += fmt::format(", {} {} nats", held_out_split_, headline_text(held_out_));
  }
  if (!rate_.empty()) text += ", " + rate_;
  return text + ", " + duration_text(left) + " left";
}

void TrainView::on_step(int64_t epoch, int64_t step, int64_t steps,
                        const std::function<std::map<std::string, double>()>& terms) {
  auto now = Clock::now();
  double share = static_cast<double>(step) / static_cast<double>(steps);
  if (first_epoch_ == 0) {
    first_epoch_ = epoch;
    first_share_ = static_cast<double>(step - 1) / static_cast<double>(steps);
    if (console_.verbose()) {
      console_.tell("", fmt::format("first step {:.2f} s after the start", seconds_since_start()));
    }
  }
  double since = std::chrono::duration<double>(now - last_).count();
  if (console_.is_terminal() ? since < kSecondsBetweenBars : since < kSecondsBetweenLines) return;
  last_ = now;
  std::string text = line(epoch, share, terms());
  console_.is_terminal() ? console_.live(text) : console_.tell("train", text);
}

void TrainView::on_epoch(const EpochRecord& record) {
  if (record.split == "train") {
    rate_ = fmt::format("{}/s", short_count(record.examples_per_second));
    if (record.share_of_peak > 0 && console_.verbose()) {
      rate_ += fmt::format(", {:.0f} % of peak", 100 * record.share_of_peak);
    }
    return;
  }
  held_out_ = record.terms;
  held_out_split_ = record.split;
  // Long runs of short epochs say what some twenty of them came to, and the last.
  int64_t every = epochs_ > kMostLines ? (epochs_ + 19) / 20 : 1;
  double since = std::chrono::duration<double>(Clock::now() - last_epoch_).count();
  bool is_due = record.epoch % every == 0 || record.epoch == epochs_ ||
                since >= kSecondsBetweenLines || console_.verbose();
  if (!is_due) return;
  last_ = last_epoch_ = Clock::now();
  std::string text = fmt::format("{:>3}/{}  {} {}  {}", record.epoch, epochs_, record.split,
                                 terms_text(record.terms), rate_);
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

/// What does the work of a step.
std::string engine_text(const Plan& plan) {
  bool is_bf16 = plan.precision == Precision::bf16;
  if (!plan.by_operators.empty()) {
    return is_bf16 ? "LibTorch's operators in bf16" : "LibTorch's operators";
  }
  if (is_bf16) return fmt::format("{} kernels in bf16", isa_name(isa()));
  return fmt::format("{} kernels", isa_name(std::min(isa(), Isa::avx512)));
}

}  // namespace

std::vector<std::pair<std::string, std::string>> plan_lines(const Plan& plan) {
  const RunConfig& c = plan.resolved.config;
  const Schema& schema = plan.data.schema;
  std::string data = fmt::format("{}: {} train", schema.name, with_commas(plan.data.train->size()));
  if (plan.data.valid) data += fmt::format(", {} held out", with_commas(plan.data.valid->size()));
  if (plan.data.test) data += fmt::format(", {} test", with_commas(plan.data.test->size()));
  data += ", " + schema.shape_text();
  if (!schema.labels.empty()) data += ", " + counted(int64_t(schema.labels.size()), "label");
  std::string model = fmt::format(
      "{}, {}, {} posterior, {} prior, {} likelihood, {} parameters", network_text(c.model.encoder),
      counted(c.model.latent, "latent dimension"), c.model.posterior.type, c.model.prior.type,
      c.model.likelihood.type, with_commas(parameter_count(*plan.fresh.model)));
  if (c.model.linear) model += ", beside linear maps that start as factor analysis or PCA";
  int64_t steps = (plan.data.train->size() + c.train.batch - 1) / c.train.batch;
  std::string how = fmt::format("{} of {}, {} {:g}, {}, {}", counted(c.train.epochs, "epoch"),
                                counted(steps, "step"), c.train.optimizer.type, c.train.lr,
                                engine_text(plan), counted(at::get_num_threads(), "thread"));
  if (c.train.patience > 0) {
    how += fmt::format(", until {} bring nothing", counted(c.train.patience, "epoch"));
  }
  std::string loss = plan.fresh.model->is_variational() ? plan.units.loss_name() : "reconstruction";
  if (plan.units.kind == LossKind::cross_entropy) loss += ", no bound on log p(x)";
  return {{"data", data},
          {"model", model},
          {"loss", fmt::format("{}, in {}", loss, plan.units.nats())},
          {"plan", how}};
}

void tell_plan(const Plan& plan, Console& console) {
  for (const auto& [label, text] : plan_lines(plan)) console.tell(label, text);
  for (const std::string& note : plan.data.notes) console.tell("note", note);
  for (const std::string& reason : plan.why) {
    if (console.verbose()) console.tell("why", reason);
  }
}

void tell_findings(const std::vector<Finding>& findings, Console& console) {
  for (const Finding& finding : findings) {
    if (finding.level == "good" && !console.verbose()) continue;
    std::string text = finding.level == "bad"    ? console.red(finding.text)
                       : finding.level == "warn" ? console.yellow(finding.text)
                                                 : finding.text;
    console.tell(finding.level, text);
  }
}

void tell_notes(const Evaluation& evaluation, Console& console) {
  for (const std::string& note : evaluation.notes) console.tell("note", note);
}

void tell_summary(const RunSummary& s, Console& console) {
  console.tell("best", s.headline);
  tell_notes(s.evaluation, console);
  TextTable simple = baseline_table(s);
  std::istringstream beside(text_table(simple.header, simple.rows));
  const char* label = "beside";
  for (std::string line; std::getline(beside, line); label = "") console.tell(label, line);
  tell_findings(s.findings, console);
  if (!s.report.empty()) console.tell("report", s.report.string());
  std::string run = s.folder.string();
  std::string next = fmt::format("elbo sample {} -n 64", run);
  if (open_config(s.folder).data.path == kStandardInputPath) {
    console.tell("note",
                 "what came from standard input is not kept: verbs that look at it again ask for "
                 "--data PATH");
  } else {
    next += fmt::format(" | elbo traverse {} | elbo eval {} --samples 500", run, run);
  }
  console.tell("next", next);
  console.result(run);
}

}  // namespace elbo::cli
