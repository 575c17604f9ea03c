#include "bench/load_generator/weighted_choice.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "base/parse_number.hpp"

namespace presenter::bench {

namespace {

double number_of(std::string_view text, std::string_view whole) {
  const auto number = parse_number<double>(text);
  if (!number || !std::isfinite(*number) || *number < 0)
    throw std::invalid_argument("not VALUE or VALUE:WEIGHT,VALUE:WEIGHT…: " + std::string(whole));
  return *number;
}

}  // namespace

weighted_choice::weighted_choice(std::string_view text) {
  double sum = 0;
  for (std::string_view rest = text; !rest.empty() || choices_.empty();) {
    const std::string_view one = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    const std::string_view value = one.substr(0, one.find(':'));
    sum += value.size() == one.size() ? 1 : number_of(one.substr(value.size() + 1), text);
    choices_.push_back({number_of(value, text), sum});
  }
  if (sum <= 0) throw std::invalid_argument("no weight above 0: " + std::string(text));
}

double weighted_choice::at(double share) const {
  const double wanted = share * choices_.back().weight_up_to_here;
  const auto found = std::ranges::find_if(
      choices_, [&](const choice& each) { return wanted < each.weight_up_to_here; });
  return found == choices_.end() ? choices_.back().value : found->value;
}

double weighted_choice::mean() const {
  double sum = 0, before = 0;
  for (const choice& each : choices_) {
    sum += each.value * (each.weight_up_to_here - before);
    before = each.weight_up_to_here;
  }
  return sum / before;
}

double weighted_choice::least() const {
  return std::ranges::min(choices_, {}, &choice::value).value;
}

double weighted_choice::greatest() const {
  return std::ranges::max(choices_, {}, &choice::value).value;
}

}  // namespace presenter::bench
