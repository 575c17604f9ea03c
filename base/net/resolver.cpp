#include "base/net/resolver.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace presenter::net {
namespace asio = boost::asio;
using boost::system::error_code;
using steady_clock = std::chrono::steady_clock;

// One name on its way through DNS, both families.
struct resolver::look_up : std::enable_shared_from_this<look_up> {
  look_up(const asio::any_io_executor& executor, known_name& asked)
      : of(asked), limit(executor), patience(executor), other_family(executor) {}

  known_name& of;
  // One for each family: of two questions in one socket the second would take away the error by
  // which the first could know that nobody listens. Each comes from a port of its own as well.
  std::vector<std::shared_ptr<dns_channel>> channels;
  bool is_asked = false;  // else it waits for its turn
  addresses v4, v6;
  int missing = 2;
  errc failed = errc::name_invalid;
  bool is_late = false;  // whoever has last good addresses gets them now
  asio::steady_timer limit, patience, other_family;
};

struct resolver::known_name {
  std::string name;
  addresses last_good;
  steady_clock::time_point asked_at;
  std::vector<handler> waiting;
  std::shared_ptr<look_up> look;
};

resolver::resolver(asio::any_io_executor executor, resolver_options options,
                   std::function<void(lookup_result)> count)
    : executor_(std::move(executor)), options_(std::move(options)), count_(std::move(count)) {}

resolver::~resolver() = default;

void resolver::resolve(const std::string& name, handler done) {
  error_code no_address;
  const auto literal = asio::ip::make_address(name, no_address);
  if (!no_address) {
    asio::post(executor_, [life = std::weak_ptr(life_), literal, done = std::move(done)] {
      if (!life.expired()) done({{literal}, {}});
    });
    return;
  }
  known_name& asked = entry(name);
  asked.asked_at = steady_clock::now();
  asked.waiting.push_back(std::move(done));
  if (asked.look == nullptr) begin(asked);
  if (!asked.last_good.empty() && asked.waiting.size() == 1) wait_patience(asked);
}

// For all that wait now. An asker that joins a look-up which is late already need not wait either.
void resolver::wait_patience(known_name& of) {
  look_up& look = *of.look;
  look.patience.expires_after(look.is_late ? std::chrono::milliseconds(0) : options_.patience);
  look.patience.async_wait([this, weak = std::weak_ptr(of.look)](error_code cancelled) {
    const auto hanging = weak.lock();
    if (hanging == nullptr || cancelled) return;
    hanging->is_late = true;
    answer_waiting(hanging->of, errc::lookup_under_way);
  });
}

resolver::known_name& resolver::entry(const std::string& name) {
  const auto known = names_.find(name);
  if (known != names_.end()) return known->second;
  if (names_.size() >= names_max) forget_one();
  known_name& added = names_[name];
  added.name = name;
  return added;
}

void resolver::forget_one() {
  auto oldest = names_.end();
  for (auto each = names_.begin(); each != names_.end(); ++each) {
    if (each->second.look != nullptr) continue;
    if (oldest == names_.end() || each->second.asked_at < oldest->second.asked_at) oldest = each;
  }
  if (oldest != names_.end()) names_.erase(oldest);
}

// --- one look-up

void resolver::begin(known_name& of) {
  of.look = std::make_shared<look_up>(executor_, of);
  of.look->limit.expires_after(options_.limit);
  of.look->limit.async_wait([this, weak = std::weak_ptr(of.look)](error_code cancelled) {
    const auto look = weak.lock();
    if (look == nullptr || cancelled) return;
    look->failed = errc::lookup_timed_out;
    finish(look->of);
  });
  queue_.push_back(of.look);
  ask_queued();
}

void resolver::ask_queued() {
  while (under_way_ < lookups_max && !queue_.empty()) {
    const auto look = queue_.front().lock();
    queue_.pop_front();
    if (look == nullptr) continue;  // its limit has passed
    ++under_way_;
    look->is_asked = true;
    for (const auto family : {address_family::v6, address_family::v4})
      ask(look, family);
  }
}

void resolver::ask(const std::shared_ptr<look_up>& look, address_family family) {
  const auto answered = [this, weak = std::weak_ptr(look), family](error_code failed,
                                                                   addresses found) {
    if (const auto asked = weak.lock()) on_answer(*asked, family, failed, std::move(found));
  };
  auto made = dns_channel::open(executor_, options_.servers);
  if (!made)
    return asio::post(executor_, [answered, failed = made.error()] { answered(failed, {}); });
  look->channels.push_back(*made);
  (*made)->ask(look->of.name, family, answered);
}

void resolver::on_answer(look_up& look, address_family family, error_code failed, addresses found) {
  if (failed) look.failed = std::max(look.failed, static_cast<errc>(failed.value()));
  (family == address_family::v4 ? look.v4 : look.v6) = std::move(found);
  if (--look.missing == 0) return finish(look.of);
  if (look.v4.empty() && look.v6.empty()) return;
  look.other_family.expires_after(options_.other_family);
  look.other_family.async_wait([this, weak = look.of.look->weak_from_this()](error_code cancelled) {
    const auto asked = weak.lock();
    if (asked != nullptr && !cancelled) finish(asked->of);
  });
}

void resolver::finish(known_name& of) {
  const std::shared_ptr<look_up> look = std::exchange(of.look, nullptr);
  addresses all = std::move(look->v6);
  all.insert(all.end(), look->v4.begin(), look->v4.end());
  const bool is_found = !all.empty();
  if (is_found) of.last_good = std::move(all);
  if (count_)
    count_(is_found                                 ? lookup_result::found
           : look->failed == errc::lookup_timed_out ? lookup_result::timed_out
                                                    : lookup_result::failed);
  if (look->is_asked) --under_way_;
  ask_queued();
  answer_waiting(of, is_found ? error_code() : look->failed);
}

// Handlers may ask again, so that `of` may be forgotten meanwhile.
void resolver::answer_waiting(known_name& of, error_code failed) {
  const resolved_name told{of.last_good, failed};
  for (const handler& each : std::exchange(of.waiting, {}))
    each(told);
}

}  // namespace presenter::net
