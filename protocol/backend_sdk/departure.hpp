// How a backend goes: it says that it drains, the gateways move its streams away, and when it is
// empty, or has waited long enough, it leaves the map and ends what is left. Begun by a signal or
// by an operator, who may change their mind for as long as it is not empty.
//
//   departure going(io, {&acceptor}, &member, {}, [&io] { io.stop(); });
//   member.on_ordered([&going](auto state) { going.on_ordered(state); });
//   signals.async_wait([&going](auto failed, int) { if (!failed) going.start(); });
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "base/export.hpp"
#include "protocol/backend_sdk/backend.hpp"
#include "protocol/backend_sdk/mux_acceptor.hpp"

namespace presenter::protocol {

struct departure_options {
  // How long the gateways have to move the streams away.
  std::chrono::milliseconds empty_timeout{300'000};
  // How long the streams that are left then may take to end, see mux_acceptor::drain.
  std::chrono::milliseconds drain_deadline{5'000};
};

// Life: shorter than what it was given. Confined to: the thread of its io_context, which is the
// backend's. The acceptors may have other threads; those run until `on_gone`. It is the one that
// drains the acceptors and waits for it.
class PRESENTER_EXPORT departure {
 public:
  // `member` nullptr: there is no map to leave. `on_gone`: nothing is left, the process may end.
  departure(boost::asio::io_context& context, std::vector<mux_acceptor*> acceptors, backend* member,
            departure_options options, std::function<void()> on_gone);
  ~departure();
  departure(const departure&) = delete;
  departure& operator=(const departure&) = delete;

  // The process is to end.
  void start();

  // Somebody has written our state in the map: for backend::on_ordered.
  void on_ordered(shard_router::backend_state state);

 private:
  struct parts;
  std::unique_ptr<parts> parts_;
};

}  // namespace presenter::protocol
