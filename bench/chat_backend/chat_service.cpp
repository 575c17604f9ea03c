#include "bench/chat_backend/chat_service.hpp"

#include <thrift/TApplicationException.h>

#include <algorithm>
#include <boost/system/errc.hpp>
#include <type_traits>

namespace presenter::chat_backend {

// A couple's room and those of it who are online; on the offline list iff nobody is.
struct couple {
  couple(std::string couple_id, chat_room its_room)
      : id(std::move(couple_id)), room(std::move(its_room)) {}

  std::string id;
  chat_room room;
  std::vector<chat_client*> online;
  std::list<couple*>::iterator offline_position;
};

namespace {

constexpr std::size_t body_bytes_max = 64 * 1'024;

// One history reply; the packet limit less the fields around each message, which cost_of counts.
constexpr std::size_t history_reply_bytes_max = packet_bytes_max - body_bytes_max;
static_assert(history_reply_bytes_max + body_bytes_max <= packet_bytes_max);

// A delivery around its body: envelope, field headers, sender and numbers.
constexpr std::size_t delivery_overhead_bytes = 128;

template <class T>
constexpr bool is_call = std::is_same_v<T, authenticate_call> || std::is_same_v<T, send_call> ||
                         std::is_same_v<T, history_call>;

}  // namespace

chat::ClientState chat_client::state() const {
  chat::ClientState state;
  if (couple_ != nullptr) state.couple_id = couple_->id;
  state.user_id = user_;
  state.is_compact = id_.encoding == protocol::thrift_encoding::compact;
  state.told = told_;
  return state;
}

chat_service::chat_service(std::string server_name, chat_limits limits,
                           const history_folder* shared)
    : server_name_(std::move(server_name)), limits_(limits), shared_(shared) {}

chat_service::~chat_service() = default;

boost::system::error_code chat_service::handle_packet(chat_client& client,
                                                      std::span<const std::byte> bytes) {
  const auto malformed = boost::system::errc::make_error_code(boost::system::errc::bad_message);
  const auto decoded = codec_.decode(bytes);
  if (!decoded) {
    ++counters_.packets_malformed;
    return malformed;
  }
  client.id_ = decoded->id;
  const auto serve = [&]<class Content>(const Content& content) {
    if constexpr (is_call<Content>) {
      handle(client, *decoded, content);
      return true;
    } else {
      return false;
    }
  };
  if (!std::visit(serve, decoded->content)) {
    ++counters_.packets_malformed;
    const exception_reply unknown{apache::thrift::TApplicationException::UNKNOWN_METHOD,
                                  "no such call: " + decoded->method};
    codec_.encode(decoded->id, decoded->method, unknown, client.out_.back());
    client.on_output();
    return malformed;
  }
  client.on_output();
  return {};
}

void chat_service::refuse(chat_client& client, const packet& call, std::string why) {
  codec_.encode(call.id, call.method, refused_reply{std::move(why)}, client.out_.back());
}

bool chat_service::require_authenticated(chat_client& client, const packet& call) {
  if (client.is_authenticated()) return true;
  refuse(client, call, "authenticate first");
  return false;
}

void chat_service::handle(chat_client& client, const packet& call, const authenticate_call& auth) {
  const chat::AuthRequest& request = auth.request;
  if (client.is_authenticated()) return refuse(client, call, "authenticated already");
  if (request.couple_id.empty() || request.user_id.empty()) {
    return refuse(client, call, "couple_id and user_id must not be empty");
  }
  if (shared_ != nullptr &&
      std::max(request.couple_id.size(), request.user_id.size()) > shared_name_bytes_max) {
    return refuse(client, call, "couple_id or user_id above 60 bytes");
  }
  couple* const found = find_or_add_couple(request.couple_id);
  if (found == nullptr) return refuse(client, call, "too many couples");
  const auto failed = found->room.admit(request.user_id);
  if (failed == boost::system::errc::permission_denied) {
    return refuse(client, call, "not one of this couple");
  }
  if (counted(failed)) return refuse(client, call, "the history cannot be read");
  tell(*found);
  join(client, *found, request.user_id);
  client.told_ = found->room.last_sequence();
  authenticate_reply reply;
  reply.result.server = server_name_;
  reply.result.last_sequence = client.told_;
  if (shared_ != nullptr) reply.result.__set_history(std::string(shared_history_name));
  codec_.encode(call.id, reply, client.out_.back());
}

void chat_service::handle(chat_client& client, const packet& call, const send_call& send) {
  if (!require_authenticated(client, call)) return;
  if (send.body.size() > body_bytes_max) {
    return refuse(client, call, "body above 65,536 bytes");
  }
  couple& pair = *client.couple_;
  const auto sequence = pair.room.append(client.user_, send.client_id, send.body);
  if (counted(sequence.error())) return refuse(client, call, "the history cannot be written");
  ++counters_.messages;
  // To the sender as well, what its partner has written at another server in front of it.
  tell(pair);
  codec_.encode(call.id, send_reply{*sequence}, client.out_.back());
}

void chat_service::handle(chat_client& client, const packet& call, const history_call& ask) {
  if (!require_authenticated(client, call)) return;
  const auto limit = static_cast<std::size_t>(std::clamp(ask.limit, 0, history_messages_max));
  auto found = client.couple_->room.after(ask.after, limit, history_reply_bytes_max);
  if (counted(found.error())) return refuse(client, call, "the history cannot be read");
  codec_.encode(call.id, history_reply{std::move(*found)}, client.out_.back());
}

boost::system::error_code chat_service::counted(boost::system::error_code failed) {
  if (failed) ++counters_.history_failures;
  return failed;
}

void chat_service::on_history_changed(const std::string& couple_id) {
  const auto known = couples_.find(couple_id);
  if (known != couples_.end()) catch_up(*known->second);
}

void chat_service::on_histories_changed() {
  for (const auto& [id, pair] : couples_)
    catch_up(*pair);
}

// Who is not online reads it when somebody comes.
void chat_service::catch_up(couple& pair) {
  if (pair.online.empty()) return;
  counted(pair.room.update());
  tell(pair);
}

// What each has not had yet of the room. Its own messages it knows by the answers.
void chat_service::tell(couple& pair) {
  for (chat_client* const client : pair.online) {
    counted(pair.room.visit_after(client->told_, [&](const chat::Message& message) {
      client->told_ = message.sequence;
      if (message.sender != client->user_) deliver(*client, message);
      return true;
    }));
  }
}

void chat_service::deliver(chat_client& client, const chat::Message& message) {
  if (!client.out_.has_room_for(message.body.size() + message.sender.size() +
                                delivery_overhead_bytes)) {
    ++counters_.deliveries_skipped;
    return;
  }
  codec_.encode_deliver({client.id_.encoding, 0}, message, client.out_.back());
  ++counters_.deliveries;
  client.on_output();
}

couple* chat_service::find_or_add_couple(const std::string& couple_id) {
  const auto known = couples_.find(couple_id);
  if (known != couples_.end()) return known->second.get();
  if (couples_.size() >= limits_.couples_max) forget_offline_couples();
  if (couples_.size() >= limits_.couples_max) return nullptr;
  std::optional<history_file> file;
  if (shared_ != nullptr) file.emplace(shared_->file_of(couple_id), codec_);
  chat_room room(limits_.history_bytes_per_couple, std::move(file));
  auto added = std::make_unique<couple>(couple_id, std::move(room));
  added->offline_position = offline_.insert(offline_.end(), added.get());
  return couples_.emplace(couple_id, std::move(added)).first->second.get();
}

void chat_service::forget_offline_couples() {
  while (couples_.size() >= limits_.couples_max && !offline_.empty()) {
    const std::string oldest = offline_.front()->id;
    offline_.pop_front();
    couples_.erase(oldest);
    ++counters_.couples_forgotten;
  }
}

chat_client* chat_service::online_of(couple& pair, const std::string& user) {
  const auto same_user = [&](const chat_client* other) { return other->user_ == user; };
  const auto found = std::ranges::find_if(pair.online, same_user);
  return found == pair.online.end() ? nullptr : *found;
}

boost::system::error_code chat_service::resume(chat_client& client,
                                               const chat::ClientState& state) {
  client.id_.encoding =
      state.is_compact ? protocol::thrift_encoding::compact : protocol::thrift_encoding::binary;
  if (state.couple_id.empty()) return {};
  couple* const found = find_or_add_couple(state.couple_id);
  if (found == nullptr) return make_error_code(boost::system::errc::not_enough_memory);
  // Whoever has authenticated here has done so after the one who comes, and is the one to stay.
  if (online_of(*found, state.user_id) != nullptr) {
    return make_error_code(boost::system::errc::already_connected);
  }
  if (const auto failed = counted(found->room.update())) return failed;
  join(client, *found, state.user_id);
  client.told_ = state.told;
  tell(*found);
  return {};
}

void chat_service::join(chat_client& client, couple& pair, const std::string& user) {
  if (chat_client* const replaced = online_of(pair, user)) {
    ++counters_.logins_replaced;
    leave(*replaced);
    replaced->on_replaced();
  }
  if (pair.online.empty()) offline_.erase(pair.offline_position);
  pair.online.push_back(&client);
  client.couple_ = &pair;
  client.user_ = user;
  ++counters_.clients_online;
}

void chat_service::leave(chat_client& client) {
  if (client.couple_ == nullptr) return;
  couple& pair = *client.couple_;
  client.couple_ = nullptr;
  std::erase(pair.online, &client);
  --counters_.clients_online;
  if (pair.online.empty()) pair.offline_position = offline_.insert(offline_.end(), &pair);
}

}  // namespace presenter::chat_backend
