#include "gateway/balance/balancer.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "base/paced_log.hpp"
#include "shard_router/zk_paths.hpp"

namespace presenter::gateway {

using boost::system::error_code;
using shard_router::published_path;

namespace {

constexpr std::chrono::seconds tick_interval{1};

// After a session with ZooKeeper has begun the fleet is given this long to come back, or
// [dns] interval if that is shorter: perhaps all sessions had ended, and those who are not back yet
// would lose their records.
constexpr std::chrono::milliseconds settling_most = std::chrono::seconds(15);

std::chrono::duration<double> cpu_used() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return std::chrono::duration<double>(seconds(usage.ru_utime) + seconds(usage.ru_stime));
}

// Since when it is so; nothing: it is not.
void note_since(std::optional<sys_ms>& since, bool is_so) {
  if (!is_so) {
    since.reset();
  } else if (!since) {
    since = steady_now();
  }
}

sys_ms wall_clock_now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

pace_policy policy_of(const dns_config& dns, bool is_alone) {
  pace_policy policy;
  policy.interval = dns.interval;
  policy.may_be_empty = is_alone;
  return policy;
}

weight_policy policy_of(const balance_config& balance) {
  weight_policy policy;
  policy.floor = balance.floor;
  return policy;
}

// A newcomer's record has reached every cache by then.
shed_policy policy_of(const dns_config& dns, const weight_policy& weights) {
  shed_policy policy;
  policy.newcomer_grace = weights.blackout + dns.interval + dns.ttl;
  return policy;
}

std::optional<shed_wish> wish_of(const balance_config& balance) {
  if (!balance.shed) return std::nullopt;
  return shed_wish{.until = *balance.shed, .per_second = balance.shed_per_second};
}

}  // namespace

balancer::balancer(boost::asio::io_context& control, balancer_setup setup)
    : control_(control),
      setup_(std::move(setup)),
      weights_(policy_of(setup_.balance)),
      started_at_(setup_.past ? setup_.past->started_at : steady_now()),
      cpu_(setup_.cores, setup_.past ? setup_.past->cpu : 0),
      has_been_ready_(setup_.past && setup_.past->has_been_ready),
      shedder_(control, setup_.name, policy_of(setup_.dns, weights_), weights_,
               wish_of(setup_.balance), setup_.close_clients),
      timer_(control) {
  counts_.has_publisher = static_cast<bool>(setup_.make_publisher);
}

balancer::~balancer() {
  stop();
}

void balancer::start(shard_router::zk_session* session) {
  session_ = session;
  if (setup_.make_publisher) check_publisher();
  if (session_ != nullptr) {
    reports_ = std::make_unique<fleet_reports>(*session_, setup_.name);
    orders_ = std::make_unique<watched_node>(
        *session_, shard_router::rebalance_path,
        [this](const std::optional<std::string>& text) { on_order(text); });
    if (setup_.make_publisher) {
      publications_ = std::make_unique<watched_node>(
          *session_, published_path,
          [this](const std::optional<std::string>& text) { on_publication(text); });
      election_ = std::make_unique<leader_election>(
          *session_, setup_.name, [this] { on_leader_changed(); },
          setup_.past ? setup_.past->candidate : "");
    }
  } else if (setup_.make_publisher) {
    begin_term();
  }
  tick();
  wait_tick();
}

void balancer::stop() {
  life_.renew();
  timer_.cancel();
  end_term();
  checked_.reset();
  shedder_.pause();
  orders_.reset();
  election_.reset();
  publications_.reset();
  reports_.reset();
}

// What is wrong is an operator's matter, and may be mended while the gateway runs.
void balancer::check_publisher() {
  checked_ = setup_.make_publisher();
  checked_->check([this](const publish_result& result) {
    if (!result.is_ok())
      log_paced(said_.failed, spdlog::level::err, "dns: {} cannot publish: {}: {}",
                checked_->name(), name_of(result.error), result.text);
    boost::asio::post(control_, life_.bind([this] { checked_.reset(); }));
  });
}

// --- this gateway

void balancer::wait_tick() {
  timer_.expires_after(tick_interval);
  timer_.async_wait(life_.bind([this](error_code failed) {
    if (failed) return;
    tick();
    wait_tick();
  }));
}

void balancer::tick() {
  load_ = setup_.look();
  cpu_.note(cpu_used(), std::chrono::steady_clock::now());
  note_readiness(load_.is_ready);
  note_weight();
  if (reports_ != nullptr) reports_->tell(make_report());
  shed();
  step_publish();
}

void balancer::note_weight() {
  const auto reports = fleet();
  const auto all = weigh_fleet(reports);
  const auto own = std::ranges::find(all, setup_.name, &gateway_weight::name);
  counts_.weight = own == all.end() ? 0 : own->weight;
  counts_.reports = all.size();

  const bool is_anybody_fit = std::ranges::any_of(all, [](const gateway_weight& each) {
    return each.reason == weight_reason::by_clients || each.reason == weight_reason::slow;
  });
  note_since(fit_since_, is_anybody_fit);
}

