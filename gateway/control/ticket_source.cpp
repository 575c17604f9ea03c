#include "gateway/control/ticket_source.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/paced_log.hpp"
#include "gateway/tls/tickets/ticket_key_file.hpp"
#include "shard_router/errc.hpp"
#include "shard_router/zk_paths.hpp"

namespace presenter::gateway {
namespace {

using boost::system::error_code;
using namespace std::chrono_literals;

// How often the clock is looked at: often enough for the shortest settling time, so that a change
// of the sealing key is told in time, and seldom enough to cost nothing.
std::chrono::milliseconds step_of(const ticket_policy& policy) {
  return std::clamp<std::chrono::milliseconds>(policy.settle() / 4, 50ms, 10s);
}

// Each gateway waits a little longer than the period, another time each: mostly one alone writes.
std::chrono::milliseconds draw_jitter(const ticket_policy& policy) {
  static std::minstd_rand random{std::random_device{}()};
  const auto most = std::min<std::chrono::milliseconds>(policy.rotation / 16, 5min);
  return std::chrono::milliseconds(
      std::uniform_int_distribution<std::chrono::milliseconds::rep>(0, most.count())(random));
}

std::optional<ticket_keys> load_file(const std::optional<std::filesystem::path>& path) {
  if (!path) return std::nullopt;
  ticket_key_load loaded = load_ticket_key_file(*path);
  if (!loaded.keys) throw std::runtime_error(loaded.mistake);
  return std::move(loaded.keys);
}

std::string_view error_name(const error_code& why) {
  const bool is_content = why.category() == ticket_error_category();
  return is_content ? name_of(static_cast<ticket_errc>(why.value()))
                    : name_of(static_cast<shard_router::errc>(why.value()));
}

double seconds_since(ticket_time then, ticket_time now) {
  return std::chrono::duration<double>(now - then).count();
}

}  // namespace

ticket_source::ticket_source(boost::asio::io_context& control, const tls_config& settings)
    : settings_(settings),
      made_at_(ticket_clock_now()),
      watch_(control, paths_of(settings), settings.watch_interval, [this] { reload_file(); }),
      own_(ticket_keys::first(made_at_, settings.tickets)),
      file_(load_file(settings.ticket_key_file)),
      jitter_(draw_jitter(settings.tickets)),
      step_timer_(control) {
  renew_ring();
}

void ticket_source::adopt(const std::string& own, const std::string& fleet) {
  if (auto keys = ticket_keys::decode(own)) own_ = std::move(*keys);
  if (auto keys = ticket_keys::decode(fleet)) fleet_ = std::move(*keys);
  renew_ring();
}

void ticket_source::start(shard_router::zk_session* session, publish publish) {
  publish_ = std::move(publish);
  if (session != nullptr) {
    secret_ = std::make_unique<shard_router::zk_secret>(
        *session, std::string(shard_router::ticket_keys_path),
        shard_router::zk_secret_events{
            [this](const std::string& data, std::int32_t version) { on_data(data, version); },
            [this] { on_absent(); }, [this](const error_code& why) { on_refused(why); }});
    secret_->start();
  }
  origin_ = ring_->sealing(made_at_).origin;
  const char* const until = session != nullptr ? " until ZooKeeper has given the fleet's" : "";
  if (origin_ == ticket_origin::file) {
    spdlog::info(fmt::format("tickets: sealed with the keys of {}{}",
                             settings_.ticket_key_file->string(), until));
  } else {
    spdlog::warn(
        fmt::format("tickets: sealed with this gateway's own random keys{}; no other gateway, nor "
                    "this one after a restart, can resume a client by them",
                    until));
  }
  wait_step();
  watch_.start();
}

void ticket_source::stop() {
  publish_ = nullptr;
  watch_.stop();
  step_timer_.cancel();
  secret_.reset();
}

void ticket_source::reload_file() {
  if (!settings_.ticket_key_file) return;
  watch_.mark_seen();
  std::string mistake;
  try {
    file_ = load_file(settings_.ticket_key_file);
  } catch (const std::exception& error) {
    mistake = error.what();
  }
  if (!mistake.empty()) return refuse_file(mistake);
  tell_file();
  renew_ring();
  tell_origin(ticket_clock_now());
}

void ticket_source::refuse_file(const std::string& why) {
  ++file_refusals_;
  log_paced(said_.file_refused, spdlog::level::err,
            "tickets: the key file is not taken over, the old keys stay: {}", why);
}

void ticket_source::tell_file() {
  ++file_reloads_;
  log_paced(said_.file, spdlog::level::info, "tickets: {} keys from {}", file_->size(),
            settings_.ticket_key_file->string());
}

void ticket_source::change(std::optional<ticket_keys> file, file_watch::stamps seen) {
  watch_.change(paths_of(settings_), settings_.watch_interval, std::move(seen));
  file_ = std::move(file);
  if (file_) tell_file();
  jitter_ = draw_jitter(settings_.tickets);
  renew_ring();
  step();
  wait_step();
}

std::vector<std::filesystem::path> ticket_source::paths_of(const tls_config& settings) {
  if (!settings.ticket_key_file) return {};
  return {*settings.ticket_key_file};
}

// --- ZooKeeper

void ticket_source::on_data(const std::string& data, std::int32_t version) {
  auto keys = ticket_keys::decode(data);
  if (!keys) return on_refused(keys.error());
  refused_.clear();
  is_fleet_known_ = true;
  fleet_version_ = version;
  if (fleet_ == *keys) return;
  fleet_ = std::move(*keys);
  jitter_ = draw_jitter(settings_.tickets);
  log_paced(said_.fleet, spdlog::level::info, "tickets: {} keys from ZooKeeper, version {}",
            fleet_->size(), version);
  renew_ring();
  step();
}

// The first gateway of all, or somebody has deleted the node: then our last keys go on.
void ticket_source::on_absent() {
  const ticket_time now = ticket_clock_now();
  is_fleet_known_ = false;
  const ticket_keys keys = fleet_ && fleet_->sealing(now) != nullptr
                               ? *fleet_
                               : ticket_keys::first(now, settings_.tickets);
  std::string bytes = keys.encode();
  secret_->create(bytes, [this](const error_code& failed) { write_done(failed, "created"); });
  wipe(bytes);
}

// Never overwritten: it may be a newer gateway's, or a trap. The last keys go on.
void ticket_source::on_refused(const error_code& why) {
  is_fleet_known_ = false;
  ++refusals_;
  const std::string before = std::exchange(refused_, why.message());
  if (before == refused_) return;
  log_paced(said_.fleet_refused, spdlog::level::err,
            "tickets: ZooKeeper's {} cannot be used: {}, {}; {}", shard_router::ticket_keys_path,
            error_name(why), why.message(),
            fleet_ ? "the last keys of the fleet stay in force" : "the fleet has no keys here");
}

void ticket_source::rotate_fleet(ticket_time now) {
  const ticket_policy& policy = settings_.tickets;
  if (!is_fleet_known_ || !secret_->is_settled()) return;
  if (!fleet_->is_rotation_due(now, policy.rotation + jitter_)) return;
  std::string bytes = fleet_->rotated(now, policy, policy.settle()).encode();
  secret_->replace(bytes, fleet_version_,
                   [this](const error_code& failed) { write_done(failed, "rotated"); });
  wipe(bytes);
}

// Another gateway may have been faster: we read what there is now.
void ticket_source::write_done(const error_code& failed, const char* what) {
  if (failed) return;
  ++rotations_;
  log_paced(said_.written, spdlog::level::info, "tickets: this gateway has {} the fleet's keys",
            what);
}

// --- time

void ticket_source::wait_step() {
  step_timer_.expires_after(step_of(settings_.tickets));
  step_timer_.async_wait([this](error_code cancelled) {
    if (cancelled || !publish_) return;
    step();
    wait_step();
  });
}

void ticket_source::step() {
  const ticket_time now = ticket_clock_now();
  if (secret_ != nullptr) rotate_fleet(now);
  if (own_.is_rotation_due(now, settings_.tickets.rotation)) {
    own_ = own_.rotated(now, settings_.tickets, 0ms);
    renew_ring();
  }
  tell_origin(now);
}

void ticket_source::renew_ring() {
  std::vector<ticket_ring::layer> layers;
  if (fleet_) layers.push_back({ticket_origin::zookeeper, *fleet_});
  if (file_) layers.push_back({ticket_origin::file, *file_});
  layers.push_back({ticket_origin::random, own_});
  ring_ = std::make_shared<const ticket_ring>(std::move(layers));
  if (publish_) publish_(ring_);
}

void ticket_source::tell_origin(ticket_time now) {
  const ticket_origin origin = ring_->sealing(now).origin;
  if (std::exchange(origin_, origin) == origin) return;
  const bool is_worse = origin != ticket_origin::zookeeper;
  log_paced(said_.origin, is_worse ? spdlog::level::err : spdlog::level::info,
            "tickets: sealed with keys of origin '{}' from now on{}", name_of(origin),
            is_worse ? ": none of ZooKeeper's may seal now" : "");
}

ticket_facts ticket_source::facts() const {
  const ticket_time now = ticket_clock_now();
  const auto [key, origin] = ring_->sealing(now);
  const ticket_time since = origin == ticket_origin::file ? made_at_ : key->seals_from;
  return {.origin = std::string(name_of(origin)),
          .keys = ring_->size(),
          .sealing_seconds = std::max(0.0, seconds_since(since, now)),
          .rotations = rotations_,
          .refusals = refusals_,
          .file_reloads = file_reloads_,
          .file_refusals = file_refusals_};
}

}  // namespace presenter::gateway
