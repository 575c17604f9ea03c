#include "shard_router/zk_watcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <set>
#include <utility>

#include "base/library_log.hpp"
#include "shard_router/errc.hpp"
#include "shard_router/saved_map.hpp"
#include "shard_router/shard_map_codec.hpp"
#include "shard_router/zk_paths.hpp"

namespace presenter::shard_router {
namespace {

using boost::system::error_code;

// A read during which something changed is done again, for its parts may be of two different times.
// After this many in a row the map is published as it is: something changes all the time, and a map
// that is right but for the last change is better than none.
constexpr unsigned inconsistent_reads_max = 10;

// Children asked for at a time. An answer may have a megabyte, ZooKeeper's own limit, and is thrown
// away when it comes.
constexpr std::size_t answers_awaited_max = 64;

// Enough of a name for a log line: valid ones are no longer.
constexpr std::size_t name_bytes_logged = limits::name_bytes_max;

// "chat-a" of "/servers/chat-a"; empty: not a child of it.
std::string_view child_of(std::string_view path) {
  if (!path.starts_with(servers_path)) return {};
  path.remove_prefix(servers_path.size());
  return path.starts_with('/') ? path.substr(1) : std::string_view();
}

}  // namespace

zk_watcher::zk_watcher(zk_session& session, router& router, zk_watcher_options options)
    : session_(session),
      router_(router),
      options_(std::move(options)),
      counters_(session.counters()),
      guard_(options_.hold),
      read_timer_(session.executor()),
      hold_timer_(session.executor()),
      mend_timer_(session.executor()) {}

zk_watcher::~zk_watcher() {
  stop();
}

void zk_watcher::start() {
  if (std::exchange(has_started_, true)) return;
  load_saved();
  session_.add_listener(*this);
  if (session_.state() == zk_state::connected) read_all_again();
}

void zk_watcher::stop() {
  session_.remove_listener(*this);
  life_.renew();
  reads_.renew();
  read_timer_.cancel();
  hold_timer_.cancel();
  mend_timer_.cancel();
}

// Watches survive a reconnect of the same session, but nobody has to rely on that.
void zk_watcher::on_session_state(zk_state state) {
  if (state == zk_state::connected) return read_all_again();
  // Requests in flight end with connection_loss or, with the session, not at all.
  if (is_reading_) ++counters_.map_read_failures;
  reads_.renew();
  is_reading_ = false;
  guard_.forget_hold();
  hold_timer_.cancel();
  mend_timer_.cancel();
}

void zk_watcher::on_node_event(std::string_view path) {
  const std::string_view name = child_of(path);
  if (path != servers_path && name.empty()) return;
  if (const auto found = children_.find(name); found != children_.end()) {
    found->second.is_fresh = false;
  }
  has_changed_ = true;
  if (!is_reading_) read_after(options_.debounce);
}

void zk_watcher::read_all_again() {
  for (auto& [name, entry] : children_)
    entry.is_fresh = false;
  inconsistent_reads_ = 0;
  read_after({});
}

// What is already planned stays, unless this is to be at once.
void zk_watcher::read_after(std::chrono::steady_clock::duration delay) {
  if (is_waiting_ && delay > delay.zero()) return;
  is_waiting_ = true;
  read_timer_.expires_after(delay);
  read_timer_.async_wait(life_.bind([this](error_code failed) {
    if (failed) return;
    is_waiting_ = false;
    read();
  }));
}

void zk_watcher::read() {
  if (session_.state() != zk_state::connected) return;
  // An earlier attempt, if there is one, is overtaken by this.
  reads_.renew();
  is_reading_ = true;
  has_changed_ = false;
  read_error_.clear();
  ++counters_.map_reads;
  session_.get_data(std::string(servers_path),
                    reads_.bind([this](error_code failed, const std::string& data, const zk_stat&) {
                      on_confirmation(failed, data);
                    }));
  session_.get_children(
      std::string(servers_path),
      reads_.bind([this](error_code failed, const std::vector<std::string>& names,
                         const zk_stat& stat) { on_children(failed, names, stat); }));
}

// The data of `servers`: the epoch that an operator has confirmed, in decimal. The list follows.
void zk_watcher::on_confirmation(error_code failed, const std::string& data) {
  if (failed || data.empty()) return;
  std::int64_t epoch = 0;
  const auto [end, wrong] = std::from_chars(data.data(), data.data() + data.size(), epoch);
  if (wrong == std::errc() && end == data.data() + data.size()) return guard_.confirm(epoch);
  say_paced(said_.confirmation, log_level::warning,
            "{}{} holds {} bytes that are no epoch: nothing is confirmed", session_.chroot(),
            servers_path, data.size());
}

// Nobody has registered yet; or somebody has removed the whole fleet. A watch for its coming.
void zk_watcher::on_no_backends() {
  session_.exists(std::string(servers_path), reads_.bind([this](error_code failed) {
    if (failed != zk_errc::no_node) return failed ? on_read_failed(failed) : read();
    if (options_.tells_absent)
      say_paced(said_.absent, log_level::warning,
                "{}{} is not in ZooKeeper: no backend has registered yet, or the chroot is wrong",
                session_.chroot(), servers_path);
    servers_pzxid_ = 0;
    update_children({});
    read_stale_children();
  }));
}

void zk_watcher::on_children(error_code failed, const std::vector<std::string>& names,
                             const zk_stat& stat) {
  if (failed == zk_errc::no_node) return on_no_backends();
  if (failed) return on_read_failed(failed);
  if (names.size() > limits::backends_max) {
    is_reading_ = false;
    return refuse(fmt::format("{} backends", names.size()), errc::too_many_backends);
  }
  servers_pzxid_ = stat.pzxid;
  update_children(names);
  read_stale_children();
}

void zk_watcher::update_children(const std::vector<std::string>& names) {
  const std::set<std::string_view> listed(names.begin(), names.end());
  std::erase_if(children_, [&](const auto& known) { return !listed.contains(known.first); });
  for (const std::string& name : names)
    children_.try_emplace(name);
}

// Only what is new or has changed: a join costs each gateway one list and one read.
void zk_watcher::read_stale_children() {
  stale_.clear();
  for (const auto& [name, entry] : children_) {
    if (!entry.is_fresh) stale_.push_back(name);
  }
  answers_awaited_ = 0;
  if (stale_.empty()) return finish_read();
  while (!stale_.empty() && answers_awaited_ < answers_awaited_max)
    read_next_child();
}

void zk_watcher::read_next_child() {
  const std::string name = std::move(stale_.back());
  stale_.pop_back();
  ++answers_awaited_;
  session_.get_data(
      server_path(name),
      reads_.bind([this, name](error_code failed, const std::string& data, const zk_stat& stat) {
        on_child(name, failed, data, stat);
      }));
}

void zk_watcher::on_child(const std::string& name, error_code failed, const std::string& data,
                          const zk_stat& stat) {
  if (failed == zk_errc::no_node) {
    // Gone since the list was read; the list's watch has fired or is about to.
    children_.erase(name);
  } else if (failed) {
    read_error_ = failed;
  } else if (const auto found = children_.find(name); found != children_.end()) {
    child& entry = found->second;
    entry.is_fresh = true;
    if (entry.mzxid != stat.mzxid) decode_child(name, data, stat, entry);
  }
  --answers_awaited_;
  if (!stale_.empty()) return read_next_child();
  if (answers_awaited_ == 0) finish_read();
}

void zk_watcher::decode_child(const std::string& name, const std::string& data, const zk_stat& stat,
                              child& entry) {
  const bool is_same_node = std::exchange(entry.owner, stat.ephemeral_owner) == entry.owner;
  entry.mzxid = stat.mzxid;
  if (!is_same_node) entry.is_valid = false;
  auto decoded = decode_backend(name, data);
  if (!decoded) return refuse_child(name, decoded.error(), entry);
  entry.is_valid = true;
  entry.read = std::move(*decoded);
}

void zk_watcher::refuse_child(std::string_view name, error_code why, child& entry) {
  if (std::exchange(entry.is_valid, false))
    entry.mend_until = std::chrono::steady_clock::now() + options_.mend;
  ++counters_.children_rejected;
  // ZooKeeper allows no control characters in a name: it stays on one line.
  say_paced(said_.children, log_level::warning, "{}{} is left out of the map: {}",
            session_.chroot(), server_path(name.substr(0, name_bytes_logged)), why.message());
}

// Somebody has written nonsense over an entry whose backend lives: it is given the time to mend it,
// and its streams stay where they are. Every published map still says what ZooKeeper held.
bool zk_watcher::waits_for_mending() {
  auto until = std::chrono::steady_clock::time_point::min();
  for (const auto& [name, entry] : children_) {
    if (!entry.is_valid) until = std::max(until, entry.mend_until);
  }
  if (until <= std::chrono::steady_clock::now()) return false;
  mend_timer_.expires_at(until);
  mend_timer_.async_wait(life_.bind([this](error_code failed) {
    if (!failed) read_after({});
  }));
  return true;
}

void zk_watcher::on_read_failed(error_code failed) {
  ++counters_.map_read_failures;
  is_reading_ = false;
  say_paced(said_.unread, log_level::warning, "{}{} could not be read: {}", session_.chroot(),
            servers_path, failed.message());
  // If the session is away as well, its return makes us read.
  read_after(options_.retry);
}

// Answers and events come in the order in which the server made them. So if no event came between
// the list and the last answer, all of them describe one and the same moment, and the epoch is its.
void zk_watcher::finish_read() {
  if (read_error_) return on_read_failed(read_error_);
  is_reading_ = false;
  if (has_changed_) {
    read_after(options_.debounce);
    if (++inconsistent_reads_ < inconsistent_reads_max) return;
  }
  inconsistent_reads_ = 0;
  if (waits_for_mending()) return;
  if (auto map = make_map()) offer(std::move(map));
}

shard_map_ptr zk_watcher::make_map() {
  std::int64_t epoch = servers_pzxid_;
  std::vector<backend_entry> backends;
  for (const auto& [name, entry] : children_) {
    epoch = std::max(epoch, entry.mzxid);
    if (entry.is_valid) backends.push_back(entry.read);
  }
  if (const std::int64_t weight = weight_of(backends); weight > limits::weights_total_max) {
    refuse(fmt::format("a weight of {} in all", weight), errc::too_much_weight);
    return nullptr;
  }
  return std::make_shared<const shard_map>(epoch, std::move(backends));
}

void zk_watcher::refuse(std::string_view what, errc why) {
  ++counters_.maps_too_large;
  say_paced(said_.refused, log_level::error, "{}{}: {}: {}; the last map stays", session_.chroot(),
            servers_path, what, make_error_code(why).message());
}

void zk_watcher::offer(shard_map_ptr map) {
  const shard_map* in_force = router_.current().get();
  const auto verdict = guard_.offer(in_force, *map, map_guard::clock::now());
  if (verdict != map_guard::verdict::publish) return hold(std::move(map), verdict);
  hold_timer_.cancel();
  held_ = nullptr;
  const bool is_same = in_force != nullptr && in_force->epoch() == map->epoch() &&
                       in_force->backends() == map->backends();
  if (!is_same) publish(std::move(map));
}

void zk_watcher::hold(shard_map_ptr map, map_guard::verdict verdict) {
  hold_timer_.cancel();
  // A fleet that begins: nothing is kept back from anybody.
  if (router_.current() == nullptr) return;
  const bool was_empty = held_ != nullptr && held_->backends_up() == 0;
  held_ = std::move(map);
  if (verdict == map_guard::verdict::hold || (verdict == map_guard::verdict::empty && !was_empty))
    tell_held();
  if (verdict == map_guard::verdict::empty) return;
  hold_timer_.expires_at(guard_.release_at());
  hold_timer_.async_wait(life_.bind([this](error_code failed) {
    if (!failed) read_all_again();
  }));
}

// One line when it begins; that it lasts is a gauge's matter.
void zk_watcher::tell_held() {
  ++counters_.maps_held;
  const std::string release =
      held_->backends_up() == 0
          ? "until one is up"
          : fmt::format("for {} ms, or until '{}' is written into {}{}", options_.hold.count(),
                        held_->epoch(), session_.chroot(), servers_path);
  say_paced(said_.held, log_level::error, "{}{}: at epoch {} {} backends are up, after {}: {} {}",
            session_.chroot(), servers_path, held_->epoch(), held_->backends_up(),
            router_.current()->backends_up(), make_error_code(errc::map_held).message(), release);
}

void zk_watcher::publish(shard_map_ptr map) {
  ++counters_.maps_published;
  say_paced(said_.published, log_level::info, "shard map: epoch {}, {} backends", map->epoch(),
            map->backends().size());
  save(*map);
  router_.publish(std::move(map));
}

void zk_watcher::load_saved() {
  if (options_.saved_map.empty() || router_.current() != nullptr) return;
  auto loaded = load_saved_map(options_.saved_map);
  const std::string path = options_.saved_map.string();
  if (!loaded) {
    if (loaded.error() == boost::system::errc::no_such_file_or_directory) return;
    say(log_level::warning, "{}: {}", path, loaded.error().message());
    return;
  }
  for (const refused_backend& each : loaded->refused) {
    ++counters_.children_rejected;
    say_paced(said_.children, log_level::warning, "{}: {} is left out of the map: {}", path,
              each.name, each.why.message());
  }
  if (loaded->map->backends_up() == 0) {
    say(log_level::warning, "{}: names no backend that is up, and is not used", path);
    return;
  }
  say(log_level::info, "{}: the last shard map: epoch {}, {} backends", path, loaded->map->epoch(),
      loaded->map->backends().size());
  ++counters_.maps_published;
  router_.publish(std::move(loaded->map));
}

void zk_watcher::save(const shard_map& map) {
  if (options_.saved_map.empty()) return;
  if (const error_code failed = save_map(options_.saved_map, map)) {
    ++counters_.saves_failed;
    say_paced(said_.unsaved, log_level::warning, "{}: the shard map could not be saved: {}",
              options_.saved_map.string(), failed.message());
  }
}

}  // namespace presenter::shard_router
