#include "gateway/balance/fleet_reports.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/paced_log.hpp"
#include "shard_router/zk_paths.hpp"

namespace presenter::gateway {

using boost::system::error_code;
using shard_router::gateways_path;
using shard_router::zk_errc;
using shard_router::zk_stat;
using shard_router::zk_state;

namespace {

constexpr std::chrono::seconds retry_reports_after{1};

// A report that says the same is written again so often: well within the time after which it would
// count for nothing.
constexpr std::chrono::seconds told_again_after{30};

// Less of a difference moves no weight by as much as its deadband.
constexpr double clients_part_of_news = 0.02;
constexpr double share_of_news = 0.02;

std::string_view child_of(std::string_view path) {
  if (!path.starts_with(gateways_path)) return {};
  path.remove_prefix(gateways_path.size());
  return path.starts_with('/') ? path.substr(1) : std::string_view();
}

}  // namespace

sys_ms steady_now() {
  return sys_ms(std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now().time_since_epoch()));
}

bool is_news(const load_report& told, const load_report& now) {
  const auto clients = static_cast<double>(std::abs(now.clients - told.clients));
  return told.state != now.state || told.addresses != now.addresses ||
         told.clients_max != now.clients_max || told.weight != now.weight ||
         clients > clients_part_of_news * static_cast<double>(told.clients) ||
         std::abs(now.cpu - told.cpu) > share_of_news ||
         std::abs(now.descriptors - told.descriptors) > share_of_news ||
         now.reported_at - told.reported_at >= told_again_after ||
         now.reported_at < told.reported_at;
}

fleet_reports::fleet_reports(shard_router::zk_session& session, std::string name)
    : session_(session),
      name_(std::move(name)),
      path_(shard_router::gateway_path(name_)),
      retry_timer_(session.executor()) {
  session_.add_listener(*this);
  if (session_.state() == zk_state::connected) on_session_state(zk_state::connected);
}

fleet_reports::~fleet_reports() {
  session_.remove_listener(*this);
}

void fleet_reports::on_session_state(zk_state state) {
  // Answers to what is in flight are not waited for: all of it is read anew.
  requests_.renew();
  retry_timer_.cancel();
  is_busy_ = is_listed_ = false;
  if (state != zk_state::connected) return;
  const std::int64_t earlier = std::exchange(session_id_, session_.credentials().session_id);
  if (earlier != session_id_) session_began_ = steady_now();
  for (auto& [name, entry] : entries_)
    entry.is_known = false;
  check();
  list();
}

void fleet_reports::on_node_event(std::string_view path) {
  if (path == gateways_path) return list();
  if (path == path_) check();
  if (const auto found = entries_.find(child_of(path)); found != entries_.end()) read(found->first);
}

// --- our own

void fleet_reports::tell(const load_report& own) {
  const bool is_due = !told_ || is_news(*told_, own);
  wanted_ = own;
  if (is_due) check();
}

// Reads our node, with a watch, and does what is missing; each change is followed by another read.
void fleet_reports::check() {
  if (!wanted_ || session_.state() != zk_state::connected) return;
  is_check_due_ = is_busy_;
  if (std::exchange(is_busy_, true)) return;
  session_.get_data(path_, requests_.bind([this](error_code failed, const std::string& data,
                                                 const zk_stat& stat) {
    is_busy_ = false;
    on_node(failed, data, stat);
    if (is_check_due_) check();
  }));
}

void fleet_reports::on_node(error_code failed, const std::string& data, const zk_stat& stat) {
  if (failed == zk_errc::no_node) return create();
  if (failed) return retry_later(failed);
  if (stat.ephemeral_owner != session_.credentials().session_id) return on_foreign_node(data, stat);
  is_name_taken_ = false;
  if (told_ && data == encode_report(*told_) && !is_news(*told_, *wanted_)) return;
  is_busy_ = true;
  session_.set_data(path_, take_wanted(), stat.version,
                    requests_.bind([this](error_code refused) { after_change(refused); }));
}

// A leftover of an earlier session is replaced, also one of an earlier process of our name. If we
// had the name already, a process that began at another moment is newer than we are: it keeps it.
void fleet_reports::on_foreign_node(const std::string& data, const zk_stat& stat) {
  const auto other = decode_report(name_, data);
  const bool is_own = other && other->started_at == wanted_->started_at;
  if (was_created_ && !is_own) {
    is_name_taken_ = true;
    log_paced(said_.taken, spdlog::level::err,
              "{}{}: another gateway has this name (session {:#x}): set gateway.name. This one is "
              "not in DNS until the other leaves",
              session_.chroot(), path_, stat.ephemeral_owner);
    return;
  }
  is_busy_ = true;
  session_.replace_by_ephemeral(path_, stat.version, take_wanted(),
                                requests_.bind([this](error_code failed) {
                                  was_created_ |= !failed;
                                  after_change(failed);
                                }));
}

