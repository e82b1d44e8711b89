// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/conv.h"

#include <fmt/format.h>

#include <algorithm>

namespace elbo::sequential {
namespace {

constexpr int64_t kTurns = 16;            // of the weights' gradient, at least, if that can be
constexpr int64_t kMostParts = 32;        // of a batch
constexpr int64_t kPartFloats = 1 << 22;  // kept of gradients of parts
constexpr int64_t kShareRows = 64;        // of the weights' gradient in a turn, at least

ConvSides sides(const ConvSpec& conv, const Signal& in, const Signal& out) {
  return conv.mirrored ? ConvSides{*out.image, *in.image} : ConvSides{*in.image, *out.image};
}

uint32_t* packed(const Buffer& weights) { return reinterpret_cast<uint32_t*>(weights.data()); }

/// A batch cut into turns of some images each, which are as many for each member of the team.
struct Turns {
  Turns(const Work& w, int64_t most_images) : rows(w.rows) {
    int64_t members = w.team.size(), least = ceil_div(rows, most_images);
    count = std::min(rows, std::max(ceil_div(least, members), kTurnsOfMember) * members);
  }
  int64_t begin(int64_t turn) const { return turn * rows / count; }
  int64_t images(int64_t turn) const { return begin(turn + 1) - begin(turn); }

