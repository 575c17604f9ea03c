#include "gateway/tls/detached_session.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace presenter::gateway {
namespace {

tls_status status_of(socket_status status) {
  switch (status) {
    case socket_status::ok:
      return tls_status::ok;
    case socket_status::blocked:
      return tls_status::want_read;
    case socket_status::ended:
      return tls_status::truncated;
    case socket_status::failed:
      return tls_status::reset;
  }
  return tls_status::reset;
}

}  // namespace

// --- another process goes on

tls_channel_state detached_session::freeze(const client_socket& socket) const {
  tls_channel_state state;
  state.records = records_.state();
  state.input.append(socket.input());
  state.unsent.append(unsent_.bytes());
  state.plaintext_waiting = plaintext_waiting_;
  state.plaintext = plaintext_;
  state.forgiven_at = forgiven_at_;
  state.is_partial = is_partial_;
  state.has_failed = socket.has_failed();
  return state;
}

boost::system::error_code detached_session::adopt(tls_channel_state& state, client_socket& socket) {
  auto records = tls_records::adopt(state.records);
  if (!records) return records.error();
  const bool is_sound = state.plaintext <= state.input.size() &&
                        state.input.size() <= receive_buffer::bytes_max &&
                        state.plaintext_waiting <= tls_io::write_bytes_max;
  if (!is_sound) return tls_errc::state_invalid;
  start(std::move(*records));
  socket.adopt(std::move(state.input), state.has_failed);
  unsent_ = std::move(state.unsent);
  plaintext_waiting_ = state.plaintext_waiting;
  plaintext_ = state.plaintext;
  forgiven_at_ = state.forgiven_at;
  is_partial_ = state.is_partial;
  return {};
}

// --- reading

tls_result detached_session::read(std::span<std::byte> into, client_socket& socket) {
  std::size_t done = 0;
  while (done != into.size()) {
    if (plaintext_ != 0) {
      done += take_plaintext(into.subspan(done), socket);
      continue;
    }
    // What is here already goes along; nobody waits for more.
    if (done != 0 && (socket.input().empty() || is_partial_)) break;
    if (records_.is_read_closed()) {
      if (done != 0) break;
      return {tls_status::finished, 0};
    }
    if (io_.share.is_used_up()) {
      if (done != 0) break;
      return {tls_status::again, 0};
    }
    const tls_result next = next_record(into.subspan(done), socket);
    if (next.status != tls_status::ok) {
      if (done != 0) break;  // found again by the next call
      send_end_alert(next.status, socket);
      return next;
    }
    done += next.n;
  }
  return {tls_status::ok, done};
}

// One record without data a second: more in a row than tls_limits has are a flood only if they come
// faster.
void detached_session::forgive() {
  if (forgiven_at_ == io_.seconds) return;
  records_.forgive(io_.seconds - forgiven_at_);
  forgiven_at_ = io_.seconds;
}

tls_result detached_session::next_record(std::span<std::byte> into, client_socket& socket) {
  forgive();
  const auto opened = records_.open(socket.input(), io_.crypto);
  io_.share.spend(turn_share::record_cost + (opened ? opened->taken : 0));
  if (!opened) return {tls_status::violation, 0};
  switch (opened->event) {
    case tls_event::need_more: {
      const tls_status status = status_of(socket.receive());
      is_partial_ = status != tls_status::ok && !socket.input().empty();
      return {status, 0};
    }
    case tls_event::plaintext: {
      const auto plaintext = opened->plaintext;
      if (plaintext.size() <= into.size()) {
        std::memcpy(into.data(), plaintext.data(), plaintext.size());
        socket.take(opened->taken);
        return {tls_status::ok, plaintext.size()};
      }
      // Up against what follows it, so that the input stays in one piece.
      socket.take(opened->taken - plaintext.size());
      std::memmove(socket.input().data(), plaintext.data(), plaintext.size());
      plaintext_ = static_cast<std::uint32_t>(plaintext.size());
      return {tls_status::ok, take_plaintext(into, socket)};
    }
    case tls_event::hello:
      socket.take(opened->taken);
      refuse_hello(socket);
      break;
    case tls_event::nothing:
    case tls_event::key_update:
    case tls_event::close_notify:
      socket.take(opened->taken);
      break;
  }
  return {tls_status::ok, 0};
}

