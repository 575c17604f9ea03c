#include "protocol/backend_sdk/departure.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "base/library_log.hpp"
#include "base/life_token.hpp"

namespace presenter::protocol {
namespace asio = boost::asio;

namespace {

// Between two looks whether a stream is left.
constexpr std::chrono::milliseconds look_interval{50};

}  // namespace

struct departure::parts {
  enum class stage { staying, emptying, leaving };

  void start_emptying();
  void look_again();
  void look();
  void on_looked(std::size_t streams);
  void leave();
  void drain();
  void on_drained();

  // `ask` on the thread of each acceptor, then `take` what it returned, here.
  template <class Ask, class Take>
  void of_each(Ask ask, Take take);

  asio::io_context& context;
  std::vector<std::pair<link_executor, std::weak_ptr<acceptor_port>>> acceptors;
  backend* const member;
  const departure_options options;
  std::function<void()> on_gone;
  asio::steady_timer timer;
  stage at = stage::staying;
  bool is_final = false;  // the process is to end
  std::chrono::steady_clock::time_point leave_at = {};
  std::size_t answers_missing = 0;
  std::size_t streams_seen = 0;
  log_pace told = log_pace();  // how many are left
  life_token life = {};
};

departure::departure(asio::io_context& context, std::vector<mux_acceptor*> acceptors,
                     backend* member, departure_options options, std::function<void()> on_gone)
    : parts_(new parts{
          context, {}, member, options, std::move(on_gone), asio::steady_timer(context)}) {
  for (const mux_acceptor* each : acceptors)
    parts_->acceptors.emplace_back(each->get_executor(), each->port());
}

departure::~departure() = default;

void departure::start() {
  parts_->is_final = true;
  if (parts_->at != parts::stage::staying) return;
  // Whom nobody hears, nobody empties.
  if (parts_->member == nullptr || !parts_->member->start_draining()) return parts_->leave();
  parts_->start_emptying();
}

void departure::on_ordered(shard_router::backend_state state) {
  if (parts_->is_final || parts_->at == parts::stage::leaving) return;
  if (state == shard_router::backend_state::draining) return parts_->start_emptying();
  parts_->at = parts::stage::staying;
  parts_->timer.cancel();
}

void departure::parts::start_emptying() {
  if (std::exchange(at, stage::emptying) == stage::emptying) return;
  leave_at = std::chrono::steady_clock::now() + options.empty_timeout;
  look_again();
}

void departure::parts::look_again() {
  timer.expires_after(look_interval);
  timer.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && at == stage::emptying && answers_missing == 0) look();
  });
}

template <class Ask, class Take>
void departure::parts::of_each(Ask ask, Take take) {
  for (const auto& [executor, acceptor] : acceptors) {
    asio::dispatch(executor, [weak = acceptor, ask, home = context.get_executor(),
                              back = life.bind(take)]() mutable {
      ask(weak.lock(), [home, back](std::size_t answer) mutable {
        asio::dispatch(home, [back, answer]() mutable { back(answer); });
      });
    });
  }
}

void departure::parts::look() {
  answers_missing = acceptors.size() + 1;
  streams_seen = 0;
  of_each(
      [](const std::shared_ptr<acceptor_port>& acceptor, auto answer) {
        answer(acceptor ? acceptor->counters().streams_open : std::size_t{0});
      },
      [this](std::size_t streams) { on_looked(streams); });
  on_looked(0);
}

void departure::parts::on_looked(std::size_t streams) {
  streams_seen += streams;
  if (--answers_missing != 0 || at != stage::emptying) return;
  const auto now = std::chrono::steady_clock::now();
  if (streams_seen == 0) {
    say(log_level::info, "drained: no stream is left");
    return leave();
  }
  if (now >= leave_at) {
    say(log_level::warning, "draining has lasted for {} ms: the {} streams that are left end now",
        options.empty_timeout.count(), streams_seen);
    return leave();
  }
  if (told.admit(now)) say(log_level::info, "draining: {} streams are left", streams_seen);
  look_again();
}

// Out of the map first, so that no new stream is on its way while the last ones end.
void departure::parts::leave() {
  at = stage::leaving;
  life.renew();  // what was asked before is of no interest
  if (member == nullptr) return drain();
  member->start_leaving([this] { drain(); });
}

void departure::parts::drain() {
  answers_missing = acceptors.size() + 1;
  of_each(
      [deadline = options.drain_deadline](const std::shared_ptr<acceptor_port>& acceptor,
                                          auto answer) {
        if (!acceptor) return answer(0);
        // Ended by itself or by the deadline: it is over either way.
        auto drained = [answer](boost::system::error_code) mutable { answer(0); };
        initiate_operation<drain_operation, &acceptor_port::wait_drained,
                           &acceptor_port::cancel_drain>(acceptor, drained);
        acceptor->drain(deadline);
      },
      [this](std::size_t) { on_drained(); });
  on_drained();
}

void departure::parts::on_drained() {
  if (--answers_missing != 0) return;
  say(log_level::info, "gone: all links of gateways are closed");
  if (const auto gone = std::exchange(on_gone, nullptr)) gone();
}

}  // namespace presenter::protocol