// When all lacked the same thing, they do not get it back at one moment.
std::vector<gateway_weight> balancer::weigh_fleet(const std::vector<load_report>& reports) const {
  const sys_ms now = steady_now();
  weight_policy policy = weights_;
  policy.keeps_unready = !fit_since_ || now - *fit_since_ < weights_.blackout;
  return weigh(reports, policy, now);
}

void balancer::tick_soon() {
  boost::asio::post(control_, life_.bind([this] { tick(); }));
}

// A moment without links costs no record: those who look it up would all go elsewhere at once.
void balancer::note_readiness(bool is_ready) {
  if (is_ready) has_been_ready_ = true;
  note_since(unready_since_, !is_ready);
}

gateway_state balancer::state() const {
  if (is_drained_) return gateway_state::drained;
  if (is_withdrawal_wanted_) return gateway_state::draining;
  if (!has_been_ready_) return gateway_state::unready;
  const bool is_late = unready_since_ && steady_now() - *unready_since_ >= setup_.dns.unready_after;
  return is_late ? gateway_state::unready : gateway_state::up;
}

load_report balancer::make_report() const {
  load_report own;
  own.name = setup_.name;
  for (const auto& address : setup_.dns.addresses)
    own.addresses.push_back(address.to_string());
  own.clients = load_.clients;
  own.clients_max = load_.clients_max;
  own.handshake_backlog = load_.handshake_backlog;
  own.descriptors = std::clamp(load_.descriptors, 0.0, 1.0);
  own.cpu = cpu_.value();
  own.state = state();
  own.weight = published_weight().value_or(0);
  own.started_at = started_at_;
  own.reported_at = steady_now();
  return own;
}

void balancer::withdraw() {
  is_withdrawal_wanted_ = true;
  tick_soon();
}

void balancer::restore() {
  is_withdrawal_wanted_ = false;
  tick_soon();
}

void balancer::mark_drained() {
  is_drained_ = true;
  tick_soon();
}

bool balancer::is_withdrawn() const {
  if (!is_withdrawal_wanted_) return false;
  if (!setup_.make_publisher || setup_.dns.addresses.empty()) return true;
  return published_weight() == 0;
}

// Nothing: not known.
std::optional<double> balancer::published_weight(std::string_view name) const {
  if (!publication_) return std::nullopt;
  const auto found = publication_->weights.find(std::string(name));
  return found == publication_->weights.end() ? 0 : found->second;
}

std::optional<double> balancer::published_weight() const {
  if (session_ != nullptr) return published_weight(setup_.name);
  if (pace_ == nullptr || !pace_->published()) return std::nullopt;
  const auto& records = pace_->published()->records;
  return records.empty() ? 0 : records.front().weight;
}

std::string balancer::obstacle() const {
  if (!is_withdrawal_wanted_ || is_withdrawn()) return {};
  if (is_last()) return "no other gateway could take its clients: the last record stays";
  if (last_result_ && !last_result_->is_ok() && is_publishing())
    return fmt::format("dns: {}: {}", name_of(last_result_->error), last_result_->text);
  if (session_ == nullptr) return {};
  if (session_->state() != shard_router::zk_state::connected) return "ZooKeeper is away";
  return {};
}

bool balancer::is_last() const {
  if (!is_withdrawal_wanted_ || is_withdrawn()) return false;
  if (reports_ == nullptr || !knows_fleet()) return false;
  const auto records = desired().records;
  const auto is_own = [this](const dns_record& each) {
    return each.name_of_gateway == setup_.name;
  };
  return !records.empty() && std::ranges::all_of(records, is_own);
}

// --- the fleet

std::vector<load_report> balancer::fleet() const {
  std::vector<load_report> all;
  const bool is_name_taken = reports_ != nullptr && reports_->is_name_taken();
  if (!is_name_taken) all.push_back(make_report());
  if (reports_ == nullptr) return all;
  for (load_report& each : reports_->others()) {
    // The publication is newer than what each has seen of it.
    each.weight = published_weight(each.name).value_or(each.weight);
    all.push_back(std::move(each));
  }
  return all;
}

// All of it may be true now: those who left are gone, those who are there have had time to come
// back.
bool balancer::knows_fleet() const {
  if (reports_ == nullptr) return true;
  const auto since = reports_->complete_since();
  return since && steady_now() - *since >= std::min(setup_.dns.interval, settling_most);
}

// A fleet begins with a record of somebody who can serve. Later it keeps one, come what may.
bool balancer::has_cause_to_publish() const {
  if (is_withdrawal_wanted_ || publication_ || pace_->published()) return true;
  const auto reports = fleet();
  return std::ranges::any_of(
      reports, [](const load_report& each) { return each.state == gateway_state::up; });
}