void fleet_reports::create() {
  is_name_taken_ = false;
  is_busy_ = true;
  session_.create_ephemeral(path_, take_wanted(), requests_.bind([this](error_code failed) {
    if (failed == zk_errc::no_node) return create_parent();
    was_created_ |= !failed;
    // Somebody else may have made the parent since it was not there to be listed.
    if (!failed && !is_listed_) list();
    after_change(failed);
  }));
}

void fleet_reports::create_parent() {
  session_.create_persistent(std::string(gateways_path), requests_.bind([this](error_code failed) {
    if (failed) return after_change(failed);
    create();
    // Before, there was no list to watch.
    list();
  }));
}

// Done, or somebody else was faster, or nobody knows: the next read will show.
void fleet_reports::after_change(error_code failed) {
  is_busy_ = false;
  const bool is_overtaken = failed == zk_errc::no_node || failed == zk_errc::node_exists ||
                            failed == zk_errc::bad_version;
  if (failed && !is_overtaken) return retry_later(failed);
  check();
}

// What is on its way from now on, whether its answer comes or not.
std::string fleet_reports::take_wanted() {
  told_ = wanted_;
  return encode_report(*told_);
}

// --- others

void fleet_reports::list() {
  if (session_.state() != zk_state::connected) return;
  is_listed_ = false;
  session_.get_children(
      std::string(gateways_path),
      requests_.bind(
          [this](error_code failed, const std::vector<std::string>& names, const zk_stat&) {
            // Our own node makes it, as soon as there is something to tell.
            if (failed == zk_errc::no_node) return;
            if (failed) return retry_later(failed);
            on_list(names);
          }));
}

void fleet_reports::on_list(const std::vector<std::string>& names) {
  is_listed_ = true;
  std::erase_if(entries_, [&](const auto& known) {
    return std::ranges::find(names, known.first) == names.end();
  });
  for (const std::string& name : names) {
    if (entries_.size() >= fleet_gateways_max && !entries_.contains(name)) {
      ++rejected_;
      log_paced(said_.rejected, spdlog::level::warn, "{}{}: more than {} gateways",
                session_.chroot(), gateways_path, fleet_gateways_max);
      return;
    }
    if (!entries_.try_emplace(name).first->second.is_known) read(name);
  }
}

void fleet_reports::read(const std::string& name) {
  session_.get_data(
      shard_router::gateway_path(name),
      requests_.bind([this, name](error_code failed, const std::string& data, const zk_stat& stat) {
        on_read(name, failed, data, stat);
      }));
}

void fleet_reports::on_read(const std::string& name, error_code failed, const std::string& data,
                            const zk_stat& stat) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  if (failed == zk_errc::no_node) {
    entries_.erase(found);  // gone since the list was read
    return;
  }
  if (failed) return retry_later(failed);
  entry& known = found->second;
  known.is_known = true;
  if (std::exchange(known.mzxid, stat.mzxid) == stat.mzxid) return;
  const auto report = decode_report(name, data);
  known.report = report ? std::optional(as_heard(*report, steady_now())) : std::nullopt;
  if (report) return;
  ++rejected_;
  log_paced(said_.rejected, spdlog::level::warn, "{}{} is left out: {}", session_.chroot(),
            shard_router::gateway_path(name), report.error().message());
}

std::vector<load_report> fleet_reports::others() const {
  std::vector<load_report> all;
  for (const auto& [name, entry] : entries_) {
    if (entry.report && (name != name_ || is_name_taken_)) all.push_back(*entry.report);
  }
  return all;
}

std::optional<sys_ms> fleet_reports::complete_since() const {
  const bool is_complete =
      session_.state() == zk_state::connected && is_listed_ &&
      std::ranges::all_of(entries_, [](const auto& known) { return known.second.is_known; });
  return is_complete ? std::optional(session_began_) : std::nullopt;
}

void fleet_reports::retry_later(error_code failed) {
  // After a disconnect the session's return makes us read.
  if (failed != zk_errc::connection_loss)
    log_paced(said_.failures, spdlog::level::warn, "{}{}: {}; trying again", session_.chroot(),
              gateways_path, failed.message());
  retry_timer_.expires_after(retry_reports_after);
  retry_timer_.async_wait(life_.bind([this](error_code cancelled) {
    if (cancelled) return;
    check();
    list();
  }));
}

}  // namespace presenter::gateway
