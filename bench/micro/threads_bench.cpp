// A backend of several threads under one name: what it serves with one thread and with two.
// `threads_bench [SECONDS]`. Each message costs the backend some microseconds of computing, as it
// does in a service. The other ends of the links are one more thread, and other programs may be
// running: so it says what each thread serves in a second of its own CPU, which is what it would
// serve on a core of its own.
#include <pthread.h>

#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <list>
#include <memory>
#include <thread>
#include <vector>

#include "protocol/backend_sdk/mux_acceptor.hpp"
#include "protocol/transport/mux_link.hpp"

namespace {

namespace asio = boost::asio;
using namespace presenter::protocol;
using clock_type = std::chrono::steady_clock;

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::microseconds work_per_message{50};
constexpr int links = 32;
constexpr int streams_per_link = 4;

void rethrow(const std::exception_ptr& thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

std::chrono::nanoseconds cpu_time(clockid_t of) {
  timespec time{};
  ::clock_gettime(of, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

// By its CPU: while others have the core, nothing is done.
void work() {
  const auto end = cpu_time(CLOCK_THREAD_CPUTIME_ID) + work_per_message;
  while (cpu_time(CLOCK_THREAD_CPUTIME_ID) < end) {
  }
}

using message_count = std::atomic<std::uint64_t>;

asio::awaitable<void> session(mux_stream stream, message_count& served) {
  std::array<char, 256> bytes;
  for (;;) {
    const auto [ended, n] = co_await stream.async_read_some(asio::buffer(bytes), as_result);
    if (ended) co_return;
    work();
    const auto answer = asio::buffer(bytes, n);
    const auto [failed, sent] = co_await asio::async_write(stream, answer, as_result);
    if (failed) co_return;
    served.fetch_add(1, std::memory_order_relaxed);
  }
}

asio::awaitable<void> serve(mux_acceptor& acceptor, message_count& served) {
  for (;;) {
    auto accepted = co_await acceptor.async_accept(as_result);
    if (std::get<0>(accepted)) co_return;
    asio::co_spawn(acceptor.get_executor(), session(std::move(std::get<1>(accepted)), served),
                   rethrow);
  }
}

// One thread of the backend.
struct worker {
  explicit worker(const asio::ip::tcp::endpoint& endpoint)
      : acceptor(io, endpoint, {.node = "threads", .shares_port = true}) {
    asio::co_spawn(io, serve(acceptor, served), rethrow);
    thread = std::thread([this] { io.run(); });
  }
  std::chrono::nanoseconds cpu() {
    clockid_t clock{};
    ::pthread_getcpuclockid(thread.native_handle(), &clock);
    return cpu_time(clock);
  }
  void begin() {
    served = 0;
    cpu_before = cpu();
  }
  // Of its CPU, since the beginning.
  double messages_per_second() {
    return static_cast<double>(served) / std::chrono::duration<double>(cpu() - cpu_before).count();
  }
  ~worker() {
    asio::post(io, [this] { acceptor.close(); });
    thread.join();
  }

  asio::io_context io{1};
  mux_acceptor acceptor;
  message_count served = 0;
  std::chrono::nanoseconds cpu_before{};
  std::thread thread;
};

// The gateway's end: on each stream a message goes out when the one before has come back.
class pinger final : public mux_link {
 public:
  pinger(link_socket socket, std::uint64_t& answers)
      : mux_link(std::move(socket), options()), answers_(answers) {}

 private:
  struct far_end final : stream_handler {
    explicit far_end(pinger& of) : owner(of) {}
    void ping() { owner.core().submit_data(id, std::as_bytes(std::span("message", 7)), false); }
    void on_accepted() override {}
    void on_refused(const refuse_frame&) override {}
    void on_data(std::span<const std::byte> payload, bool) override {
      owner.core().consumed(id, payload.size());
      ++owner.answers_;
      ping();
    }
    void on_finish() override {}
    void on_writable() override {}
    void on_reset(reset_reason, bool) override {}
    void on_checkpoint(const checkpoint_frame&) override {}
    void on_handoff(const handoff_frame&) override {}
    void on_notice(const notice_frame&) override {}
    void on_link_lost(bool) override {}

    pinger& owner;
    stream_id id;
  };

  static mux_options options() {
    mux_options all;
    all.hello.role = link_role::gateway;
    return all;
  }
  void on_ready(const hello_frame&) override {
    for (int i = 0; i < streams_per_link; ++i) {
      open_frame open;
      open.key = "key";
      far_end& end = ends_.emplace_back(*this);
      end.id = core().open(open, end);
      end.ping();
    }
  }
  stream_handler* on_open(stream_id, const open_frame&) override { return nullptr; }
  void on_go_away(const go_away_frame&) override {}
  void on_can_open() override {}
  void on_closed(boost::system::error_code) override {}

  std::uint64_t& answers_;
  std::list<far_end> ends_;
};

struct rates {
  double by_cpu = 0;  // messages in a second of each thread's CPU, summed
  double by_clock = 0;
};

rates measure(int threads, std::chrono::seconds time) {
  std::list<worker> workers;
  workers.emplace_back(asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  const auto endpoint = workers.front().acceptor.local_endpoint();
  while (workers.size() < static_cast<std::size_t>(threads))
    workers.emplace_back(endpoint);
  asio::io_context io{1};
  std::uint64_t answers = 0;
  std::vector<std::shared_ptr<pinger>> all;
  for (int i = 0; i < links; ++i) {
    link_socket socket(io.get_executor());
    socket.connect(endpoint);
    all.push_back(std::make_shared<pinger>(std::move(socket), answers));
    all.back()->start();
  }
  io.run_for(std::chrono::milliseconds(500));  // until all of them talk
  answers = 0;
  for (worker& each : workers)
    each.begin();
  const auto began = clock_type::now();
  io.run_for(time);
  rates found;
  found.by_clock = static_cast<double>(answers) /
                   std::chrono::duration<double>(clock_type::now() - began).count();
  for (worker& each : workers)
    found.by_cpu += each.messages_per_second();
  for (const auto& link : all)
    link->close({});
  return found;
}

}  // namespace

int main(int count, char** words) {
  const std::chrono::seconds time(count > 1 ? std::atoi(words[1]) : 5);
  const rates one = measure(1, time);
  const rates two = measure(2, time);
  std::printf("CPU: %.0f messages/s of one thread, %.0f of two, %.2f times\n", one.by_cpu,
              two.by_cpu, two.by_cpu / one.by_cpu);
  std::printf("on this machine now: %.0f, %.0f, %.2f times\n", one.by_clock, two.by_clock,
              two.by_clock / one.by_clock);
}
