#include "shard_router/zk_session.hpp"

#include <zookeeper/zookeeper.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/library_log.hpp"
#include "shard_router/zk_multi.hpp"

namespace presenter::shard_router {
using boost::system::error_code;

namespace {

constexpr std::chrono::minutes away_said_every{1};
// So the servers' names of a session that is away are looked up three times before it expires.
constexpr int looks_per_timeout = 4;

// Of an answer that has nothing more to say.
auto done_only(zk_session::done_handler handler) {
  return [handler = std::move(handler)](error_code failed, const auto&) { handler(failed); };
}

std::string reason_of(int error) {
  if (error == EAGAIN) return "its threads cannot be made (ulimit -u, TasksMax)";
  return std::strerror(error);
}

}  // namespace

struct zk_session::reply {
  std::string data;
  std::vector<std::string> children;
  zk_stat stat;
  std::vector<zk_acl_entry> acl;
};

// Where a request's answer goes. The C library knows it by its address until the answer comes or
// the handle is closed.
struct zk_session::request {
  handle* owner;
  std::function<void(error_code, const reply&)> handler;
  // zoo_amulti writes its results here.
  std::array<zoo_op_t, 2> operations{};
  std::array<zoo_op_result_t, 2> results{};
};

// The way from the C library's threads, and ours that waits for it, to the executor. It is shut
// when the session is closed: one of them may outlive the io_context.
struct zk_session::gate {
  explicit gate(const boost::asio::any_io_executor& to)
      : executor(boost::asio::prefer(to, boost::asio::execution::outstanding_work.tracked)) {}

  template <class Function>
  void post(Function function) {
    const std::lock_guard lock(mutex);
    if (executor) boost::asio::post(*executor, std::move(function));
  }

  void shut() {
    const std::lock_guard lock(mutex);
    executor.reset();
  }

  std::mutex mutex;
  std::optional<boost::asio::any_io_executor> executor;  // guarded by mutex
};

// One zhandle_t and what belongs to it. Late callbacks of a dead handle find `session` empty.
// Life: the session's, until retired; then that of the job which closes the zhandle_t.
struct zk_session::handle : std::enable_shared_from_this<handle> {
  handle(zk_session& owner) : way(owner.gate_), session(&owner) {}

  const std::shared_ptr<gate> way;

  // Written by the blocking thread when it opens, read by the executor's only after that.
  zhandle_t* raw = nullptr;

  // The executor's thread only.
  zk_session* session;
  std::vector<std::string> servers;
  bool is_open = false;
  bool has_identity = false;
  std::unordered_map<const request*, std::unique_ptr<request>> requests;

  void post_reply(const request* which, int rc, reply got) {
    way->post([self = shared_from_this(), which, rc, got = std::move(got)] {
      self->on_reply(which, rc, got);
    });
  }

  // They will have no answer. The C library still calls back for them when it closes.
  void fail_requests() {
    for (const auto& [which, unanswered] : requests)
      way->post(session->life_.bind(
          [handler = std::move(unanswered->handler)] { handler(zk_errc::connection_loss, {}); }));
  }

  void on_reply(const request* which, int rc, const reply& got) {
    const auto node = requests.extract(which);
    if (node.empty() || session == nullptr) return;
    node.mapped()->handler(rc == ZOK ? error_code() : error_code(rc, zk_category()), got);
  }
};

// The C library's callbacks, on its threads: copy, post, return. An answer for which there is no
// memory cannot be left out, nor may its exception unwind the C library: it ends the process.
struct zk_session::callbacks {
  static zk_stat stat_of(const Stat* stat) {
    if (stat == nullptr) return {};
    return {stat->czxid,          stat->mzxid,   stat->pzxid,
            stat->ephemeralOwner, stat->version, stat->aversion};
  }

  static void answer(const void* context, int rc, reply got) noexcept {
    const auto* which = static_cast<const request*>(context);
    which->owner->post_reply(which, rc, std::move(got));
  }

  static void on_done(int rc, const void* context) { answer(context, rc, {}); }
  static void on_created(int rc, const char* path, const void* context) {
    answer(context, rc, {path == nullptr ? "" : path, {}, {}, {}});
  }