dns_state balancer::desired() const {
  dns_state state{.record_name = setup_.dns.record,
                  .ttl = std::chrono::duration_cast<std::chrono::seconds>(setup_.dns.ttl),
                  .records = {}};
  if (reports_ == nullptr && is_withdrawal_wanted_) return state;
  const auto reports = fleet();
  const auto all = weigh_fleet(reports);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].weight <= 0) continue;
    for (const std::string& address : reports[i].addresses)
      state.records.push_back({all[i].name, boost::asio::ip::make_address(address), all[i].weight});
  }
  std::ranges::sort(state.records, is_before);
  // Not std::ranges::unique: clang 14 cannot read what gcc's library makes of it.
  const auto twice =
      std::unique(state.records.begin(), state.records.end(),
                  [](const auto& left, const auto& right) { return !is_before(left, right); });
  state.records.erase(twice, state.records.end());
  return state;
}

// --- terms as leader

void balancer::on_leader_changed() {
  end_term();
  if (election_ == nullptr || !election_->is_leader()) return;
  begin_term();
  is_confirming_ = true;
  session_->create_persistent(std::string(published_path), term_.bind([this](error_code) {
    is_confirming_ = false;
    tick_soon();
  }));
}

void balancer::begin_term() {
  publisher_ = setup_.make_publisher();
  pace_ = std::make_unique<publish_pace>(policy_of(setup_.dns, session_ == nullptr),
                                         std::random_device{}());
  is_told_ = true;
  ++counts_.terms;
  if (election_ != nullptr)
    log_paced(said_.terms, spdlog::level::info, "dns: this gateway publishes for the fleet now");
}

// What is under way ends with the publisher.
void balancer::end_term() {
  term_.renew();
  is_confirming_ = false;
  if (publisher_ != nullptr && election_ != nullptr)
    log_paced(said_.terms, spdlog::level::info, "dns: this gateway publishes no more");
  publisher_.reset();
  pace_.reset();
}

void balancer::step_publish() {
  if (!is_publishing() || is_confirming_ || !knows_fleet()) return;
  if (!is_told_) tell_published();
  if (!has_cause_to_publish()) return;
  pace_->want(desired());
  const auto next = pace_->next();
  if (!next || *next > std::chrono::steady_clock::now()) return;
  election_ == nullptr ? publish_now() : confirm_and_publish();
}

// That we led a moment ago is not enough: the process may have been stopped since. So ZooKeeper's
// leader is asked, by a write that it refuses if our node is gone. From its question on nobody else
// is elected for as long as the session lasts, so what took long does not count.
void balancer::confirm_and_publish() {
  publication before = publication_of(desired());
  if (publication_)
    before.weights.insert(publication_->weights.begin(), publication_->weights.end());
  is_confirming_ = true;
  election_->write_as_leader(
      std::string(published_path), encode_publication(before),
      term_.bind([this, asked_at = std::chrono::steady_clock::now()](error_code failed) {
        is_confirming_ = false;
        const auto lasts = session_->granted_timeout();
        const bool is_late = std::chrono::steady_clock::now() - asked_at >= lasts / 2;
        if (!failed && !is_late) {
          publisher_->change_until(asked_at + lasts - lasts / 4);
          return publish_now();
        }
        ++counts_.stale;
        log_paced(said_.stale, spdlog::level::warn,
                  "dns: nothing is published now, for another gateway may lead: {}",
                  failed ? failed.message() : "ZooKeeper's answer came too late");
      }));
}

void balancer::publish_now() {
  const dns_state state = pace_->begin(std::chrono::steady_clock::now());
  publisher_->publish(state, term_.bind([this, state](const publish_result& result) {
    on_published(state, result);
  }));
}

void balancer::on_published(const dns_state& state, const publish_result& result) {
  pace_->end(result, std::chrono::steady_clock::now());
  ++counts_.publications[static_cast<std::size_t>(result.error)];
  tell_result(state, result);
  last_result_ = result;
  if (result.is_ok()) {
    published_at_ = steady_now();
    counts_.records = state.records.size();
    is_told_ = election_ == nullptr;
  }
  tick_soon();
}

void balancer::tell_result(const dns_state& state, const publish_result& result) {
  if (!result.is_ok()) {
    log_paced(said_.failed, spdlog::level::err, "dns: {} did not publish: {}: {}; trying again",
              publisher_->name(), name_of(result.error), result.text);
  } else if (result.changed > 0) {
    log_paced(said_.published, spdlog::level::info, "dns: {} has {} records of {}, {} changed",
              publisher_->name(), state.records.size(), state.record_name, result.changed);
  }
}

