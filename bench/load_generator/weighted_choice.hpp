// A value out of several, each with a weight: how long a message is, how busy a client is.
#pragma once

#include <string_view>
#include <vector>

namespace presenter::bench {

// "V", or "V:WEIGHT,V:WEIGHT…"; weights need no sum.
// Errors: std::invalid_argument with a text for the user.
class weighted_choice {
 public:
  explicit weighted_choice(std::string_view text);

  // `share` from 0 up to, but not with, 1: equal shares give values in proportion to their weights.
  double at(double share) const;

  double mean() const;
  double least() const;
  double greatest() const;

 private:
  struct choice {
    double value;
    double weight_up_to_here;
  };
  std::vector<choice> choices_;
};

}  // namespace presenter::bench
