#include "base/net/dns_channel.hpp"

#include <ares.h>
#include <netinet/in.h>
#include <sys/time.h>

#include <array>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/net/errc.hpp"

namespace presenter::net {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// The first wait for a server, which doubles with each round of all servers. A dead first server
// costs a second; what resolv.conf says for itself is made for programs that can wait.
constexpr int try_milliseconds = 1'000;
constexpr int tries = 3;

errc errc_of(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
      return errc::name_unknown;
    case ARES_EBADNAME:
      return errc::name_invalid;
    case ARES_ETIMEOUT:
      return errc::lookup_timed_out;
    default:
      return errc::name_servers_failed;
  }
}

addresses addresses_of(const ares_addrinfo* found) {
  addresses all;
  if (found == nullptr) return all;
  for (const ares_addrinfo_node* node = found->nodes; node != nullptr; node = node->ai_next) {
    if (node->ai_family == AF_INET) {
      sockaddr_in v4{};
      std::memcpy(&v4, node->ai_addr, sizeof v4);
      all.emplace_back(asio::ip::address_v4(ntohl(v4.sin_addr.s_addr)));
    } else if (node->ai_family == AF_INET6) {
      sockaddr_in6 v6{};
      std::memcpy(&v6, node->ai_addr, sizeof v6);
      asio::ip::address_v6::bytes_type bytes;
      std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
      all.emplace_back(asio::ip::address_v6(bytes, v6.sin6_scope_id));
    }
  }
  return all;
}

}  // namespace

// Who asked; c-ares keeps its address until it has called on_answer.
struct dns_channel::question {
  asio::any_io_executor executor;
  answer done;
};

// A socket of c-ares', which closes it by itself; `descriptor` only waits for it.
struct dns_channel::watched_socket {
  watched_socket(const asio::any_io_executor& executor, int socket)
      : descriptor(executor, socket) {}
  ~watched_socket() {
    if (descriptor.is_open()) descriptor.release();
  }

  asio::posix::stream_descriptor descriptor;
  std::array<bool, 2> is_wanted{};   // to read, to write
  std::array<bool, 2> is_waiting{};  // likewise
};

dns_channel::dns_channel(const asio::any_io_executor& executor)
    : executor_(executor), timer_(executor) {}

boost::system::result<std::shared_ptr<dns_channel>> dns_channel::open(
    const asio::any_io_executor& executor, const std::string& servers) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  if (library != ARES_SUCCESS) return errc::name_servers_failed;
  const std::shared_ptr<dns_channel> made(new dns_channel(executor));
  ares_options options{};
  options.timeout = try_milliseconds;
  options.tries = tries;
  options.sock_state_cb = &dns_channel::on_socket;
  options.sock_state_cb_data = made.get();
  const int wanted = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  if (ares_init_options(&made->channel_, &options, wanted) != ARES_SUCCESS)
    return errc::name_servers_failed;
  if (!servers.empty() && ares_set_servers_ports_csv(made->channel_, servers.c_str()) != 0)
    return errc::name_servers_failed;
  return made;
}

dns_channel::~dns_channel() {
  if (channel_ != nullptr) ares_destroy(channel_);
}

void dns_channel::ask(const std::string& name, address_family family, answer done) {
  ares_addrinfo_hints hints{};
  hints.ai_family = family == address_family::v4 ? AF_INET : AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  auto asked = std::make_unique<question>(question{executor_, std::move(done)});
  ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &dns_channel::on_answer,
                   asked.release());
  wait_timeout();
}

void dns_channel::on_answer(void* context, int status, int, ares_addrinfo* found) {
  const std::unique_ptr<question> asked(static_cast<question*>(context));
  const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owner(found,
                                                                           &ares_freeaddrinfo);
  if (status == ARES_EDESTRUCTION) return;
  const error_code failed = status == ARES_SUCCESS ? error_code() : errc_of(status);
  asio::post(asked->executor,
             [done = std::move(asked->done), failed, all = addresses_of(found)]() mutable {
               done(failed, std::move(all));
             });
}

// --- sockets

void dns_channel::on_socket(void* context, int socket, int readable, int writable) {
  static_cast<dns_channel*>(context)->watch(socket, readable != 0, writable != 0);
}

void dns_channel::watch(int socket, bool readable, bool writable) {
  if (!readable && !writable) {
    // c-ares closes it next. Waits that have ended already find it so.
    const auto gone = sockets_.extract(socket);
    if (!gone.empty()) gone.mapped()->descriptor.release();
    return;
  }
  auto& watched = sockets_[socket];
  if (watched == nullptr) watched = std::make_shared<watched_socket>(executor_, socket);
  watched->is_wanted = {readable, writable};
  for (const bool is_write : {false, true})
    wait(watched, is_write);
}

void dns_channel::wait(const std::shared_ptr<watched_socket>& socket, bool is_write) {
  if (!socket->is_wanted[is_write] || std::exchange(socket->is_waiting[is_write], true)) return;
  const auto what = is_write ? asio::posix::stream_descriptor::wait_write
                             : asio::posix::stream_descriptor::wait_read;
  socket->descriptor.async_wait(
      what, [weak = weak_from_this(), socket, is_write](error_code failed) {
        const auto self = weak.lock();
        socket->is_waiting[is_write] = false;
        if (failed || self == nullptr || !socket->descriptor.is_open()) return;
        const int number = socket->descriptor.native_handle();
        self->process(is_write ? ARES_SOCKET_BAD : number, is_write ? number : ARES_SOCKET_BAD);
        if (socket->descriptor.is_open()) self->wait(socket, is_write);
      });
}

void dns_channel::process(int readable, int writable) {
  ares_process_fd(channel_, readable, writable);
  wait_timeout();
}

// Until c-ares asks the next server, or once more.
void dns_channel::wait_timeout() {
  timeval left{};
  if (ares_timeout(channel_, nullptr, &left) == nullptr) {
    timer_.cancel();
    return;
  }
  timer_.expires_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
  timer_.async_wait([weak = weak_from_this()](error_code cancelled) {
    const auto self = weak.lock();
    if (self != nullptr && !cancelled) self->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  });
}

}  // namespace presenter::net