// The fleet hears it: a gateway that drains waits for that.
void balancer::tell_published() {
  if (!pace_->published()) return;
  is_told_ = true;
  election_->write_as_leader(std::string(published_path),
                             encode_publication(publication_of(*pace_->published())),
                             term_.bind([this](error_code failed) { is_told_ = !failed; }));
}

publication balancer::publication_of(const dns_state& state) const {
  return {.leader = setup_.name,
          .fence = election_->fence(),
          .at = wall_clock_now(),
          .weights = weights_by_gateway(state)};
}

void balancer::on_publication(const std::optional<std::string>& text) {
  publication_.reset();
  if (!text || text->empty()) return;
  if (const auto decoded = decode_publication(*text)) {
    publication_ = *decoded;
  } else {
    ++counts_.reports_rejected;
    log_paced(said_.failed, spdlog::level::warn, "{}{} cannot be read: {}", session_->chroot(),
              published_path, decoded.error().message());
  }
}

// --- shedding

// Only with a fleet that is known whole: who sees itself alone has too few to compare with.
void balancer::shed() {
  if (reports_ == nullptr || !knows_fleet() || is_withdrawal_wanted_) return shedder_.pause();
  if (!shedder_.step(fleet(), steady_now())) return;
  // Every gateway finds so; the first one takes the order away. The node stays: to remove it, one
  // would have to own the chroot.
  shedder_.set_order(std::nullopt);
  session_->set_data(std::string(shard_router::rebalance_path), "", -1, [](error_code) {});
}

void balancer::on_order(const std::optional<std::string>& text) {
  if (!text || text->empty()) return shedder_.set_order(std::nullopt);
  const auto wish = decode_wish(*text);
  if (!wish) {
    ++counts_.reports_rejected;
    log_paced(said_.failed, spdlog::level::warn, "{}{} is no order: {}", session_->chroot(),
              shard_router::rebalance_path, wish.error().message());
  }
  shedder_.set_order(wish ? std::optional(*wish) : std::nullopt);
}

// --- what is shown

balancer_past balancer::past() const {
  return {started_at_, has_been_ready_, election_ == nullptr ? "" : election_->stem(),
          cpu_.value()};
}

balance_facts balancer::facts() const {
  balance_facts now = counts_;
  now.is_leader = is_publishing();
  if (reports_ != nullptr) {
    now.is_name_taken = reports_->is_name_taken();
    now.reports_rejected += reports_->rejected();
  }
  if (is_publishing() && published_at_)
    now.publish_age_seconds = std::chrono::duration<double>(steady_now() - *published_at_).count();
  now.published_weight = published_weight();
  const shed_status shedding = shedder_.status();
  now.imbalance = shedding.imbalance;
  now.shed_per_second = shedding.per_second;
  if (shedding.eta) now.shed_eta_seconds = static_cast<double>(shedding.eta->count());
  return now;
}

std::string balancer::page() const {
  using nlohmann::json;
  const balance_facts now = facts();
  const auto reports = fleet();
  const auto weights = weigh_fleet(reports);
  json gateways = json::array();
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const load_report& each = reports[i];
    json published;
    if (publication_ && publication_->weights.contains(each.name))
      published = publication_->weights.at(each.name);
    gateways.push_back({{"name", each.name},
                        {"addresses", each.addresses},
                        {"state", name_of(each.state)},
                        {"clients", each.clients},
                        {"clients_max", each.clients_max},
                        {"cpu", each.cpu},
                        {"descriptors", each.descriptors},
                        {"handshake_backlog", each.handshake_backlog},
                        {"weight", weights[i].weight},
                        {"reason", name_of(weights[i].reason)},
                        {"published", published}});
  }
  json page{{"gateway", setup_.name},
            {"record", setup_.dns.record},
            {"is_leader", now.is_leader},
            {"weight", now.weight},
            {"published_weight", now.published_weight ? json(*now.published_weight) : json()},
            {"leader", publication_ ? json(publication_->leader) : json()},
            {"fence", publication_ ? json(publication_->fence) : json()},
            {"is_name_taken", now.is_name_taken},
            {"gateways", gateways},
            {"withdrawn", is_withdrawn()},
            {"obstacle", obstacle()}};
  const shed_status shedding = shedder_.status();
  page["shedding"] = {{"by", shedding.by},
                      {"imbalance", shedding.imbalance},
                      {"excess", shedding.excess},
                      {"per_second", shedding.per_second},
                      {"closed", shedding.closed},
                      {"is_exhausted", shedding.is_exhausted},
                      {"eta_seconds", shedding.eta ? json(shedding.eta->count()) : json()}};
  page["last_result"] = last_result_ ? json(name_of(last_result_->error)) : json();
  page["publish_age_seconds"] = now.publish_age_seconds ? json(*now.publish_age_seconds) : json();
  return page.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace presenter::gateway