  static void on_stat(int rc, const Stat*, const void* context) { answer(context, rc, {}); }
  static void on_data(int rc, const char* value, int size, const Stat* stat, const void* context) {
    // A node without data has size -1.
    const auto bytes = static_cast<std::size_t>(value == nullptr ? 0 : std::max(size, 0));
    answer(context, rc, {std::string(value == nullptr ? "" : value, bytes), {}, stat_of(stat), {}});
  }

  static void on_children(int rc, const String_vector* names, const Stat* stat,
                          const void* context) {
    reply got{{}, {}, stat_of(stat), {}};
    if (names != nullptr) got.children.assign(names->data, names->data + names->count);
    answer(context, rc, std::move(got));
  }

  static void on_acl(int rc, ACL_vector* entries, Stat* stat, const void* context) {
    reply got{{}, {}, stat_of(stat), {}};
    for (int i = 0; entries != nullptr && i < entries->count; ++i) {
      const ACL& entry = entries->data[i];
      got.acl.push_back({entry.id.scheme, entry.id.id, entry.perms});
    }
    answer(context, rc, std::move(got));
  }

  // Where the TCP connection was lost, the identity is sent again with the next one.
  static void on_auth(int rc, const void* context) noexcept {
    if (rc != ZAUTHFAILED) return;
    auto* const owner = const_cast<handle*>(static_cast<const handle*>(context));
    owner->way->post([self = owner->shared_from_this(), rc] {
      if (self->session == nullptr) return;
      say_paced(self->session->said_.identity, log_level::error,
                "ZooKeeper does not take our identity: {}", zerror(rc));
    });
  }

  // Watches and session events; one function for both, because session events go to every watch.
  static void on_event(zhandle_t*, int type, int state, const char* path, void* context) noexcept {
    auto* const owner = static_cast<handle*>(context);
    owner->way->post([self = owner->shared_from_this(), type, state,
                      path = std::string(path == nullptr ? "" : path)] {
      if (self->session == nullptr || !self->is_open) return;
      if (type == ZOO_SESSION_EVENT) return self->session->on_session_event(state);
      const std::size_t stem = self->session->options_.address.chroot.size();
      if (path.size() <= stem) return;
      self->session->each_listener([relative = std::string_view(path).substr(stem)](
                                       zk_listener& each) { each.on_node_event(relative); });
    });
  }

