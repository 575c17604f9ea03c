// c-ares on an executor: asks /etc/hosts and the servers of /etc/resolv.conf for the addresses of
// names, without a thread. Knows nothing of what is done with them.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/result.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct ares_channeldata;
struct ares_addrinfo;

namespace presenter::net {

using addresses = std::vector<boost::asio::ip::address>;

enum class address_family { v4, v6 };

// Life: held by whoever waits for answers, and let go anywhere but inside a call of c-ares. It then
//   closes its sockets and calls nobody any more. It reads the two files once, when it is made, so
//   it should not be kept for long.
// Confined to: the executor's thread.
// Bounds: one UDP socket for each name server, TCP for answers that are cut short; a question is
//   given up by itself after some seconds.
class dns_channel : public std::enable_shared_from_this<dns_channel> {
 public:
  // Called on the executor, never inside ask().
  using answer = std::function<void(boost::system::error_code, addresses)>;

  // `servers` "address:port,…" in place of those of /etc/resolv.conf; empty: those.
  // errc::name_servers_failed: memory, or nonsense in the files.
  static boost::system::result<std::shared_ptr<dns_channel>> open(
      const boost::asio::any_io_executor& executor, const std::string& servers);

  ~dns_channel();
  dns_channel(const dns_channel&) = delete;
  dns_channel& operator=(const dns_channel&) = delete;

  void ask(const std::string& name, address_family family, answer done);

 private:
  struct question;
  struct watched_socket;

  explicit dns_channel(const boost::asio::any_io_executor& executor);

  static void on_answer(void* context, int status, int timeouts, ares_addrinfo* found);
  static void on_socket(void* context, int socket, int readable, int writable);
  void watch(int socket, bool readable, bool writable);
  void wait(const std::shared_ptr<watched_socket>& socket, bool is_write);
  void process(int readable, int writable);
  void wait_timeout();

  const boost::asio::any_io_executor executor_;
  ares_channeldata* channel_ = nullptr;
  std::map<int, std::shared_ptr<watched_socket>> sockets_;
  boost::asio::steady_timer timer_;
};

}  // namespace presenter::net
