// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/report.h"

#include <gtest/gtest.h>

#include "elbo/report/testing.h"
#include "elbo/tasks/compare.h"
#include "elbo/tasks/testing.h"

namespace elbo {
namespace {

/// Every address in the page that is not inside it.
std::vector<std::string> outside_addresses(const std::string& html) {
  std::vector<std::string> out;
  for (const char* name : {"src=\"", "href=\"", "url(", "@import", "<script", "<link"}) {
    for (size_t at = html.find(name); at != std::string::npos; at = html.find(name, at + 1)) {
      std::string rest = html.substr(at + std::string(name).size(), 30);
      if (!rest.starts_with("data:") && !rest.starts_with("#")) out.push_back(name + rest);
    }
  }
  return out;
}

TEST(Report, OfPicturesHoldsEverySection) {
  RunSummary summary = summarise(picture_run(), true);
  ASSERT_EQ(summary.report, picture_run() / "report.html");
  std::string html = read_text(summary.report);
  for (const char* section :
       {"Training", "Reconstructions", "Samples from the prior", "Interpolations", "Latent space",
        "Traversals", "Numbers", "Configuration"}) {
    EXPECT_NE(html.find(fmt::format("\">{}</h2>", section)), std::string::npos) << section;
  }
  for (const char* label : {"original", "decoder mean", "likelihood sample", "latent plane",
                            "KL by latent dimension", "bits_per_dim", "config.toml"}) {
    EXPECT_NE(html.find(label), std::string::npos) << label;
  }
  for (const Finding& finding : summary.findings) {
    EXPECT_NE(html.find(finding.text.substr(0, 20)), std::string::npos) << finding.text;
  }
}

TEST(Report, OfATableShowsItsOwnUnits) {
  std::string html = read_text(summarise(table_run(), true).report);
  for (const char* label :
       {"width", "height", "data mean", "model sd", "data and draws", "coloured by kind", "share",
        "correlations of columns", "width and height"}) {
    EXPECT_NE(html.find(label), std::string::npos) << label;
  }
  EXPECT_EQ(html.find("Traversals"), std::string::npos);
}

TEST(Report, IsOneFileThatAsksNoNetwork) {
  for (const Path& run : {table_run(), picture_run()}) {
    std::string html = read_text(summarise(run, true).report);
    EXPECT_EQ(outside_addresses(html), std::vector<std::string>{});
    EXPECT_EQ(markup_fault(html), "");
  }
}

TEST(Report, TheSameRunGivesTheSameBytes) {
  summarise(picture_run(), true);
  std::string before = folder_hash(picture_run());
  summarise(picture_run(), true);
  EXPECT_EQ(folder_hash(picture_run()), before);
}

TEST(Report, EveryPlotIsAFileToo) {
  summarise(picture_run(), true);
  for (const char* name :
       {"reconstructions.svg", "samples_mean.png", "samples_drawn.png", "interpolations.svg",
        "traversals.svg", "manifold.png", "latent_space.svg", "dimensions.svg",
        "curve_neg_elbo.svg", "curve_recon.svg", "curve_kl.svg"}) {
    EXPECT_TRUE(std::filesystem::exists(picture_run() / "plots" / name)) << name;
  }
}

TEST(Summary, WithoutAReportWritesNothing) {
  Path run = train_tiny("plain", table_file(), "data.target = 'kind'");
  std::string before = folder_hash(run);
  RunSummary summary = summarise(run, false);
  EXPECT_EQ(folder_hash(run), before);
  EXPECT_TRUE(summary.report.empty());
  EXPECT_FALSE(summary.findings.empty());
  EXPECT_NE(summary.headline.find("test -ELBO"), std::string::npos) << summary.headline;
}

TEST(Report, OfAnAutoencoderHasNoKl) {
  Path run = train_tiny("ae", picture_file(), "model.posterior = 'point'");
  std::string html = read_text(summarise(run, true).report);
  EXPECT_EQ(html.find("neg_elbo<"), std::string::npos);
  EXPECT_NE(html.find("variance of the posterior mean"), std::string::npos);
  EXPECT_NE(html.find("over the data&#39;s latents"), std::string::npos);
}

TEST(Compare, MeasuresRunsOnTheSameData) {
  Path other = train_tiny("other", table_file(), "data.target = 'kind'\nobjective.beta = 0.5");
  Path html = test_folder() / "compare.html";
  Comparison found = compare({table_run(), other}, html);
  ASSERT_EQ(found.evaluations.size(), 2u);
  Evaluation alone = summarise(table_run(), false).evaluation;
  EXPECT_EQ(found.evaluations[0].find("neg_elbo")->value, alone.find("neg_elbo")->value);
  EXPECT_GT(found.evaluations[0].find("rmse")->value, 1);  // in the data's units
  EXPECT_TRUE(found.notes.empty());
  std::string page = read_text(html);
  EXPECT_EQ(markup_fault(page), "");
  EXPECT_EQ(outside_addresses(page), std::vector<std::string>{});
  EXPECT_NE(page.find("other"), std::string::npos);
}

TEST(Compare, SaysWhenSplitsOrUnitsDiffer) {
  Path seed = train_tiny("seed", table_file(), "data.target = 'kind'\nseed = 5");
  Path units =
      train_tiny("units", table_file(), "data.target = 'kind'\ndata.transform = ['min-max']");
  Comparison found = compare({table_run(), seed, units}, "");
  Path damaged = train_tiny("damaged", table_file(),
                            "data.target = 'kind'\ndata.transform = ['standardise', 'corrupt']");
  EXPECT_TRUE(compare({table_run(), damaged}, "").notes.empty()) << "only the input differs";
  ASSERT_EQ(found.notes.size(), 2u);
  EXPECT_NE(found.notes[0].text.find("split in another way"), std::string::npos);
  EXPECT_NE(found.notes[1].text.find("other units"), std::string::npos);
}

TEST(Compare, RefusesModelsOfOtherData) {
  try {
    compare({table_run(), picture_run()}, "");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::data);
  }
}

}  // namespace
}  // namespace elbo
