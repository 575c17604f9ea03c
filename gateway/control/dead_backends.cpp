#include "gateway/control/dead_backends.hpp"

#include <algorithm>
#include <utility>

#include "base/paced_log.hpp"
#include "shard_router/shard_map_codec.hpp"
#include "shard_router/zk_paths.hpp"

namespace presenter::gateway {

using boost::system::error_code;
using shard_router::backend_entry;
using shard_router::zk_errc;

namespace {

// Workers repeat what they have seen, and an answer may never come.
constexpr std::chrono::seconds ask_interval{1};

// More than a living process takes to register again.
constexpr std::chrono::minutes removed_remembered{10};

removal_result result_of(error_code failed) {
  if (!failed) return removal_result::removed;
  if (failed == zk_errc::no_node) return removal_result::gone;
  if (failed == zk_errc::bad_version) return removal_result::changed;
  if (failed == zk_errc::no_auth) return removal_result::denied;
  if (failed == zk_errc::connection_loss) return removal_result::away;
  return removal_result::failed;
}

}  // namespace

dead_backends::dead_backends(shard_router::zk_session& session, const shard_router::router& shards,
                             std::size_t workers, std::function<bool()> has_links)
    : session_(session), shards_(shards), workers_(workers), has_links_(std::move(has_links)) {}

bool dead_backends::is_on_the_map(const backend_entry& process) const {
  const auto& map = shards_.current();
  const backend_entry* now = map != nullptr ? map->find(process.name) : nullptr;
  return now != nullptr && is_same_process(*now, process);
}

void dead_backends::forget_gone() {
  std::erase_if(suspects_,
                [this](const auto& each) { return !is_on_the_map(each.second.process); });
  const auto enough = clock::now() - removed_remembered;
  std::erase_if(removed_, [enough](const auto& each) { return each.second < enough; });
}

// An entry without an instance says nothing about which process wrote it.
void dead_backends::on_refused(std::size_t worker, const backend_entry& of) {
  forget_gone();
  if (of.instance.empty() || !is_on_the_map(of)) return;
  suspect& one = suspects_[of.name];
  one.process = of;
  one.is_refused.resize(workers_);
  one.is_refused[worker] = true;
  const auto now = clock::now();
  if (std::ranges::find(one.is_refused, false) != one.is_refused.end() || now < one.ask_after)
    return;
  one.ask_after = now + ask_interval;
  remove(of);
}

void dead_backends::on_link_up(std::size_t worker, const backend_entry& of) {
  const auto known = suspects_.find(of.name);
  if (known != suspects_.end() && is_same_process(known->second.process, of))
    known->second.is_refused[worker] = false;
}

void dead_backends::remove(const backend_entry& process) {
  if (const auto before = removed_.find(process.instance); before != removed_.end()) {
    before->second = clock::now();
    return end(process, removal_result::returned);
  }
  if (!has_links_()) return end(process, removal_result::alone);
  if (session_.state() != shard_router::zk_state::connected)
    return end(process, removal_result::away);
  session_.get_data(shard_router::server_path(process.name),
                    life_.bind([this, process](error_code failed, const std::string& data,
                                               const shard_router::zk_stat& stat) {
                      check(process, failed, data, stat);
                    }));
}

// The version alone does not say whose entry it is: each that is created begins with the same. If
// another process takes the name between the two requests, it is that one that registers again.
void dead_backends::check(const backend_entry& process, error_code failed, const std::string& data,
                          const shard_router::zk_stat& stat) {
  if (failed) return end(process, result_of(failed), failed.message());
  const auto now = shard_router::decode_backend(process.name, data);
  if (!now) return end(process, removal_result::failed, now.error().message());
  if (!is_same_process(*now, process)) return end(process, removal_result::changed);
  session_.remove(shard_router::server_path(process.name), stat.version,
                  life_.bind([this, process](error_code refused) {
                    if (!refused) removed_[process.instance] = clock::now();
                    end(process, result_of(refused), refused ? refused.message() : "");
                  }));
}

void dead_backends::end(const backend_entry& process, removal_result result,
                        const std::string& why) {
  const auto index = static_cast<std::size_t>(result);
  ++counts_[index];
  const bool is_fine = result == removal_result::removed || result == removal_result::gone;
  log_paced(said_[index], is_fine ? spdlog::level::info : spdlog::level::warn,
            "{} has broken its links and refuses connections; its entry {}{}: {}{}{}", process.name,
            session_.chroot(), shard_router::server_path(process.name), name_of(result),
            why.empty() ? "" : ": ", why);
}

}  // namespace presenter::gateway