  // Its lines repeat at every attempt while ZooKeeper is away; our own log says it once.
  static void on_log(const char* line) { say(log_level::debug, "zookeeper client: {}", line); }
};

// --- life
//
// zookeeper_init and zookeeper_close may block, so they run on a thread of the session's own, one
// after the other. close() waits for it only so long; the gate drops what comes back later.

zk_session::zk_session(boost::asio::any_io_executor executor, zk_session_options options)
    : executor_(std::move(executor)),
      options_(std::move(options)),
      reopen_timer_(executor_),
      away_timer_(executor_),
      look_timer_(executor_),
      servers_(executor_, options_.address.servers, counters_),
      reopen_backoff_(options_.reopen_min, options_.reopen_max) {}

zk_session::~zk_session() {
  close();
}

void zk_session::start(const zk_credentials& earlier) {
  credentials_ = earlier;
  if (state_ == zk_state::stopped) open();
}

void zk_session::close() {
  life_.renew();
  listeners_.clear();
  reopen_timer_.cancel();
  away_timer_.cancel();
  look_timer_.cancel();
  servers_.cancel();
  retire();
  if (!blocking_.end(close_wait))
    say(log_level::warning, "ZooKeeper at {}: the session's end is not waited for any longer",
        options_.address.servers);
  if (gate_ != nullptr) gate_->shut();
  counters_.connected = false;
  state_ = zk_state::stopped;
}

// --- where the servers are
// The C client looks up names once, in zookeeper_init, and blocks there. So names are looked up
// before, and again while ZooKeeper is away: its servers may have come back at other addresses.

void zk_session::open() {
  say(log_level::debug, "ZooKeeper at {}: opening a session", options_.address.servers);
  set_state(zk_state::connecting);
  servers_.look_up([this](const zk_servers::found_servers& found) {
    tell_unresolved(found.mistakes);
    if (!found.addresses.empty()) return open_at(found.addresses, credentials_);
    ++counters_.open_failures;
    reopen_later();
  });
}

// `earlier`: of the session that goes on; an id of 0: a new one.
void zk_session::open_at(const std::vector<std::string>& servers, const zk_credentials& earlier) {
  if (gate_ == nullptr) gate_ = std::make_shared<gate>(executor_);
  handle_ = std::make_shared<handle>(*this);
  handle_->servers = servers;
  blocking_.post([opened = handle_, list = list_of(servers), earlier,
                  timeout = static_cast<int>(options_.session_timeout.count())] {
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    clientid_t id{};
    id.client_id = earlier.session_id;
    std::ranges::copy(earlier.password, id.passwd);
    int error = EAGAIN;
    // The C client makes two threads for each session, and ends the whole process if it cannot.
    if (can_make_threads(2)) {
      errno = 0;
      opened->raw = zookeeper_init2(list.c_str(), &callbacks::on_event, timeout,
                                    earlier.session_id != 0 ? &id : nullptr, opened.get(), 0,
                                    &callbacks::on_log);
      error = opened->raw != nullptr ? 0 : errno;
    }
    opened->way->post([opened, error] {
      if (opened->session != nullptr) opened->session->on_opened(error);
    });
  });
}

// Says each trouble once until the session is connected; tell_away_after repeats that it is away.
void zk_session::tell_unresolved(const std::string& mistakes) {
  if (mistakes.empty() || mistakes == unresolved_said_) return;
  unresolved_said_ = mistakes;
  say_paced(said_.unresolved, log_level::warning,
            "ZooKeeper at {}: not all of its names can be resolved: {}", options_.address.servers,
            mistakes);
}

// While it is away: its servers may have come back elsewhere.
void zk_session::look_again() {
  if (!servers_.has_names()) return;
  look_timer_.expires_after(options_.session_timeout / looks_per_timeout);
  look_timer_.async_wait(life_.bind([this](error_code failed) {
    if (failed || state_ != zk_state::connecting) return;
    // open() looks them up itself.
    if (handle_ == nullptr || !handle_->is_open) return look_again();
    servers_.look_up([this](const zk_servers::found_servers& found) {
      if (state_ != zk_state::connecting || handle_ == nullptr) return;
      tell_unresolved(found.mistakes);
      move_to(found.addresses);
      look_again();
    });
  }));
}

// The session goes on with another handle of the C client's: zoo_set_servers frees what the
// client's own thread reads (ZOOKEEPER-4699). Closing a handle that is not connected ends no
// session. Fewer addresses are no reason: a name server may tell some of them each time.
void zk_session::move_to(const std::vector<std::string>& servers) {
  const auto is_known = [this](const std::string& each) {
    return std::ranges::find(handle_->servers, each) != handle_->servers.end();
  };
  if (std::ranges::all_of(servers, is_known)) return;
  // It has just found one of the old ones.
  if (zoo_state(handle_->raw) == ZOO_CONNECTED_STATE) return;
  say_paced(said_.moved, log_level::info, "ZooKeeper at {} is at other addresses: {}",
            options_.address.servers, list_of(servers));
  ++counters_.moves;
  handle_->fail_requests();
  retire();
  open_at(servers, credentials_);
}

// --- the state of the session
//
// The C client connects again by itself while the session may still live; only after its expiry a
// new handle is needed. An old handle calls back until it is closed, and is not listened to.

// From here on no callback of this handle reaches anybody. The blocking thread closes it, after
// opening it if it has not come to that yet.
void zk_session::retire() {
  const std::shared_ptr<handle> retired = std::exchange(handle_, nullptr);
  if (retired == nullptr) return;
  retired->session = nullptr;
  // The C library knows the requests until it is closed, so they stay; their handlers go now.
  for (const auto& [known, asked] : retired->requests)
    asked->handler = nullptr;
  blocking_.post([retired] {
    if (retired->raw != nullptr) zookeeper_close(retired->raw);
  });
}

void zk_session::on_opened(int error) {
  if (handle_->raw == nullptr) {
    ++counters_.open_failures;
    say_paced(said_.failures, log_level::warning, "ZooKeeper at {} cannot be used: {}",
              options_.address.servers, reason_of(error));
    retire();
    return reopen_later();
  }
  handle_->is_open = true;
  // Events may have come before, when nobody listened.
  if (is_unrecoverable(handle_->raw) != ZOK) return on_expired();
  if (zoo_state(handle_->raw) == ZOO_CONNECTED_STATE) on_connected();
}

void zk_session::on_session_event(int raw_state) {
  if (raw_state == ZOO_CONNECTED_STATE) return on_connected();
  if (raw_state == ZOO_EXPIRED_SESSION_STATE || raw_state == ZOO_AUTH_FAILED_STATE) {
    return on_expired();
  }
  if (state_ != zk_state::connected) return;
  ++counters_.disconnects;
  say_paced(said_.away, log_level::warning, "ZooKeeper at {} is away; the session waits for it",
            options_.address.servers);
  set_state(zk_state::connecting);
}

void zk_session::on_connected() {
  if (state_ == zk_state::connected) return;
  add_identity();
  const clientid_t* id = zoo_client_id(handle_->raw);
  if (id->client_id != credentials_.session_id) ++counters_.sessions_opened;
  credentials_.session_id = id->client_id;
  granted_timeout_ = std::chrono::milliseconds(zoo_recv_timeout(handle_->raw));
  std::ranges::copy(id->passwd, credentials_.password.begin());
  reopen_backoff_.reset();
  unresolved_said_.clear();
  say_paced(said_.connected, log_level::info, "ZooKeeper at {} is connected, session {:#x}",
            options_.address.servers, id->client_id);
  set_state(zk_state::connected);
}

// The identity goes out before every request that follows. From then on the C client keeps it, and
// sends it first on each TCP connection. It cannot be given sooner: between two attempts to connect
// the C client refuses it.
void zk_session::add_identity() {
  const std::string& identity = options_.digest_auth;
  if (identity.empty() || handle_->has_identity) return;
  const int rc =
      zoo_add_auth(handle_->raw, "digest", identity.data(), static_cast<int>(identity.size()),
                   &callbacks::on_auth, handle_.get());
  // If it was refused, the TCP connection is lost again, and the next one brings us here.
  handle_->has_identity = rc == ZOK;
}

void zk_session::on_expired() {
  ++counters_.sessions_expired;
  say_paced(said_.expired, log_level::warning,
            "ZooKeeper session {:#x} has expired; a new one follows",
            std::exchange(credentials_, {}).session_id);
  retire();
  set_state(zk_state::expired);
  reopen_later();
}

void zk_session::reopen_later() {
  reopen_timer_.expires_after(reopen_backoff_.next());
  reopen_timer_.async_wait(life_.bind([this](error_code failed) {
    if (!failed) open();
  }));
}

void zk_session::set_state(zk_state state) {
  if (state_ == state) return;
  state_ = state;
  counters_.connected = state == zk_state::connected;
  if (state == zk_state::connecting) {
    tell_away_after(options_.session_timeout);
    look_again();
  } else {
    away_timer_.cancel();
    look_timer_.cancel();
  }
  each_listener([state](zk_listener& each) { each.on_session_state(state); });
}

// The C client tries for ever, and says so only in lines that repeat ten times a second.
void zk_session::tell_away_after(std::chrono::milliseconds delay) {
  away_timer_.expires_after(delay);
  away_timer_.async_wait(life_.bind([this](error_code failed) {
    if (failed) return;
    say_paced(said_.silence, log_level::warning, "ZooKeeper at {} does not answer; trying on",
              options_.address.servers);
    tell_away_after(away_said_every);
  }));
}

// --- listeners and requests
//
// Handlers run on the executor, never inside the call that took them, so that a user may ask again
// from inside one. Without a connection a request fails: after a reconnect everybody reads anew.

void zk_session::add_listener(zk_listener& listener) {
  listeners_.push_back(&listener);
}

void zk_session::remove_listener(zk_listener& listener) {
  std::erase(listeners_, &listener);
}

// A listener may add and remove listeners, itself included.
void zk_session::each_listener(const std::function<void(zk_listener&)>& call) {
  for (zk_listener* each : std::vector<zk_listener*>(listeners_)) {
    if (std::ranges::find(listeners_, each) != listeners_.end()) call(*each);
  }
}

template <class Start>
void zk_session::submit(std::function<void(error_code, const reply&)> handler, Start start) {
  if (state_ != zk_state::connected) {
    return boost::asio::post(executor_, life_.bind([handler = std::move(handler)] {
      handler(zk_errc::connection_loss, {});
    }));
  }
  auto made = std::make_unique<request>();
  request& added = *made;
  added.owner = handle_.get();
  added.handler = std::move(handler);
  handle_->requests.emplace(&added, std::move(made));
  int rc = is_unrecoverable(handle_->raw);  // which we may not have heard yet
  if (rc == ZOK) rc = start(handle_->raw, added);
  if (rc != ZOK) handle_->post_reply(&added, rc, {});
}

void zk_session::get_data(const std::string& path, data_handler handler) {
  submit([handler = std::move(handler)](error_code failed,
                                        const reply& got) { handler(failed, got.data, got.stat); },
         [&](zhandle_t* raw, request& added) {
           return zoo_aget(raw, absolute(path).c_str(), 1, &callbacks::on_data, &added);
         });
}

void zk_session::get_children(const std::string& path, children_handler handler,
                              bool leaves_watch) {
  submit([handler = std::move(handler)](
             error_code failed, const reply& got) { handler(failed, got.children, got.stat); },
         [&](zhandle_t* raw, request& added) {
           return zoo_aget_children2(raw, absolute(path).c_str(), leaves_watch ? 1 : 0,
                                     &callbacks::on_children, &added);
         });
}

void zk_session::exists(const std::string& path, done_handler handler) {
  submit(done_only(std::move(handler)), [&](zhandle_t* raw, request& added) {
    return zoo_aexists(raw, absolute(path).c_str(), 1, &callbacks::on_stat, &added);
  });
}

void zk_session::get_acl(const std::string& path, acl_handler handler) {
  submit([handler = std::move(handler)](error_code failed,
                                        const reply& got) { handler(failed, got.acl, got.stat); },
         [&](zhandle_t* raw, request& added) {
           return zoo_aget_acl(raw, absolute(path).c_str(), &callbacks::on_acl, &added);
         });
}

void zk_session::create_private(const std::string& path, const std::string& data,
                                done_handler handler) {
  create(path, data, &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT, done_only(std::move(handler)));
}

void zk_session::create_ephemeral(const std::string& path, const std::string& data,
                                  done_handler handler) {
  create(path, data, acl_of_nodes(), ZOO_EPHEMERAL, done_only(std::move(handler)));
}

void zk_session::create_ephemeral_sequential(const std::string& path, const std::string& data,
                                             created_handler handler) {
  create(path, data, acl_of_nodes(), ZOO_EPHEMERAL | ZOO_SEQUENCE, std::move(handler));
}

void zk_session::create(const std::string& path, const std::string& data, const ACL_vector* acl,
                        int flags, created_handler handler) {
  const std::size_t stem = options_.address.chroot.size();
  submit(
      [stem, handler = std::move(handler)](error_code failed, const reply& got) {
        handler(failed, got.data.size() < stem ? std::string() : got.data.substr(stem));
      },
      [&](zhandle_t* raw, request& added) {
        return zoo_acreate(raw, absolute(path).c_str(), data.data(), static_cast<int>(data.size()),
                           acl, flags, &callbacks::on_created, &added);
      });
}

void zk_session::create_persistent(const std::string& path, done_handler handler) {
  create_from(absolute(path), 1, std::move(handler));
}

const ACL_vector* zk_session::acl_of_nodes() const {
  static std::array<ACL, 2> lines{ACL{ZOO_PERM_READ, ZOO_ANYONE_ID_UNSAFE},
                                  ACL{ZOO_PERM_ALL, ZOO_AUTH_IDS}};
  static const ACL_vector readable{lines.size(), lines.data()};
  return options_.digest_auth.empty() ? &ZOO_OPEN_ACL_UNSAFE : &readable;
}

// Gateways and backends may have identities of their own, and the first of them makes the chroot.
// The others can add to it, but take nothing away.
const ACL_vector* zk_session::acl_of_chroot() const {
  static std::array<ACL, 2> lines{ACL{ZOO_PERM_READ | ZOO_PERM_CREATE, ZOO_ANYONE_ID_UNSAFE},
                                  ACL{ZOO_PERM_ALL, ZOO_AUTH_IDS}};
  static const ACL_vector extendable{lines.size(), lines.data()};
  return options_.digest_auth.empty() ? &ZOO_OPEN_ACL_UNSAFE : &extendable;
}

// `path` up to the first '/' at or after `searched`, then the rest.
void zk_session::create_from(std::string path, std::size_t searched, done_handler handler) {
  const std::size_t end = std::min(path.find('/', searched), path.size());
  const std::string part = path.substr(0, end);
  submit(
      [this, path = std::move(path), end, handler = std::move(handler)](error_code failed,
                                                                        const reply&) {
        if (failed == zk_errc::node_exists) failed.clear();
        if (failed || end == path.size()) return handler(failed);
        create_from(path, end + 1, handler);
      },
      [&](zhandle_t* raw, request& added) {
        const bool is_chroot = part.size() <= options_.address.chroot.size();
        return zoo_acreate(raw, part.c_str(), "", 0, is_chroot ? acl_of_chroot() : acl_of_nodes(),
                           ZOO_PERSISTENT, &callbacks::on_created, &added);
      });
}

void zk_session::set_data(const std::string& path, const std::string& data, std::int32_t version,
                          done_handler handler) {
  submit(done_only(std::move(handler)), [&](zhandle_t* raw, request& added) {
    return zoo_aset(raw, absolute(path).c_str(), data.data(), static_cast<int>(data.size()),
                    version, &callbacks::on_stat, &added);
  });
}

void zk_session::remove(const std::string& path, std::int32_t version, done_handler handler) {
  submit(done_only(std::move(handler)), [&](zhandle_t* raw, request& added) {
    return zoo_adelete(raw, absolute(path).c_str(), version, &callbacks::on_done, &added);
  });
}

void zk_session::set_data_while(const std::string& held, const std::string& path,
                                const std::string& data, done_handler handler) {
  submit(done_only(std::move(handler)), [&](zhandle_t* raw, request& added) {
    zk_multi_paths paths;
    zoo_check_op_init(&added.operations[0], paths.keep(absolute(held)), -1);
    zoo_set_op_init(&added.operations[1], paths.keep(absolute(path)), data.data(),
                    static_cast<int>(data.size()), -1, nullptr);
    return paths.after(zoo_amulti(raw, 2, added.operations.data(), added.results.data(),
                                  &callbacks::on_done, &added));
  });
}

void zk_session::replace_by_ephemeral(const std::string& path, std::int32_t version,
                                      const std::string& data, done_handler handler) {
  submit(done_only(std::move(handler)), [&](zhandle_t* raw, request& added) {
    // The C client serialises both before it returns; only the results are written later.
    zk_multi_paths paths;
    const std::string node = absolute(path);
    zoo_delete_op_init(&added.operations[0], paths.keep(node), version);
    zoo_create_op_init(&added.operations[1], paths.keep(node), data.data(),
                       static_cast<int>(data.size()), acl_of_nodes(), ZOO_EPHEMERAL, nullptr, 0);
    return paths.after(zoo_amulti(raw, 2, added.operations.data(), added.results.data(),
                                  &callbacks::on_done, &added));
  });
}

}  // namespace presenter::shard_router
