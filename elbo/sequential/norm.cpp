// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/norm.h"

#include <cmath>

namespace elbo::sequential {

LineSums::LineSums(int64_t parts, int64_t length)
    : length_(length), run_(parts * length), total_(size_t(parts * length)), runs_(size_t(parts)) {}

void LineSums::clear() {
  std::fill_n(run_.data(), run_.size(), 0.0f);
  std::fill(runs_.begin(), runs_.end(), 0);
}

void LineSums::end_run(int64_t part) {
  float* of_run = run(part);
  double* total = total_.data() + part * length_;
  bool is_first = runs_[size_t(part)]++ == 0;
  for (int64_t i = 0; i < length_; ++i) {
    total[i] = (is_first ? 0 : total[i]) + double{of_run[i]};
    of_run[i] = 0;
  }
}

NormStage::NormStage(Signal& in, Signal& out, const Parameter& weight, const Parameter& bias)
    : in_(in),
      out_(out),
      layout_(in.image.value_or(ImageLayout{in.width, 1, 1})),
      weight_(weight),
      bias_(bias),
      zeros_(line()) {}

BatchNorm::BatchNorm(const NormSpec& norm, bool is_training, Signal& in, Signal& out,
                     const Parameter& weight, const Parameter& bias)
    : NormStage(in, out, weight, bias),
      running_mean_(norm.running_mean),
      running_var_(norm.running_var),
      is_training_(is_training),
      variances_(size_t(layout_.channels)),
      mean_(line()),
      inverse_(line()),
      factor_(line()),
      shift_(line()),
      a_(line()),
      b_(line()),
      sums_(kParts, line()),
      products_(kParts, line()) {}

double BatchNorm::sum_of(const LineSums& of_parts, int64_t rows, int64_t channel) const {
  double sum = 0;
  for (int64_t part = 0; part < parts(rows); ++part) {
    for (int64_t x = 0; x < layout_.width; ++x) {
      sum += of_parts.at(part, x * layout_.channels + channel);
    }
  }
  return sum;
}

void BatchNorm::spread(Buffer& buffer, int64_t channel, double value) const {
  for (int64_t x = 0; x < layout_.width; ++x) {
    buffer.data()[x * layout_.channels + channel] = static_cast<float>(value);
  }
}

/// Means, then variances about them.
void BatchNorm::find_statistics(const Work& w) {
  sums_.clear();
  for_each_line(
      w, [&](int64_t part, int64_t at) { kernels_.add(in_.value + at, line(), sums_.run(part)); },
      {&sums_});
  for (int64_t c = 0; c < layout_.channels; ++c) {
    spread(mean_, c, sum_of(sums_, w.rows, c) / count_);
  }
  sums_.clear();
  for_each_line(w,
                [&](int64_t part, int64_t at) {
                  kernels_.add_squares(in_.value + at, mean_.data(), line(), sums_.run(part));
                },
                {&sums_});
  for (int64_t c = 0; c < layout_.channels; ++c) {
    double squares = sum_of(sums_, w.rows, c);
    spread(inverse_, c, 1 / std::sqrt(squares / count_ + kNormEpsilon));
    variances_[size_t(c)] = squares / (count_ - 1);
  }
}

void BatchNorm::move_running_statistics() {
  auto follow = [](float& running, double now) {
    running += static_cast<float>(kNormMomentum * (now - double{running}));
  };
  for (int64_t c = 0; c < layout_.channels; ++c) {
    follow(running_mean_.data_ptr<float>()[c], double{mean_.data()[c]});
    follow(running_var_.data_ptr<float>()[c], variances_[size_t(c)]);
  }
}

void BatchNorm::forward(const Work& w) {
  count_ = static_cast<double>(w.rows * layout_.height * layout_.width);
  has_statistics_ = is_training_ && count_ > 1;
  if (has_statistics_) find_statistics(w), move_running_statistics();
  const float* mean = running_mean_.data_ptr<float>();
  const float* variance = running_var_.data_ptr<float>();
  for (int64_t c = 0; c < layout_.channels; ++c) {
    if (!has_statistics_) {
      spread(mean_, c, mean[c]);
      spread(inverse_, c, 1 / std::sqrt(double{variance[c]} + kNormEpsilon));
    }
    spread(factor_, c, double{inverse_.data()[c]} * double{weight_.value[c]});
    spread(shift_, c, bias_.value[c]);
  }
  for_each_line(w, [&](int64_t, int64_t at) {
    kernels_.by_column(in_.value + at, mean_.data(), factor_.data(), shift_.data(), line(),
                       out_.activated + at);
    out_.activate(zeros_.data(), at, line());
  });
}

/// With g = d loss / d y: d bias = sum g, d weight = sum g xh, and where the statistics are the
/// batch's own, d x = weight inverse (g - mean g - xh mean (g xh)).
void BatchNorm::backward(const Work& w) {
  sums_.clear(), products_.clear();
  for_each_line(w,
                [&](int64_t part, int64_t at) {
                  kernels_.add_gradients(out_.gradient + at, in_.value + at, mean_.data(),
                                         inverse_.data(), line(), sums_.run(part),
                                         products_.run(part));
                },
                {&sums_, &products_});
  for (int64_t c = 0; c < layout_.channels; ++c) {
    double sum = sum_of(sums_, w.rows, c), product = sum_of(products_, w.rows, c);
    if (bias_.gradient) bias_.gradient[c] = static_cast<float>(sum);
    if (weight_.gradient) weight_.gradient[c] = static_cast<float>(product);
    spread(a_, c, has_statistics_ ? sum / count_ : 0);
    spread(b_, c, has_statistics_ ? product / count_ : 0);
  }
  for_each_line(w, [&](int64_t, int64_t at) {
    kernels_.column_gradient(out_.gradient + at, in_.value + at, mean_.data(), inverse_.data(),
                             factor_.data(), a_.data(), b_.data(), line(), in_.gradient + at);
    in_.finish_gradient(at, line());
  });
}

LayerNorm::LayerNorm(Signal& in, Signal& out, const Parameter& weight, const Parameter& bias)
    : NormStage(in, out, weight, bias), arranged_weight_(elements()), arranged_bias_(elements()) {
  if (!out_.has_gradient) return;
  d_weights_ = LineSums(kParts, elements());
  d_biases_ = LineSums(kParts, elements());
}

void LayerNorm::reserve(int64_t rows) {
  NormStage::reserve(rows);
  if (mean_.size() >= rows) return;
  mean_ = Buffer(rows);
  inverse_ = Buffer(rows);
}

/// Parameters are [channels, height, width].
template <class Use>
void LayerNorm::for_each_element(Use&& use) const {
  int64_t place = 0;
  for (int64_t c = 0; c < layout_.channels; ++c) {
    for (int64_t y = 0; y < layout_.height; ++y) {
      for (int64_t x = 0; x < layout_.width; ++x) {
        use(place++, y * line() + x * layout_.channels + c);
      }
    }
  }
}

void LayerNorm::normalise(int64_t i) {
  auto n = static_cast<double>(elements());
  double total = 0, squares = 0, sum, square;
  for (int64_t y = 0; y < layout_.height; ++y) {
    kernels_.row_sums(in_.value + at(i, y), 0, line(), &sum, &square);
    total += sum;
  }
  auto mean = static_cast<float>(total / n);
  for (int64_t y = 0; y < layout_.height; ++y) {
    kernels_.row_sums(in_.value + at(i, y), mean, line(), &sum, &square);
    squares += square;
  }
  auto inverse = static_cast<float>(1 / std::sqrt(squares / n + kNormEpsilon));
  mean_.data()[i] = mean, inverse_.data()[i] = inverse;
  for (int64_t y = 0; y < layout_.height; ++y) {
    kernels_.by_row(in_.value + at(i, y), mean, inverse, arranged_weight_.data() + y * line(),
                    arranged_bias_.data() + y * line(), line(), out_.activated + at(i, y));
    out_.activate(zeros_.data(), at(i, y), line());
  }
}

void LayerNorm::forward(const Work& w) {
  for_each_element([&](int64_t place, int64_t at) {
    arranged_weight_.data()[at] = weight_.value[place];
    arranged_bias_.data()[at] = bias_.value[place];
  });
  for_each_part(w, [&](int64_t, int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) normalise(i);
  });
}

