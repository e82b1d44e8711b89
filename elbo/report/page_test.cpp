// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "elbo/core/files.h"
#include "elbo/core/rng.h"
#include "elbo/io/image.h"
#include "elbo/report/chart.h"
#include "elbo/report/testing.h"

namespace elbo {
namespace {

double gauss(Rng& rng) {
  float v = 0;
  rng.normal(std::span(&v, 1));
  return v;
}

/// Rings and strokes of random shape, [n, 28, 28, 1].
Array made_up_digits(int64_t n, Rng& rng) {
  Array out = make_array(DType::u8, {n, 28, 28, 1});
  auto pixels = out.as<uint8_t>();
  for (int64_t i = 0; i < n; ++i) {
    double a = 4 + 4 * rng.uniform(), b = 6 + 4 * rng.uniform(), tilt = gauss(rng) * 0.5;
    double from = rng.uniform() * 6.28, arc = rng.uniform() < 0.5 ? 6.3 : 2.5 + 2 * rng.uniform();
    for (int64_t p = 0; p < 784; ++p) {
      double x = static_cast<double>(p % 28) - 13.5, y = static_cast<double>(p / 28) - 13.5;
      double u = (x * std::cos(tilt) + y * std::sin(tilt)) / a;
      double v = (y * std::cos(tilt) - x * std::sin(tilt)) / b;
      double angle = std::fmod(std::atan2(v, u) - from + 12.566, 6.283);
      double off = (std::hypot(u, v) - 1) * std::min(a, b) / 1.5;
      double ink = angle < arc ? std::exp(-off * off) : 0;
      pixels[static_cast<size_t>(i * 784 + p)] = static_cast<uint8_t>(255 * ink);
    }
  }
  return out;
}

Series curve(const std::string& name, double end, double start, double noise, int every, Rng& rng) {
  Series out{name, {}, {}};
  for (int e = every; e <= 100; e += every) {
    out.x.push_back(e);
    out.y.push_back(end + (start - end) * std::exp(-std::sqrt(e) * 0.8) + noise * gauss(rng));
  }
  return out;
}

std::string latent_chart(Rng& rng) {
  std::vector<Series> classes;
  for (int c = 0; c < 10; ++c) {
    double angle = c * 0.628, cx = 1.6 * std::cos(angle), cy = 1.6 * std::sin(angle);
    classes.push_back({std::to_string(c), {}, {}});
    for (int i = 0; i < 500; ++i) {
      double r = gauss(rng), t = gauss(rng);
      classes.back().x.push_back(cx + 0.55 * r * std::cos(angle) - 0.25 * t * std::sin(angle));
      classes.back().y.push_back(cy + 0.55 * r * std::sin(angle) + 0.25 * t * std::cos(angle));
    }
  }
  return scatter_chart(classes, {"Posterior means", "z0", "z1", 492, 440, false, true});
}

std::string kl_chart(size_t n, Rng& rng, int height) {
  std::vector<double> kl;
  for (size_t i = 0; i < n; ++i)
    kl.push_back(std::max(0.002, 3.1 - 4.0 * double(i) / double(n) + 0.3 * gauss(rng)));
  std::sort(kl.rbegin(), kl.rend());
  std::vector<std::string> names;
  for (size_t i = 0; i < n; ++i) names.push_back(fmt::format("z{}", (i * 7 + 3) % n));
  return bar_chart(names, kl,
                   {"KL per latent dimension", "dimension, sorted", "nats", 492, height});
}

/// A report such as a run on MNIST would give, with made-up numbers.
Page demo_page() {
  Rng rng(5, "demo");
  const double none = std::numeric_limits<double>::quiet_NaN();
  Page page("mnist", "dense VAE, 20 latent dimensions, 652,824 parameters, 100 epochs in 1:38");
  page.headline({{"neg_elbo", 97.9213, 0.2402, "nats", "on the test set; lower is better"},
                 {"bits_per_dim", 0.18021, 0.00044, "bits/dim", "the same, per pixel"},
                 {"iwae", 93.4417, 0.2391, "nats", "-log p(x), 5,000 samples"},
                 {"active_units", 19, none, "of 20", "dimensions that carry information"}});
  page.verdict("good", "19 of 20 latent dimensions are active.");
  page.verdict("warn", "The validation loss still falls: train longer, with train.epochs = 200.");
  page.verdict("bad", "3 training images hold values above 1.");
  page.section("Training", "Loss per example, in nats, of the training and the held-out images.");
  page.begin_row();
  page.svg(
      line_chart({curve("train", 96.2, 190, 0.25, 1, rng), curve("valid", 98.0, 192, 0.15, 5, rng)},
                 {"Negative ELBO", "epoch", "nats", 492, 300}),
      "The best epoch is 96.");
  page.svg(
      line_chart({curve("reconstruction", 72, 190, 0.3, 1, rng), curve("KL", 25.3, 4, 0.1, 1, rng)},
                 {"Terms of the loss", "epoch", "nats", 492, 300}),
      "What the loss is made of.");
  page.section("Pictures");
  page.begin_row();
  page.image(image_grid(made_up_digits(64, rng), 8), "Samples from the prior, decoded means.");
  page.image(image_grid(made_up_digits(64, rng), 8),
             "Reconstructions: test images in the odd rows, what the model makes of them below.");
  page.section("Latent space");
  page.begin_row();
  page.svg(latent_chart(rng), "5,000 test images, coloured by their digit.");
  page.svg(kl_chart(20, rng, 440), "Dimensions without information sit at the right.");
  page.svg(kl_chart(200, rng, 300), "The same for 200 dimensions.");
  page.svg(line_chart({curve("step", 1e-4, 0.8, 0, 1, rng)},
                      {"Gradient norm", "epoch", "", 492, 300, true}),
           "On a logarithmic axis.");
  page.section("Numbers");
  page.metrics({{"neg_elbo", 97.9213, 0.2402, "nats", "-ELBO: reconstruction + KL"},
                {"reconstruction", 72.4511, 0.2213, "nats", "-log p(x|z)"},
                {"kl", 25.4702, 0.0411, "nats", "KL(q(z|x) || p(z))"},
                {"mutual_information", 9.2103, none, "nats", "at most log 10,000 = 9.21"},
                {"active_units", 19, none, "", "dimensions with variance of the mean above 0.01"}});
  page.table({"digit", "images", "-ELBO", "accuracy of a probe"},
             {{"0", "980", "103.1", "99.1 %"},
              {"1", "1,135", "64.2", "99.3 %"},
              {"8", "974", "112.0", "95.2 %"}});
  page.section("Configuration");
  page.code(
      "seed = 0\n\n[model]\nlatent = 20\nencoder = { type = \"mlp\", sizes = [400] }\n"
      "\n[train]\nepochs = 100\nlr = 0.001\n",
      "config.toml");
  return page;
}

TEST(Page, RealisticReportIsWellFormedAndLoadsNothing) {
  std::string html = demo_page().html();
  write_file(Path(ELBO_BINARY_DIR) / "report_demo.html", html);
  EXPECT_EQ(markup_fault(html), "");
  const std::string name_space = "xmlns=\"http://www.w3.org/2000/svg\"";
  EXPECT_EQ(occurrences(html, "http"), occurrences(html, name_space));
  EXPECT_EQ(occurrences(html, "src="), occurrences(html, "src=\"data:image/png;base64,"));
  for (const char* loads : {"<script", "<link", "@import", "url(", "srcset", "<iframe"}) {
    EXPECT_EQ(occurrences(html, loads), 0u) << loads;
  }
  EXPECT_LT(html.size(), 400000u);
}

TEST(Page, SameCallsGiveTheSameBytes) { EXPECT_EQ(demo_page().html(), demo_page().html()); }

TEST(Page, EscapesEveryText) {
  const std::string evil = "</p><script>alert('1')&\"";
  Page page(evil, evil);
  page.headline({{evil, 1, 0.1, evil, evil}});
  page.section(evil, evil);
  page.section(evil);
  page.section(evil);
  page.paragraph(evil);
  page.verdict("bad", evil);
  page.metrics({{evil, 1, 0.1, evil, evil}});
  page.table({evil}, {{evil}});
  page.svg("<svg></svg>", evil);
  page.image(make_array(DType::u8, {2, 2, 1}), evil);
  page.code(evil, evil);
  EXPECT_EQ(markup_fault(page.html()), "");
  EXPECT_EQ(occurrences(page.html(), "<script"), 0u);
  EXPECT_EQ(occurrences(page.html(), "&lt;script&gt;"), 25u);
}

TEST(Page, RowsCloseWithTheSectionAndWithThePage) {
  Page page("t");
  page.begin_row();
  page.svg("<svg></svg>", "");
  page.section("next");
  page.begin_row();
  page.begin_row();
  EXPECT_EQ(markup_fault(page.html()), "");
  EXPECT_EQ(occurrences(page.html(), "class=\"row\""), 3u);
}

TEST(Page, MetricsShowWhatTheirErrorSupports) {
  Page page("t");
  page.metrics({{"kl", 25.4702, 0.0411, "nats", ""}});
  EXPECT_EQ(occurrences(page.html(), ">25.470<"), 1u);
  EXPECT_EQ(occurrences(page.html(), ">\xc2\xb1 0.041<"), 1u);
}

TEST(Page, EmbedsTheImageAsPng) {
  Array image = make_array(DType::u8, {3, 5, 3});
  Page page("t");
  page.image(image, "c");
  size_t begin = page.html().find("base64,") + 7;
  std::string code = page.html().substr(begin, page.html().find('"', begin) - begin);
  EXPECT_TRUE(code.starts_with("iVBORw0KGgo"));  // the eight bytes that start a PNG
  EXPECT_EQ(occurrences(page.html(), "width=\"490\" height=\"294\""), 1u);
}

TEST(Page, RefusesUnknownVerdicts) { EXPECT_THROW(Page("t").verdict("fine", ""), Error); }

}  // namespace
}  // namespace elbo
