// The admin page /top: counters from which whoever asks again makes rates, and who has most. It is
// what /status says and more, so that one question does for a whole screen.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "gateway/control/ask_workers.hpp"
#include "gateway/operate/admin_query.hpp"

namespace presenter::gateway {

// Life: the server's; outlived by all that it was given. Confined to: the control thread.
class top_page {
 public:
  // `status`: what /status says.
  top_page(boost::asio::io_context& control, const worker_list& workers,
           std::function<nlohmann::json()> status);

  // ?count=N → /status, what worker_sums.hpp says, and {"busiest_backends": [{"name", "streams",
  // "links_up", "links_wanted"}], "busiest": [clients as in /clients]}: the N that have most
  // streams, or bytes. N: 0 … 50, and with 0 nobody looks at the clients.
  void answer(const admin_query& query, const json_reply& reply) const;

 private:
  boost::asio::io_context& control_;
  const worker_list& workers_;
  const std::function<nlohmann::json()> status_;
};

}  // namespace presenter::gateway
