// The upgrade in place, on the side of the process that is replaced: joins the new program with the
// workers, the pages of [admin] and the service manager.
// See: gateway/upgrade/README.md.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/life_token.hpp"
#include "base/process/child_program.hpp"
#include "gateway/config/config.hpp"
#include "gateway/control/launch.hpp"
#include "gateway/control/upgrade_report.hpp"
#include "gateway/operate/admin_pages.hpp"
#include "gateway/operate/log.hpp"
#include "gateway/upgrade/state_file.hpp"
#include "gateway/worker/worker.hpp"

namespace presenter::gateway {

struct upgrade_parts {
  // Why there can be none now, in words; empty: there can.
  std::function<std::string()> obstacle;
  // Of the process, but for this upgrade's own numbers.
  std::function<process_state()> process;
  // From here on everything is the other process's: no listener is to be answered any more.
  std::function<void()> on_replaced;
};

// Life: the server's; outlives the workers, but for what it asks of them on the control thread.
// Confined to: the control thread.
// An attempt has one end: the commit, from which nothing returns, or fail(), after which everything
// is as it was. No step waits by blocking, but for the start of the new program.
class upgrade_control {
 public:
  using workers = std::vector<std::unique_ptr<worker>>;

  // `name`: of the gateway. All outlive this object.
  upgrade_control(boost::asio::io_context& control, const config& settings, const launch& how,
                  const workers& workers, const std::string& name, upgrade_parts parts);
  ~upgrade_control();

  // This process has just taken another one's place.
  void note_done(const process_state& from);
  // The channel to the empty parent, which is told who takes this process's place; nullptr: there
  // is none.
  void set_parent(const upgrade_channel* parent) { parent_ = parent; }

  // Of [admin].
  void answer(const json_reply& reply) const;
  void order(const admin_query& query, const json_reply& reply);
  void take_signal();

  bool is_under_way() const { return step_ != upgrade_step::idle; }
  // Nothing is left to be done here any more.
  bool is_replaced() const { return step_ == upgrade_step::commit; }
  // The process is to end, say: what is under way is taken back at once.
  void give_up(const std::string& why);

  std::uint64_t count(upgrade_result result) const {
    return counts_[static_cast<std::size_t>(result)];
  }

 private:
  struct wish {
    std::string program;  // empty: as this one was started
    bool is_dry_run = false;
    bool is_confirmed = false;  // clients may be left behind
  };
  // Of a worker; its bytes are secret.
  struct part {
    std::string bytes;
    std::vector<int> descriptors;
    std::size_t clients = 0;
    std::size_t left_behind = 0;

    part() = default;
    part(part&&) = default;
    part& operator=(part&&) = default;
    ~part() { wipe_bytes(bytes); }
  };

  std::string begin(wish wanted);
  void check();
  void on_checked(const child_end& end);
  void survey();
  void on_surveyed();
  void start();
  void settle();
  void wait_moves(steady_time until);
  void let_nobody_in();
  void wait_settled(steady_time until);
  std::int64_t clients_in(std::initializer_list<client_phase> phases) const;
  void freeze();
  static part part_of(worker_state state);
  void on_frozen(std::size_t worker, std::optional<part> made, const std::string& why);
  void hand_over();
  void send_descriptors();
  boost::system::error_code keep_state();
  boost::system::error_code make_state();
  void listen();
  void on_message();
  upgrade_result failure_of_new() const;
  void commit();
  void fail(upgrade_result result, std::string why);
  void finish(upgrade_result result, std::string why);
  void limit(duration time);
  void on_late();

  boost::asio::io_context& control_;
  const config& settings_;
  const launch& launch_;
  const workers& workers_;
  const std::string& name_;
  const upgrade_parts parts_;
  const upgrade_channel* parent_ = nullptr;

  upgrade_step step_ = upgrade_step::idle;
  wish wish_;
  upgrade_report last_;
  std::array<std::uint64_t, upgrade_result_names.size()> counts_{};
  steady_point begun_at_;
  steady_point frozen_at_;  // or began to be
  steady_point written_at_;
  steady_point sent_at_;
  std::optional<child_program> check_;
  std::size_t answers_awaited_ = 0;
  bool is_settling_ = false;  // workers were told to
  std::vector<part> frozen_;
  std::optional<state_file> state_;
  std::vector<int> descriptors_;  // to be handed over, the state's first
  std::size_t descriptors_sent_ = 0;
  upgrade_channel channel_;
  boost::asio::posix::stream_descriptor listening_;  // to channel_, of which it is a copy
  pid_t child_ = -1;
  boost::asio::steady_timer timer_;        // of the step
  boost::asio::steady_timer limit_timer_;  // of the survey, and then from the freeze on
  log_pace said_{100};
  life_token attempt_;  // renewed when what an attempt waits for counts no more
};

}  // namespace presenter::gateway