  static constexpr int64_t kTurnsOfMember = 4;  // at least
  int64_t rows, count;
};

}  // namespace

Conv::Conv(const ConvSpec& conv, Signal& in, Signal& out, const Parameter& weight,
           const Parameter& bias, Precision precision)
    : mirrored_(conv.mirrored),
      in_(in),
      out_(out),
      products_(conv, sides(conv, in, out), precision),
      weight_(weight),
      bias_(bias),
      bias_row_(out.image->width * out.image->channels) {
  int64_t weights = products_.coarse_channels() * products_.patch();
  bool both = out_.has_gradient && in_.has_gradient;
  if (!mirrored_ || both) {
    for_coarse_ = Buffer(weights), packed_for_coarse_ = Buffer(products_.packed_for_coarse());
  }
  if (mirrored_ || both) {
    for_fine_ = Buffer(weights), packed_for_fine_ = Buffer(products_.packed_for_fine());
  }
}

std::string Conv::name() const {
  const ImageLayout &in = *in_.image, &out = *out_.image;
  return fmt::format("{} {}x{}x{} to {}x{}x{}", mirrored_ ? "mirror" : "convolution", in.channels,
                     in.height, in.width, out.channels, out.height, out.width);
}

int64_t Conv::scratch() const {
  return std::max({products_.scratch(), out_.image->width * out_.image->channels,
                   products_.patch() / products_.fine_channels() * products_.coarse_channels()});
}

int64_t Conv::most_parts(int64_t rows) const {
  int64_t room = kPartFloats / (products_.coarse_channels() * products_.patch());
  int64_t calls = ceil_div(rows, products_.most_images());
  return std::min({std::clamp<int64_t>(room, 1, kMostParts), calls + calls % 2, rows});
}

/// As many as there are calls of the products, made even, or with as many calls in each.
int64_t Conv::parts(int64_t rows) const {
  int64_t calls = ceil_div(rows, products_.most_images()), most = most_parts(rows);
  int64_t parts = ceil_div(calls, ceil_div(calls, most));
  return std::min(parts + parts % 2, most);
}

void Conv::reserve(int64_t rows) {
  out_.reserve(rows);
  if (!out_.has_gradient) return;
  int64_t weights = products_.coarse_channels() * products_.patch();
  int64_t most = most_parts(rows);
  if (weight_parts_.size() < most * weights) weight_parts_ = Buffer(most * weights);
  int64_t biases = most * out_.image->channels;
  if (bias_parts_.size() < biases) bias_parts_ = Buffer(biases);
}

void Conv::spread(const float* in, bool to_coarse, int64_t images, float* out,
                  float* scratch) const {
  if (to_coarse) {
    products_.to_coarse(in, {for_coarse_.data(), packed(packed_for_coarse_)}, images, out, scratch);
  } else {
    products_.to_fine(in, {for_fine_.data(), packed(packed_for_fine_)}, images, out, scratch);
  }
}

void Conv::prepare_weights(const Work& w) {
  int64_t fine = for_coarse_.data() ? products_.fine_channels() : 0;
  int64_t coarse = for_fine_.data() ? products_.coarse_channels() : 0;
  w.team.each(fine + coarse, [&](int, int64_t turn) {
    if (turn < fine) {
      products_.arrange_for_coarse(weight_.value, turn, for_coarse_.data());
    } else {
      products_.arrange_for_fine(weight_.value, turn - fine, for_fine_.data());
    }
  });
  int64_t fine_parts = packed_for_fine_.data() ? products_.fine_parts() : 0;
  w.team.each(fine_parts + (packed_for_coarse_.data() ? 1 : 0), [&](int, int64_t turn) {
    if (turn < fine_parts) {
      products_.pack_for_fine(for_fine_.data(), turn, packed(packed_for_fine_));
    } else {
      products_.pack_for_coarse(for_coarse_.data(), packed(packed_for_coarse_));
    }
  });
}

void Conv::forward(const Work& w) {
  prepare_weights(w);
  const ImageLayout& l = *out_.image;
  for (int64_t x = 0; x < l.width; ++x) {
    std::copy_n(bias_.value, l.channels, bias_row_.data() + x * l.channels);
  }
  Turns turns(w, products_.most_images());
  w.team.each(turns.count, [&](int member, int64_t turn) {
    int64_t first = turns.begin(turn), images = turns.images(turn);
    spread(in_.value + first * in_.width, !mirrored_, images, out_.activated + first * l.size(),
           w.scratch(member));
    for (int64_t i = first; i < first + images; ++i) {
      for (int64_t y = 0; y < l.height; ++y) {
        out_.activate(bias_row_.data(), i * l.size() + l.at(y, 0), l.width * l.channels);
      }
    }
  });
}

void Conv::backward(const Work& w) {
  if (in_.has_gradient) input_gradient(w);
  if (weight_.gradient || bias_.gradient) parameter_gradients(w);
}

void Conv::input_gradient(const Work& w) {
  const ImageLayout& l = *in_.image;
  Turns turns(w, products_.most_images());
  w.team.each(turns.count, [&](int member, int64_t turn) {
    int64_t first = turns.begin(turn), images = turns.images(turn);
    spread(out_.gradient + first * out_.width, mirrored_, images, in_.gradient + first * l.size(),
           w.scratch(member));
    for (int64_t i = first; i < first + images; ++i) {
      for (int64_t y = 0; y < l.height; ++y) {
        in_.finish_gradient(i * l.size() + l.at(y, 0), l.width * l.channels);
      }
    }
  });
}

/// The weights' and biases' gradients in parts, then their sums. Where parts are few, the rows of
/// the weights' are shared out too.
void Conv::parameter_gradients(const Work& w) {
  int64_t count = parts(w.rows), patch = products_.patch();
  int64_t shares = std::min(ceil_div(kTurns, count), ceil_div(patch, kShareRows));
  w.team.each(count * (shares + 1), [&](int member, int64_t turn) {
    int64_t part = turn / (shares + 1), share = turn % (shares + 1);
    int64_t first = part * w.rows / count, end = (part + 1) * w.rows / count;
    if (share == shares) {
      bias_part(first, end, bias_parts_.data() + part * out_.image->channels, w.scratch(member));
      return;
    }
    float* out = weight_parts_.data() + part * patch * products_.coarse_channels();
    for (int64_t i = first; i < end; i += products_.most_images()) {
      const float* in = in_.value + i * in_.width;
      const float* gradient = out_.gradient + i * out_.width;
      products_.to_weights(mirrored_ ? in : gradient, mirrored_ ? gradient : in,
                           std::min(end - i, products_.most_images()), share * patch / shares,
                           (share + 1) * patch / shares, i > first, out, w.scratch(member));
    }
  });
  add_parts(w);
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
    out_.kernels.column_sums(out_.gradient + i * l.size() + l.at(0, 0), l.row(), l.height,
                             l.width * l.channels, scratch);
    for (int64_t x = 0; x < l.width; ++x) {
      for (int64_t c = 0; c < l.channels; ++c) out[c] += scratch[x * l.channels + c];
    }
  }
}

void Conv::add_parts(const Work& w) {
  int64_t count = parts(w.rows), coarse = products_.coarse_channels();
  int64_t fine = products_.fine_channels(), area = products_.patch() / fine;
  w.team.each(weight_.gradient ? fine : 0, [&](int member, int64_t f) {
    float* sums = w.scratch(member);
    for (int64_t e = 0; e < area; ++e) {
      out_.kernels.column_sums(weight_parts_.data() + (e * fine + f) * coarse, area * fine * coarse,
                               count, coarse, sums + e * coarse);
    }
    products_.place(sums, f, weight_.gradient);
  });
  if (!bias_.gradient) return;
  for (int64_t c = 0; c < out_.image->channels; ++c) {
    float sum = 0;
    for (int64_t part = 0; part < count; ++part) {
      sum += bias_parts_.data()[part * out_.image->channels + c];
    }
    bias_.gradient[c] = sum;
  }
}

}  // namespace elbo::sequential
