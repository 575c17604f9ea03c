#include "tests/fencing/application_book.hpp"

namespace presenter::testing {

void application_book::begin(const void* client, std::uint64_t stream, const std::string& process) {
  // A process that stood still may come to an older one later.
  const bool is_newest = stream > newest_[client];
  living_[stream] = {client, process, !is_newest};
  if (!is_newest) return;
  newest_[client] = stream;
  taken_[client] = 0;
  for (auto& [number, other] : living_)
    if (other.client == client && number != stream) other.is_repeated = true;
}

void application_book::go_on(const void* client, std::uint64_t stream, const std::string& process,
                             std::int64_t taken) {
  for (const auto& [number, other] : living_) {
    if (other.client == client && !other.is_repeated)
      find("7 two applications for one stream: " + other.process, process);
  }
  if (taken_[client] != taken) find("8 it goes on where no other ended", process);
  living_[stream] = {client, process};
  newest_[client] = stream;
}

void application_book::take(std::uint64_t stream, std::int64_t from, std::int64_t to) {
  const auto found = living_.find(stream);
  if (found == living_.end() || found->second.is_repeated) return;
  std::int64_t& taken = taken_[found->second.client];
  if (taken != from) find("8 a byte is taken twice, or by nobody", found->second.process);
  taken = to;
}

void application_book::find(const std::string& what, const std::string& process) {
  if (finding_.empty()) finding_ = what + " and " + process;
}

}  // namespace presenter::testing
