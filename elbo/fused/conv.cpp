// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/conv.h"

#include <algorithm>

namespace elbo::fused {
namespace {

constexpr int64_t kTurns = 16;           // of the weights' gradient, at least, if that can be
constexpr int64_t kMostParts = 1 << 22;  // floats kept of gradients of parts

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

ConvSides sides(const ChainConv& conv, const Signal& in, const Signal& out) {
  return conv.mirrored ? ConvSides{*out.image, *in.image} : ConvSides{*in.image, *out.image};
}

/// Images in a turn: few enough that all members have something to do.
int64_t images_in_turn(const Work& w, int64_t most) {
  return std::clamp<int64_t>(w.rows / (4 * w.team.size()), 1, most);
}

}  // namespace

Conv::Conv(const ChainConv& conv, Signal& in, Signal& out, Parameter weight, Parameter bias,
           Precision precision)
    : mirrored_(conv.mirrored),
      in_(in),
      out_(out),
      products_(conv, sides(conv, in, out), precision),
      weight_(weight),
      bias_(bias),
      weight_panels_(products_.weight_panels()),
      bias_row_(out.image->width * out.image->channels) {
  int64_t weights = products_.coarse_channels() * products_.patch();
  bool both = weight_.gradient && in_.has_gradient;
  if (!mirrored_ || both) for_coarse_ = Buffer(weights);
  if (mirrored_ || both) for_fine_ = Buffer(weights);
}

int64_t Conv::scratch() const {
  return std::max(products_.scratch(), out_.image->width * out_.image->channels);
}

int64_t Conv::parts(int64_t rows) const {
  int64_t most = std::min(kTurns, kMostParts / (products_.coarse_channels() * products_.patch()));
  return std::clamp<int64_t>(most, 1, ceil_div(rows, products_.most_images()));
}

void Conv::reserve(int64_t rows) {
  out_.reserve(rows);
  if (!weight_.gradient) return;
  int64_t weights = products_.coarse_channels() * products_.patch();
  if (weight_parts_.size() < parts(rows) * weights) weight_parts_ = Buffer(parts(rows) * weights);
  int64_t biases = parts(rows) * out_.image->channels;
  if (bias_parts_.size() < biases) bias_parts_ = Buffer(biases);
}

void Conv::spread(const float* in, bool to_coarse, const float* weight, int64_t images, float* out,
                  float* scratch) const {
  if (to_coarse) {
    products_.to_coarse(in, weight, images, out, scratch);
  } else {
    products_.to_fine(in, weight, images, out, scratch);
  }
}

void Conv::forward(const Work& w) {
  const ImageLayout& l = *out_.image;
  w.team.each(products_.coarse_channels(), [&](int, int64_t channel) {
    products_.arrange(weight_.value, channel, for_coarse_.data(), for_fine_.data());
  });
  for (int64_t x = 0; x < l.width; ++x) {
    std::copy_n(bias_.value, l.channels, bias_row_.data() + x * l.channels);
  }
  int64_t most = images_in_turn(w, products_.most_images());
  w.team.each(ceil_div(w.rows, most), [&](int member, int64_t turn) {
    int64_t first = turn * most, images = std::min(most, w.rows - first);
    const Buffer& weight = mirrored_ ? for_fine_ : for_coarse_;
    spread(in_.value + first * in_.width, !mirrored_, weight.data(), images,
           out_.activated.data() + first * l.size(), w.scratch(member));
    for (int64_t i = first; i < first + images; ++i) {
      for (int64_t y = 0; y < l.height; ++y) {
        out_.activate(bias_row_.data(), i * l.size() + l.at(y, 0), l.width * l.channels);
      }
    }
  });
}

void Conv::backward(const Work& w) {
  if (in_.has_gradient) input_gradient(w);
  parameter_gradients(w);
}

void Conv::input_gradient(const Work& w) {
  const ImageLayout& l = *in_.image;
  int64_t most = images_in_turn(w, products_.most_images());
  w.team.each(ceil_div(w.rows, most), [&](int member, int64_t turn) {
    int64_t first = turn * most, images = std::min(most, w.rows - first);
    const Buffer& weight = mirrored_ ? for_coarse_ : for_fine_;
    spread(out_.gradient.data() + first * out_.width, mirrored_, weight.data(), images,
           in_.gradient.data() + first * l.size(), w.scratch(member));
    for (int64_t i = first; i < first + images; ++i) {
      for (int64_t y = 0; y < l.height; ++y) {
        in_.finish_gradient(i * l.size() + l.at(y, 0), l.width * l.channels);
      }
    }
  });
}

/// The weights' and biases' gradients in parts, then their sums. Where parts are few, the columns
/// of weights are shared out too.
void Conv::parameter_gradients(const Work& w) {
  int64_t count = parts(w.rows), panels = weight_panels_.count();
  int64_t shares = std::min(ceil_div(kTurns, count), panels);
  int64_t weights = products_.coarse_channels() * products_.patch();
  w.team.each(count * (shares + 1), [&](int member, int64_t turn) {
    int64_t part = turn / (shares + 1), share = turn % (shares + 1);
    int64_t first = part * w.rows / count, end = (part + 1) * w.rows / count;
    if (share == shares) {
      bias_part(first, end, bias_parts_.data() + part * out_.image->channels, w.scratch(member));
      return;
    }
    for (int64_t i = first; i < end; i += products_.most_images()) {
      weight_part(i, std::min(end, i + products_.most_images()), share * panels / shares,
                  (share + 1) * panels / shares, i > first, weight_parts_.data() + part * weights,
                  w.scratch(member));
    }
  });
  add_parts(w);
}

/// Some images' part in some panels of the weights' gradient.
void Conv::weight_part(int64_t first, int64_t end, int64_t panel, int64_t end_panel, bool add,
                       float* out, float* scratch) const {
  const float* in = in_.value + first * in_.width;
  const float* gradient = out_.gradient.data() + first * out_.width;
  for (; panel < end_panel; ++panel) {
    Block block{0, products_.coarse_channels(), weight_panels_.begin(panel),
                weight_panels_.width(panel)};
    products_.to_weights(mirrored_ ? in : gradient, mirrored_ ? gradient : in, end - first, block,
                         add, out, scratch);
  }
}

/// Three products, or two without the one to the input; those of a patch that lie in the border are
/// counted too.
double Conv::operations(int64_t rows) const {
  const ImageLayout& coarse = mirrored_ ? *in_.image : *out_.image;
  int64_t one = coarse.height * coarse.width * products_.coarse_channels() * products_.patch();
  return 2.0 * static_cast<double>(rows * one) * (in_.has_gradient ? 3 : 2);
}

void Conv::bias_part(int64_t first, int64_t end, float* out, float* scratch) const {
  const ImageLayout& l = *out_.image;
  std::fill_n(out, l.channels, 0.0f);
  for (int64_t i = first; i < end; ++i) {
    out_.kernels.column_sums(out_.gradient.data() + i * l.size() + l.at(0, 0), l.row(), l.height,
                             l.width * l.channels, scratch);
    for (int64_t x = 0; x < l.width; ++x) {
      for (int64_t c = 0; c < l.channels; ++c) out[c] += scratch[x * l.channels + c];
    }
  }
}

void Conv::add_parts(const Work& w) {
  int64_t count = parts(w.rows), patch = products_.patch(), channels = products_.coarse_channels();
  w.team.each(channels, [&](int, int64_t channel) {
    float* sum = weight_parts_.data() + channel * patch;
    for (int64_t part = 1; part < count; ++part) {
      const float* more = sum + part * channels * patch;
      for (int64_t i = 0; i < patch; ++i) sum[i] += more[i];
    }
    products_.place(sum, channel, weight_.gradient);
  });
  for (int64_t c = 0; c < out_.image->channels; ++c) {
    float sum = 0;
    for (int64_t part = 0; part < count; ++part) {
      sum += bias_parts_.data()[part * out_.image->channels + c];
    }
    bias_.gradient[c] = sum;
  }
}

}  // namespace elbo::fused