std::size_t detached_session::take_plaintext(std::span<std::byte> into, client_socket& socket) {
  const std::size_t n = std::min<std::size_t>(into.size(), plaintext_);
  std::memcpy(into.data(), socket.input().data(), n);
  socket.take(n);
  plaintext_ -= static_cast<std::uint32_t>(n);
  return n;
}

// RFC 5246 §7.2.2: a warning, and the session goes on as it was. Who does not even take what waits
// already needs no answer; nothing is kept for it.
void detached_session::refuse_hello(client_socket& socket) {
  if (unsent_.empty()) send_alert(tls_alert::no_renegotiation, socket);
}

// A cut gets the alert that OpenSSL has for it: a record is missing.
void detached_session::send_end_alert(tls_status status, client_socket& socket) {
  std::optional<tls_alert> alert;
  if (status == tls_status::truncated) alert = tls_alert::decode_error;
  if (const auto failure = records_.failure()) alert = alert_of(*failure);
  if (alert) send_alert(*alert, socket);
}

bool detached_session::has_input(const client_socket& socket) const {
  return plaintext_ != 0 || socket.may_receive() || (!socket.input().empty() && !is_partial_);
}

// --- writing

tls_result detached_session::write(std::span<const std::byte> bytes, client_socket& socket) {
  if (const tls_status status = flush(socket); status != tls_status::ok) return {status, 0};
  if (plaintext_waiting_ == 0) {
    const auto plaintext = bytes.first(std::min(bytes.size(), tls_io::write_bytes_max));
    const auto size = records_.seal(plaintext, room(), io_.crypto);
    if (!size) return {tls_status::reset, 0};
    plaintext_waiting_ = static_cast<std::uint32_t>(plaintext.size());
    if (const tls_status status = send(room().first(*size), socket); status != tls_status::ok) {
      return {status, 0};
    }
  }
  return {tls_status::ok, std::exchange(plaintext_waiting_, 0)};
}

tls_status detached_session::finish(client_socket& socket) {
  if (const tls_status status = flush(socket); status != tls_status::ok) return status;
  if (records_.is_write_closed()) return tls_status::ok;
  const auto size = records_.seal_alert(tls_alert::close_notify, room(), io_.crypto);
  if (!size) return tls_status::reset;
  return send(room().first(*size), socket);
}

void detached_session::send_alert(tls_alert alert, client_socket& socket) {
  const auto size = records_.seal_alert(alert, room(), io_.crypto);
  if (!size) return;
  const auto record = room().first(*size);
  if (unsent_.empty()) {
    send(record, socket);
  } else {
    unsent_.append(record);
  }
}

tls_status detached_session::flush(client_socket& socket) {
  while (!unsent_.empty()) {
    std::size_t sent = 0;
    const socket_status status = socket.send(unsent_.bytes(), sent);
    unsent_.consume(sent);
    if (status == socket_status::blocked) return tls_status::want_write;
    if (status != socket_status::ok) return tls_status::reset;
  }
  unsent_.release();
  return tls_status::ok;
}

// Sends now what the socket takes, and keeps the rest.
tls_status detached_session::send(std::span<const std::byte> records, client_socket& socket) {
  std::size_t sent = 0;
  const socket_status status = socket.send(records, sent);
  if (status == socket_status::failed) return tls_status::reset;
  if (sent == records.size()) return tls_status::ok;
  unsent_.append(records.subspan(sent));
  return flush(socket);
}

}  // namespace presenter::gateway
