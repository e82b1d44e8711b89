// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/compare.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "elbo/report/page.h"
#include "elbo/report/strips.h"
#include "elbo/tasks/history.h"
#include "elbo/tasks/pictures.h"
#include "elbo/tasks/report.h"

namespace elbo {
namespace {

constexpr int64_t kRowsReconstructed = 2000;

std::vector<std::string> names_of(const std::vector<Path>& runs) {
  std::vector<std::string> names;
  for (const Path& run : runs)
    names.push_back(run.filename().empty() ? run.string() : run.filename().string());
  bool unique = std::set<std::string>(names.begin(), names.end()).size() == names.size();
  for (size_t i = 0; i < names.size() && !unique; ++i) names[i] = runs[i].string();
  return names;
}

/// Root of the mean squared error over observed elements, in the data's own units.
Metric reconstruction_rmse(const Run& run, const Dataset& data) {
  Reconstruction r = reconstruct(run, data, spaced_rows(data.size(), kRowsReconstructed));
  Tensor squares = (r.result - r.x).square().to(at::kDouble);
  if (r.mask.defined()) squares = squares.masked_select(r.mask > 0);
  Metric out;
  out.name = "rmse";
  out.value = std::sqrt(squares.mean().item<double>());
  out.help = "root mean squared error of the reconstruction, in the data's own units";
  return out;
}

/// Whether the source brings a test set of its own.
bool has_own_test(const Run& run) {
  DataOptions options = run.config.data;
  options.valid = options.test = 0;
  return open_data(options, 0).test != nullptr;
}

/// The steps that make x; what is done to the encoder's input alone changes no unit.
std::string transform_text(const Run& run) {
  Value::List parts;
  for (const Part& part : run.trained.pipeline->parts_of_x()) parts.push_back(part.to_value());
  return to_toml_inline(parts);
}

/// What makes the runs' numbers hard to compare.
std::vector<Finding> find_notes(const std::vector<Run>& runs, const std::vector<std::string>& names,
                                const std::vector<Evaluation>& evaluations,
                                const std::string& split) {
  std::vector<Finding> out;
  const Run& first = runs[0];
  for (size_t i = 1; i < runs.size(); ++i) {
    const DataOptions &a = first.config.data, &b = runs[i].config.data;
    if (a.path != b.path) {
      out.push_back({"warn", fmt::format("{} was trained on {}, {} on {}", names[0], a.path,
                                         names[i], b.path)});
    } else {
      bool same_split = first.config.seed == runs[i].config.seed && a.valid == b.valid &&
                        a.test == b.test && a.limit == b.limit;
      if (!same_split && !(split == "test" && has_own_test(first))) {
        out.push_back({"warn", fmt::format("{} was split in another way than {}: some of these "
                                           "examples may be among those it was trained on. Give "
                                           "both the same seed, data.valid and data.test",
                                           names[i], names[0])});
      }
    }
    bool same_units =
        transform_text(first) == transform_text(runs[i]) &&
        first.trained.options.likelihood.type == runs[i].trained.options.likelihood.type;
    if (!same_units) {
      bool are_densities =
          evaluations[0].find("neg_elbo_data_units") && evaluations[i].find("neg_elbo_data_units");
      out.push_back(
          {"warn", fmt::format("{} and {} model the data in other units ({} likelihood on "
                               "{}, {} on {}): their nats and bits do not compare, {} does",
                               names[0], names[i], first.trained.options.likelihood.type,
                               transform_text(first), runs[i].trained.options.likelihood.type,
                               transform_text(runs[i]),
                               are_densities ? "neg_elbo_data_units, as rmse," : "rmse")});
    }
  }
  return out;
}

Figure compared_reconstructions(const std::vector<Run>& runs, const std::vector<std::string>& names,
                                const Dataset& data, const std::string& split) {
  std::vector<int64_t> rows =
      spaced_rows(data.size(), std::min(strip_columns(data.schema().shape[2]), data.size()));
  std::vector<Strip> strips;
  for (size_t i = 0; i < runs.size(); ++i) {
    Reconstruction found = reconstruct(runs[i], data, rows);
    if (i == 0) strips.push_back({"original", "", to_pictures(found.x, data.schema().range)});
    strips.push_back({names[i], "", to_pictures(found.result, data.schema().range)});
  }
  return {"reconstructions",
          fmt::format("Examples of the {} split and the decoder means of each run.", split),
          picture_strips(strips)};
}

Figure compared_samples(const Scene& scene, const std::string& name) {
  Figure out = sample_figures(scene)[0];
  out.caption = name + ": decoder means of draws from the prior.";
  return out;
}

void show(Page& page, const Figure& figure) {
  figure.svg.empty() ? page.image(figure.image, figure.caption)
                     : page.svg(figure.svg, figure.caption);
}

void show_row(Page& page, const std::vector<Figure>& figures) {
  page.begin_row();
  for (const Figure& figure : figures) show(page, figure);
  page.end_row();
}

std::string page_of(const Comparison& c, const std::vector<Run>& runs, const Dataset& data) {
  Page page(fmt::format("{}", fmt::join(c.names, " and ")),
            fmt::format("{} runs on the same {} {} examples of {}", runs.size(),
                        format_number(static_cast<double>(c.examples)).value, c.split,
                        data.schema().name));
  for (const Finding& note : c.notes) page.verdict(note.level, note.text);
  page.section("Numbers");
  TextTable table = c.table();
  page.table(table.header, table.rows);
  std::vector<Scene> scenes;
  std::vector<std::vector<Value>> histories;
  for (size_t i = 0; i < runs.size(); ++i) {
    page.paragraph(c.names[i] + ": " + model_text(runs[i]) + ".");
    scenes.push_back({runs[i], data, c.split, c.evaluations[i],
                      view_latents(*runs[i].trained.model, *runs[i].trained.pipeline, data)});
    histories.push_back(read_history(runs[i].folder));
  }
  page.section("Training");
  show_row(page, compared_curves(c.names, histories));
  page.section("Reconstructions");
  std::vector<Figure> samples, latents;
  if (scenes[0].is_image()) {
    show(page, compared_reconstructions(runs, c.names, data, c.split));
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    if (scenes[0].is_image()) {
      samples.push_back(compared_samples(scenes[i], c.names[i]));
    } else {
      page.paragraph(c.names[i]);
      TextTable rows = reconstruction_table(scenes[i]);
      page.table(rows.header, rows.rows);
    }
    latents.push_back(latent_figure(scenes[i]));
    latents.back().caption = c.names[i] + ": " + latents.back().caption;
  }
  page.section("Samples from the prior");
  if (!samples.empty()) show_row(page, samples);
  for (size_t i = 0; i < runs.size() && samples.empty(); ++i) {
    page.paragraph(c.names[i]);
    TextTable moments = moments_table(scenes[i].run.trained.schema, data_and_draws(scenes[i]));
    page.table(moments.header, moments.rows);
  }
  page.section("Latent spaces");
  show_row(page, latents);
  return page.html();
}

}  // namespace

TextTable Comparison::table() const {
  TextTable out;
  out.header = {"metric", "unit"};
  out.header.insert(out.header.end(), names.begin(), names.end());
  std::vector<const Metric*> known;
  for (const Evaluation& e : evaluations) {
    for (const Metric& m : e.metrics) {
      bool seen = std::any_of(known.begin(), known.end(),
                              [&](auto* k) { return k->name == m.name && k->unit == m.unit; });
      if (!seen) known.push_back(&m);
    }
  }
  for (const Metric* metric : known) {
    Row row = {metric->name, metric->unit};
    for (const Evaluation& e : evaluations) {
      const Metric* m = e.find(metric->name);
      if (m && m->unit != metric->unit) m = nullptr;  // it has a row of its own
      NumberText text = m ? format_number(m->value, m->se) : NumberText{};
      row.push_back(text.se.empty() ? text.value : text.value + " ± " + text.se);
    }
    out.rows.push_back(std::move(row));
  }
  return out;
}

Value Comparison::to_value() const {
  Value out;
  out["split"] = split;
  out["examples"] = examples;
  Value::List runs, said;
  for (size_t i = 0; i < names.size(); ++i) {
    Value run = evaluations[i].to_value();
    run["name"] = names[i];
    runs.push_back(std::move(run));
  }
  for (const Finding& note : notes) said.push_back(note.text);
  out["runs"] = runs;
  out["notes"] = said;
  return out;
}

Comparison compare(const std::vector<Path>& folders, const Path& html) {
  ELBO_CHECK(folders.size() >= 2, Code::usage,
             "compare needs two runs or more, got {}\nName them: elbo compare RUN RUN",
             folders.size());
  std::vector<Run> runs;
  for (const Path& folder : folders) runs.push_back(open_run(folder));
  set_threads(runs[0].config.threads);
  DataSource data = open_for(runs[0], "");
  Comparison out;
  out.names = names_of(folders);
  DatasetPtr held_out = held_out_split(data, out.split);
  out.examples = held_out->size();
  for (size_t i = 0; i < runs.size(); ++i) {
    const TrainedModel& t = runs[i].trained;
    ELBO_CHECK(t.schema.kind == data.schema.kind && t.schema.shape == data.schema.shape, Code::data,
               "{} takes {}, but {} takes {}\nCompare runs on data of one shape.", out.names[i],
               t.schema.shape_text(), out.names[0], data.schema.shape_text());
    ELBO_CHECK(t.schema.columns.empty() || data.schema.columns.empty() ||
                   t.schema.columns == data.schema.columns,
               Code::data,
               "{} takes the columns {}, but {} takes {}\nCompare runs on the same columns.",
               out.names[i], fmt::join(t.schema.columns, ", "), out.names[0],
               fmt::join(data.schema.columns, ", "));
    if (is_own_data(runs[i], runs[0].config.data.path)) {
      check_unchanged(runs[i].folder, runs[i].config.data.path, data);
    }
    out.evaluations.push_back(evaluate(*t.model, *t.pipeline, *held_out, runs[0].config.eval,
                                       static_cast<uint64_t>(runs[0].config.seed)));
    out.evaluations.back().metrics.push_back(reconstruction_rmse(runs[i], *held_out));
  }
  out.notes = find_notes(runs, out.names, out.evaluations, out.split);
  if (!html.empty()) write_file(html, page_of(out, runs, *held_out));
  return out;
}

}  // namespace elbo
