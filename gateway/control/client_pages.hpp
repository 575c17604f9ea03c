// The admin pages of single clients: who is here, one of them, and the order to close some.
#pragma once

#include <boost/asio/io_context.hpp>
#include <string>

#include "gateway/control/ask_workers.hpp"
#include "gateway/operate/admin_query.hpp"
#include "shard_router/router.hpp"

namespace presenter::gateway {

// Life: the server's; outlived by all that it was given. Confined to: the control thread.
// A worker shows its clients some in each turn of its loop, however many there are.
class client_pages {
 public:
  client_pages(boost::asio::io_context& control, const shard_router::router& shards,
               const worker_list& workers, const std::string& node);

  // See client_listing.hpp.
  void list(const admin_query& query, const json_reply& reply) const;

  // ?tag=TAG → the client as in the list, and {"gateway", "owner": of its key by the map, or null,
  // "tls": null or {"version", "suite", "resumed", "server_name", "alpn", "client_subject"}}. 404:
  // nobody has this tag.
  void show(const admin_query& query, const json_reply& reply) const;

  // ?tag=TAG or ?key=KEY → {"gateway", "closed": how many}. 404: nobody.
  void close(const admin_query& query, const json_reply& reply) const;

 private:
  boost::asio::io_context& control_;
  const shard_router::router& shards_;
  const worker_list& workers_;
  const std::string& node_;
};

}  // namespace presenter::gateway
