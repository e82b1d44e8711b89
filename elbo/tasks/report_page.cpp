// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "elbo/io/image.h"
#include "elbo/report/page.h"
#include "elbo/tasks/figures.h"
#include "elbo/tasks/history.h"
#include "elbo/tasks/report.h"
#include "elbo/tasks/tables.h"

namespace elbo {
namespace {

/// A page and the folder beside it that gets each of its figures as a file.
class Writer {
 public:
  Writer(std::string title, std::string subtitle, Path plots)
      : page(std::move(title), std::move(subtitle)), plots_(std::move(plots)) {}

  void show(const Figure& figure) {
    if (figure.svg.empty()) {
      page.image(figure.image, figure.caption);
      write_file(plots_ / (figure.name + ".png"), encode_png(figure.image));
    } else {
      page.svg(figure.svg, figure.caption);
      write_file(plots_ / (figure.name + ".svg"), figure.svg);
    }
  }
  void show_row(const std::vector<Figure>& figures) {
    page.begin_row();
    for (const Figure& figure : figures) show(figure);
    page.end_row();
  }

  Page page;

 private:
  Path plots_;
};

std::string subtitle_of(const Run& run, const RunSummary& s) {
  const Value* epoch = run.trained.metrics.find("epoch");
  std::string rows = format_number(static_cast<double>(s.evaluation.examples)).value;
  std::string out = model_text(run);
  if (epoch && epoch->is_integer()) out += fmt::format(". Best epoch {}", epoch->as_integer());
  return out + fmt::format(", measured on {} {} examples.", rows, s.split);
}

/// The metrics that stand on top, in this order, as far as they exist.
std::vector<Metric> headline_metrics(const Evaluation& evaluation) {
  std::vector<Metric> out;
  bool has_elbo = evaluation.find("neg_elbo");
  for (const char* name :
       {"neg_elbo", "neg_elbo_data_units", "bits_per_dim", "iwae", "recon", "kl", "active_units"}) {
    if (const Metric* m = evaluation.find(name)) out.push_back(*m);
  }
  if (!has_elbo) {
    if (const Metric* m = evaluation.find("reconstruction_mse")) out.push_back(*m);
  }
  return out;
}

void add_training(Writer& w, const Path& folder) {
  std::vector<Figure> curves = curve_figures(read_history(folder));
  if (curves.empty()) return;
  w.page.section("Training",
                 "Means over the examples of each epoch. The training curve is measured while the "
                 "weights change, so in the first epochs it can lie above the held-out one.");
  w.show_row(curves);
}

void add_images(Writer& w, const Scene& scene) {
  w.page.section("Reconstructions");
  w.show(reconstruction_figure(scene));
  w.page.section("Samples from the prior");
  w.show_row(sample_figures(scene));
  w.page.section("Interpolations");
  w.show(interpolation_figure(scene));
}

void add_tables(Writer& w, const Scene& scene) {
  w.page.section("Reconstructions",
                 fmt::format("Examples of the {} split and their decoder means, in the "
                             "data's own units.",
                             scene.split));
  TextTable reconstructions = reconstruction_table(scene);
  w.page.table(reconstructions.header, reconstructions.rows);
  w.page.section(
      "Samples from the prior",
      fmt::format("What the model draws should look like the {} split, column by column.",
                  scene.split));
  if (scene.run.trained.schema.size() == 2) w.show_row(table_scatter_figures(scene));
  const Schema& schema = scene.run.trained.schema;
  DataAndDraws both = data_and_draws(scene);
  TextTable moments = moments_table(schema, both);
  w.page.table(moments.header, moments.rows);
  std::vector<Figure> marginals = marginal_figures(schema, both);
  if (static_cast<int64_t>(marginals.size()) < schema.size()) {
    w.page.paragraph(
        fmt::format("Marginals of the first {}:", counted(std::ssize(marginals), "column")));
  }
  w.show_row(marginals);
  for (const Figure& figure : correlation_figures(schema, both)) w.show(figure);
}

void add_latents(Writer& w, const Scene& scene) {
  w.page.section("Latent space");
  std::vector<Figure> figures = {latent_figure(scene)};
  bool has_manifold = scene.is_image() && scene.view.mean.size(1) == 2;
  if (has_manifold) figures.push_back(manifold_figure(scene));
  figures.push_back(dimension_figure(scene));
  w.show_row(figures);
  if (!scene.is_image()) return;
  w.page.section("Traversals");
  w.show(traversal_figure(scene));
}

void add_numbers(Writer& w, const Run& run, const DataSource& data, const RunSummary& s) {
  w.page.section(
      "Numbers",
      fmt::format("Means over {} {} examples with their standard errors.",
                  format_number(static_cast<double>(s.evaluation.examples)).value, s.split));
  w.page.metrics(s.evaluation.metrics);
  std::vector<Row> rows;
  for (const Metric& m : s.evaluation.metrics) {
    const Metric* train = s.on_train.find(m.name);
    if (!train || !m.unit.starts_with("nats")) continue;
    Metric gap = m;
    gap.value = m.value - train->value;
    gap.se = std::hypot(m.se, train->se);
    rows.push_back({m.name, format_metric(*train), format_metric(m), format_metric(gap)});
  }
  if (s.split != "train" && !rows.empty()) {
    w.page.paragraph(fmt::format("Against {} of the training examples:",
                                 format_number(static_cast<double>(s.on_train.examples)).value));
    w.page.table({"metric", "train", s.split, "difference"}, rows);
  }
  w.page.section("Beside simple models",
                 "What anyone would try first, fitted in closed form to the training examples and "
                 "measured on the same rows in the same units.");
  TextTable simple = baseline_table(s);
  w.page.table(simple.header, simple.rows);
  w.page.section("Configuration");
  Path config = s.folder / "config.toml", described = s.folder / "run.json";
  if (std::filesystem::exists(config)) w.page.code(read_text(config), "config.toml");
  if (std::filesystem::exists(described)) w.page.code(read_text(described), "run.json");
  w.page.code(to_json(write_options(run.trained.options), 2), "the model");
  w.page.code(to_json(data.schema.to_value(), 2), "the schema of the data");
}

}  // namespace

Path write_report(const Run& run, const DataSource& data, const RunSummary& summary) {
  std::string split;
  DatasetPtr held_out = held_out_split(data, split);
  Scene scene{run, *held_out, split, summary.evaluation,
              view_latents(*run.trained.model, *run.trained.pipeline, *held_out)};
  Path report = summary.folder / "report.html";
  replace_folder(summary.folder / "plots", [&](const Path& plots) {
    Writer w(run.trained.schema.name + ": " + run.folder.filename().string(),
             subtitle_of(run, summary), plots);
    w.page.headline(headline_metrics(summary.evaluation));
    for (const Finding& finding : summary.findings) w.page.verdict(finding.level, finding.text);
    add_training(w, summary.folder);
    scene.is_image() ? add_images(w, scene) : add_tables(w, scene);
    add_latents(w, scene);
    add_numbers(w, run, data, summary);
    write_file(report, w.page.html());
  });
  return report;
}

}  // namespace elbo
