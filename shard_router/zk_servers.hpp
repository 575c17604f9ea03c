// Where the servers of ZooKeeper are: their names looked up by us, and given to the C client as
// addresses. By itself it calls getaddrinfo at every turn of its thread, connected or not, and one
// name server that hangs would cost the session.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/net/resolver.hpp"
#include "shard_router/host.hpp"
#include "shard_router/shard_counters.hpp"

namespace presenter::shard_router {

// With commas between, as the C client takes them.
std::string list_of(const std::vector<std::string>& servers);

// Life: the session's. Confined to: the executor's one thread.
class zk_servers {
 public:
  struct found_servers {
    // "10.0.0.1:2181" or "::1:2181", the C client's way to write it; sorted, none twice.
    std::vector<std::string> addresses;
    std::string mistakes;  // "zk1: the name …, zk2: …", of the names without any; empty: none
  };

  // `servers`: "host:port,…", as zk_address has it. `counters` outlives this object.
  zk_servers(const boost::asio::any_io_executor& executor, const std::string& servers,
             shard_counters& counters);

  // False: all are addresses, which never change.
  bool has_names() const { return has_names_; }

  // Called once on the executor, not inside this call: when the last name has its answer, or soon
  // after the first, for one name that hangs must not keep us from the other servers. Not called
  // for a look-up that another has followed, nor when this object has ended.
  void look_up(std::function<void(const found_servers&)> done);

  // `done` is not called any more.
  void cancel() { current_.reset(); }

 private:
  struct look_up_of_all;

  void on_answer(look_up_of_all& look, std::size_t which, const net::resolved_name& name);
  void finish();

  const boost::asio::any_io_executor executor_;
  std::vector<host_port> servers_;
  bool has_names_ = false;
  std::shared_ptr<look_up_of_all> current_;
  net::resolver names_;
};

}  // namespace presenter::shard_router
