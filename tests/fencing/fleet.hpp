// A fleet on a virtual clock: gateways, backends, clients, and a ZooKeeper whose maps reach each of
// them at a time of its own. Gateways decide by the real open_retry, open_waiters and
// stream_handoff, backends by the real ownership, both by real maps; what lies between them is made
// of events. One seed decides everything.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/fencing/fleet_parts.hpp"

namespace presenter::testing {

// Life: one schedule.
class fleet {
 public:
  fleet(std::uint64_t seed, fencing_coverage& seen);
  ~fleet();

  // Everything that happens. False: `finding` says what was wrong.
  bool run();
  const std::string& finding() const { return finding_; }

  // A client that waits may try again: `changed`, or its time has come.
  void wake(sim_client& client, bool changed);

 private:
  using backend_ptr = std::shared_ptr<sim_backend>;

  // --- time and wire
  milliseconds draw_ms(std::size_t least, std::size_t most);
  void after(std::chrono::steady_clock::duration delay, task what);
  // Frames from one to the other arrive in their order.
  void send(const void* from, const void* to, task what);
  // The same, of what a process does and hears: while it stands still, nothing.
  void after_at(sim_backend& backend, std::chrono::steady_clock::duration delay, task what);
  void send_to(sim_gateway& from, sim_backend& backend, task what);
  void find(const std::string& what);

  // --- membership: fleet.cpp
  void change_membership();
  void start_server(const std::string& name);
  void end_process(const std::string& process);
  void leave(std::size_t index);
  void replace(std::size_t index);
  void register_again(const shard_router::backend_entry& entry);
  void remove_entry(const std::string& process);
  std::size_t backends_up() const;
  void publish();
  void deliver(sim_gateway& to, const shard_router::shard_map_ptr& map);
  void deliver(sim_backend& to, const shard_router::shard_map_ptr& map);
  backend_ptr find_process(const std::string& process) const;
  void look_at_the_end();

  // --- what goes wrong: fleet_faults.cpp
  void go_wrong(std::size_t index);
  void crash(std::size_t index);
  void cut_off();
  void cut_off_backend(const backend_ptr& backend, milliseconds time);
  void break_link();
  void stop(const backend_ptr& backend);
  void wake(const backend_ptr& backend);

  // --- backends: fleet_backends.cpp
  void on_open(sim_backend& backend, std::uint64_t stream, sim_open open);
  void decide(sim_backend& backend, std::uint64_t stream, bool is_accepting);
  void hold(sim_backend& backend, std::uint64_t stream, const shard_router::owner_answer& answer);
  void accept(sim_backend& backend, std::uint64_t stream);
  void refuse(sim_backend& backend, std::uint64_t stream, protocol::refuse_reason reason,
              std::int32_t retry_after_ms = 0);
  void on_data(sim_backend& backend, std::uint64_t stream, std::int64_t bytes);
  void take_later(sim_backend& backend, std::uint64_t stream);
  void take(sim_backend& backend, std::uint64_t stream);
  void on_handoff(sim_backend& backend, std::uint64_t stream);
  void give_up(sim_backend& backend, std::uint64_t stream);
  void reset(sim_backend& backend, std::uint64_t stream);
  void on_map(sim_backend& backend);
  void sweep(sim_backend& backend);
  void on_reset(sim_backend& backend, std::uint64_t stream);
  // Its links to that gateway have ended, with the streams up to this one.
  void on_link_end(sim_backend& backend, const sim_gateway& at, std::uint64_t up_to);
  void die(sim_backend& backend, bool in_order);

  // --- gateways, a client and its stream: fleet_gateways.cpp
  void come(sim_client& client);
  void begin_opening(sim_client& client, gateway::open_from from);
  void open(sim_client& client);
  void act(sim_client& client, gateway::open_step step);
  void wait(sim_client& client, bool has_place);
  void on_refused(sim_client& client, std::uint64_t stream, const protocol::refuse_frame& refusal);
  void on_accepted(sim_client& client, std::uint64_t stream);
  void on_stream_reset(sim_client& client, std::uint64_t stream);
  void write(sim_client& client);
  void forward(sim_client& client);
  void let_go(sim_client& client);
  void close(sim_client& client, gateway::close_reason why);

  // --- gateways, streams that change their backend: fleet_moves.cpp
  void on_map(sim_gateway& at);
  void follow_map(sim_client& client);
  void move(sim_client& client);
  void hand_over(sim_client& client);
  void on_checkpoint(sim_client& client, std::uint64_t stream, std::int64_t consumed,
                     std::int64_t unread, bool last);
  void go_on(sim_client& client, std::int64_t from);
  void on_link_end(sim_gateway& at, const std::string& process, bool by_peer);
  void on_link_lost(sim_client& client, bool by_peer);
  void connect(sim_gateway& at, const std::string& process);
  void on_connected(sim_gateway& at, const std::string& process);
  void on_gone(sim_gateway& at, const std::string& process);
  void remove_dead(const sim_gateway& at, const std::string& process);
  void strand(sim_client& client);
  void look_at_stranded(sim_client& client);

  dice draw_;
  const fleet_plan plan_;
  const std::vector<std::string> keys_;
  fencing_coverage& seen_;
  acceptance_book book_;
  application_book applications_;
  gateway::open_retry::random jitter_;
  gateway::handoff_room room_{{.bytes_max = 1'000'000'000, .awaited_max = 1'000'000}};
  std::string finding_;

  sim_time now_{std::chrono::hours{1}};
  std::uint64_t event_number_ = 0;
  std::map<std::pair<sim_time, std::uint64_t>, task> events_;
  std::map<std::pair<const void*, const void*>, sim_time> last_arrival_;

  std::vector<shard_router::backend_entry> entries_;  // what ZooKeeper has
  std::int64_t epoch_ = 100;
  shard_router::shard_map_ptr map_;
  int names_ = 0;
  int instances_ = 0;
  std::vector<backend_ptr> processes_;
  std::vector<std::unique_ptr<sim_gateway>> gateways_;
  std::vector<std::unique_ptr<sim_client>> clients_;
  std::uint64_t streams_ = 0;
};

}  // namespace presenter::testing