/// With g = d loss / d y and h = g weight: d x = inverse (h - mean h - xh mean (h xh)).
void LayerNorm::find_gradient(int64_t i, float* d_weight, float* d_bias) {
  float mean = mean_.data()[i], inverse = inverse_.data()[i];
  double total = 0, products = 0, sum, product;
  for (int64_t y = 0; y < layout_.height; ++y) {
    kernels_.row_gradients(out_.gradient + at(i, y), in_.value + at(i, y), mean, inverse,
                           arranged_weight_.data() + y * line(), line(), &sum, &product,
                           d_weight + y * line(), d_bias + y * line());
    total += sum, products += product;
  }
  auto n = static_cast<double>(elements());
  auto a = static_cast<float>(total / n), b = static_cast<float>(products / n);
  for (int64_t y = 0; y < layout_.height; ++y) {
    kernels_.row_gradient(out_.gradient + at(i, y), in_.value + at(i, y), mean, inverse,
                          arranged_weight_.data() + y * line(), a, b, line(),
                          in_.gradient + at(i, y));
    in_.finish_gradient(at(i, y), line());
  }
}

void LayerNorm::backward(const Work& w) {
  d_weights_.clear(), d_biases_.clear();
  for_each_part(w, [&](int64_t part, int64_t first, int64_t end) {
    for (int64_t i = first; i < end; ++i) {
      find_gradient(i, d_weights_.run(part), d_biases_.run(part));
      if ((i - first + 1) % kSumRows == 0) d_weights_.end_run(part), d_biases_.end_run(part);
    }
  });
  for_each_element([&](int64_t place, int64_t at) {
    double weight = 0, bias = 0;
    for (int64_t part = 0; part < parts(w.rows); ++part) {
      weight += d_weights_.at(part, at);
      bias += d_biases_.at(part, at);
    }
    if (weight_.gradient) weight_.gradient[place] = static_cast<float>(weight);
    if (bias_.gradient) bias_.gradient[place] = static_cast<float>(bias);
  });
}

}  // namespace elbo::sequential
