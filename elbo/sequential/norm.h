// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "elbo/kernels/norm.h"
#include "elbo/sequential/layer.h"
#include "elbo/sequential/stage.h"

namespace elbo::sequential {

/// Sums of lines, of each part by itself: kSumRows lines at a time in f32, the runs' sums in f64.
class LineSums {
 public:
  LineSums() = default;
  LineSums(int64_t parts, int64_t length);
  void clear();
  /// Where lines are added up.
  float* run(int64_t part) { return run_.data() + part * length_; }
  void end_run(int64_t part);
  /// Element i of a part's sum.
  double at(int64_t part, int64_t i) const {
    i += part * length_;
    double run{run_.data()[i]};
    return runs_[size_t(part)] ? total_[size_t(i)] + run : run;
  }

 private:
  int64_t length_ = 0;
  Buffer run_;                 // [parts, length]
  std::vector<double> total_;  // [parts, length], of the runs that have ended, if any
  std::vector<int64_t> runs_;  // of each part, that have ended
};

/// What both kinds of normalisation share: examples as lines of pixels, and sums over a batch found
/// in parts that depend on its size alone, so that the bits do not depend on the team.
class NormStage : public Stage {
 public:
  void reserve(int64_t rows) override { out_.reserve(rows); }
  void draw(RowNoise& noise, int64_t rows) override { out_.draw_keep(noise, rows); }

 protected:
  static constexpr int64_t kParts = 16;
  /// `in` and `out` have the same layout; a plain row is one pixel.
  NormStage(Signal& in, Signal& out, const Parameter& weight, const Parameter& bias);
  int64_t line() const { return layout_.width * layout_.channels; }
  int64_t elements() const { return line() * layout_.height; }
  /// Where a line begins.
  int64_t at(int64_t example, int64_t y) const { return example * in_.width + layout_.at(y, 0); }
  static int64_t parts(int64_t rows) { return std::min(kParts, rows); }
  /// use(part, first, end) for the examples of each part.
  template <class Use>
  void for_each_part(const Work& work, Use&& use) const {
    int64_t count = parts(work.rows);
    work.team.each(count, [&](int, int64_t part) {
      use(part, part * work.rows / count, (part + 1) * work.rows / count);
    });
  }

  /// use(part, place in the signals) for every line, and now and then the end of a run of `sums`.
  template <class Use>
  void for_each_line(const Work& work, Use&& use,
                     std::initializer_list<LineSums*> sums = {}) const {
    for_each_part(work, [&](int64_t part, int64_t first, int64_t end) {
      int64_t lines = 0;
      for (int64_t i = first; i < end; ++i) {
        for (int64_t y = 0; y < layout_.height; ++y) {
          use(part, at(i, y));
          if (++lines % kSumRows) continue;
          for (LineSums* s : sums) s->end_run(part);
        }
      }
    });
  }

  Signal &in_, &out_;
  ImageLayout layout_;
  const Parameter &weight_, &bias_;
  const NormKernels& kernels_ = norm_kernels(isa());
  Buffer zeros_;  // [line]: no bias is left to be added before the activation
};

/// Batch normalisation of every channel over examples and pixels; by the running statistics outside
/// training, and for a single value. In training these follow every batch (Ioffe & Szegedy 2015).
class BatchNorm : public NormStage {
 public:
  BatchNorm(const NormSpec& norm, bool is_training, Signal& in, Signal& out,
            const Parameter& weight, const Parameter& bias);
  std::string name() const override { return "batch norm"; }
  void forward(const Work& work) override;
  void backward(const Work& work) override;

 private:
  void find_statistics(const Work& work);
  /// The sum over parts and pixels of one channel.
  double sum_of(const LineSums& parts, int64_t rows, int64_t channel) const;
  /// Sets a channel's figure all along the line.
  void spread(Buffer& line, int64_t channel, double value) const;

  void move_running_statistics();

  Tensor running_mean_, running_var_;
  bool is_training_;
  std::vector<double> variances_;  // of the channels, as the running ones count them
  bool has_statistics_ = false;
  double count_ = 0;                                // of values in a channel
  Buffer mean_, inverse_, factor_, shift_, a_, b_;  // [line]
  LineSums sums_, products_;                        // [kParts, line]
};

/// Layer normalisation of each example.
class LayerNorm : public NormStage {
 public:
  LayerNorm(Signal& in, Signal& out, const Parameter& weight, const Parameter& bias);
  std::string name() const override { return "layer norm"; }
  void reserve(int64_t rows) override;
  void forward(const Work& work) override;
  void backward(const Work& work) override;

 private:
  /// use(place in the parameters, place in lines) for every element.
  template <class Use>
  void for_each_element(Use&& use) const;
  void normalise(int64_t example);
  void find_gradient(int64_t example, float* d_weight, float* d_bias);

  Buffer arranged_weight_, arranged_bias_;  // [height, line]
  Buffer mean_, inverse_;                   // of each example
  LineSums d_weights_, d_biases_;           // [kParts, height, line]
};

}  // namespace elbo::sequential
