// The demo chat server's logic: couples, who is online, who gets what. Whole packets in, replies
// and deliveries out into the clients' outboxes. It knows no socket: chat_session.hpp moves the
// bytes. With a folder that all chat servers see, clients come from one to the other: README.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "bench/chat_backend/chat_room.hpp"
#include "bench/chat_backend/history_folder.hpp"
#include "bench/chat_backend/outbox.hpp"
#include "bench/chat_backend/packet_codec.hpp"

namespace presenter::chat_backend {

class chat_service;
struct couple;

// One client as the service sees it; its session derives from it.
// Life: the session's; `chat_service::leave` before it ends. Confined to: the service's thread.
class chat_client {
 public:
  chat_client() = default;
  chat_client(const chat_client&) = delete;
  chat_client& operator=(const chat_client&) = delete;
  virtual ~chat_client() = default;

  bool is_authenticated() const { return couple_ != nullptr; }
  outbox& out() { return out_; }

  // What it is for another chat server, without its bytes; until it leaves.
  chat::ClientState state() const;

 private:
  friend class chat_service;
  virtual void on_output() = 0;    // the outbox has something to write
  virtual void on_replaced() = 0;  // the same user came in again: this one is to close

  outbox out_;
  packet_id id_;  // the encoding its last call used; deliveries use the same
  std::string user_;
  couple* couple_ = nullptr;  // the service's, while authenticated
  std::int64_t told_ = 0;     // its outbox has had the couple's messages up to this one
};

struct chat_limits {
  std::size_t history_bytes_per_couple = chat_backend::history_bytes_per_couple;
  // Couples kept in memory: with a full history each this is 12.5 GB, far above what a demo sees.
  // Over it the couple that has been offline longest is forgotten.
  std::size_t couples_max = 100'000;
};

struct chat_counters {
  std::uint64_t clients_online = 0;
  std::uint64_t messages = 0;
  std::uint64_t deliveries = 0;
  // The partner did not read and its outbox was full; it sees the gap in the sequences and can
  // fetch what it lacks.
  std::uint64_t deliveries_skipped = 0;
  std::uint64_t logins_replaced = 0;
  std::uint64_t packets_malformed = 0;
  std::uint64_t couples_forgotten = 0;
  std::uint64_t history_failures = 0;  // a shared history could not be read or written
};

// Life: outlives every session. Confined to: one thread, that of the sessions' io_context.
// Bounds: chat_limits, and outbox_bytes_max per client. Tokens are not checked: it is a demo.
class chat_service {
 public:
  // `shared`: where the histories are, for this server and others; nullptr: only here, in memory.
  explicit chat_service(std::string server_name, chat_limits = {},
                        const history_folder* shared = nullptr);
  ~chat_service();

  // One whole packet without its length. An error means that the client is to be closed once its
  // outbox is written: bad_message for what is not Thrift or not of chat.thrift.
  boost::system::error_code handle_packet(chat_client&, std::span<const std::byte> packet);

  // The client is gone. Harmless when it never authenticated or was replaced.
  void leave(chat_client&);

  // nullptr: clients cannot come from other chat servers, nor go there.
  const history_folder* shared() const { return shared_; }

  // The client comes from another chat server, which left this of it: it gets what it has not been
  // told. Errors: already_connected when its user has come in anew meanwhile, and those of
  // chat_room.
  boost::system::error_code resume(chat_client&, const chat::ClientState&);

  // Another chat server has perhaps added to this couple's history, or to anybody's.
  void on_history_changed(const std::string& couple_id);
  void on_histories_changed();

  const chat_counters& counters() const { return counters_; }

 private:
  void handle(chat_client&, const packet&, const authenticate_call&);
  void handle(chat_client&, const packet&, const send_call&);
  void handle(chat_client&, const packet&, const history_call&);
  void refuse(chat_client&, const packet&, std::string why);
  bool require_authenticated(chat_client&, const packet&);

  couple* find_or_add_couple(const std::string& couple_id);
  void forget_offline_couples();
  static chat_client* online_of(couple&, const std::string& user);
  void join(chat_client&, couple&, const std::string& user);
  boost::system::error_code counted(boost::system::error_code failed);
  void catch_up(couple&);
  void tell(couple&);
  void deliver(chat_client&, const chat::Message&);

  const std::string server_name_;
  const chat_limits limits_;
  const history_folder* const shared_;
  packet_codec codec_;
  std::unordered_map<std::string, std::unique_ptr<couple>> couples_;
  std::list<couple*> offline_;  // longest offline first
  chat_counters counters_;
};

}  // namespace presenter::chat_backend
