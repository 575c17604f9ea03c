// mux_link on real TCP sockets over loopback, each test both ways: links that wait by Asio, as the
// SDK's do, and by a loop of the thread's own, as the gateway's do. Everything runs on one
// io_context, so that nothing here waits by the clock: each test runs the loop until what it waits
// for has come.
#include "protocol/transport/mux_link.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "tests/support/frame_script.hpp"
#include "tests/support/io_turns.hpp"

namespace presenter::protocol {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using boost::system::error_code;
using tcp = asio::ip::tcp;
using testing::frame_script;

// The byte that stands at `position` of what `sender` sends.
std::byte byte_at(link_role sender, std::size_t position) {
  return static_cast<std::byte>(position * 7 + position / 253 + static_cast<std::size_t>(sender));
}

class test_link;

// Sends `to_send` bytes and then Finish; checks each byte that comes.
struct bulk_stream : stream_handler {
  bulk_stream(test_link& link_, stream_id id_) : link(link_), id(id_) {}

  void on_accepted() override {}
  void on_refused(const refuse_frame&) override { lost = true; }
  inline void on_data(std::span<const std::byte> payload, bool) override;
  void on_finish() override { finished = true; }
  void on_writable() override { send(); }
  void on_reset(reset_reason, bool) override { lost = true; }
  void on_checkpoint(const checkpoint_frame&) override {}
  void on_handoff(const handoff_frame&) override {}
  void on_notice(const notice_frame&) override {}
  void on_link_lost(bool) override { lost = true; }
  inline void send();

  test_link& link;
  stream_id id;
  std::size_t to_send = 0;
  std::size_t sent = 0;
  std::size_t received = 0;
  std::size_t wrong = 0;
  bool finished = false;
  bool lost = false;
};

class test_link : public mux_link {
 public:
  test_link(link_socket socket, const mux_options& options, std::optional<link_loop> around)
      : mux_link(std::move(socket), options, around), role(options.hello.role) {}
  test_link(link_socket socket, const mux_options& options, mux_link_state state,
            std::optional<link_loop> around)
      : mux_link(std::move(socket), options, std::move(state), around), role(options.hello.role) {}

  bulk_stream& add(stream_id id) {
    return *(streams[id.value] = std::make_unique<bulk_stream>(*this, id));
  }
  bulk_stream& open() {
    bulk_stream& stream = add({core().highest_opened().value + 1});
    open_frame open;
    open.key = "k";
    core().open(open, stream);
    return stream;
  }

  // Received by the system, and not by us.
  int bytes_waiting() {
    int waiting = 0;
    ::ioctl(descriptor, FIONREAD, &waiting);
    return waiting;
  }

  void on_ready(const hello_frame&) override { ready = true; }
  stream_handler* on_open(stream_id id, const open_frame&) override {
    core().accept(id);
    bulk_stream& stream = add(id);
    stream.to_send = reply_bytes;
    asio::post(get_executor(), [self = shared_from_this(), &stream] { stream.send(); });
    return &stream;
  }
  void on_go_away(const go_away_frame&) override {}
  void on_can_open() override {}
  void on_closed(error_code reason) override {
    ++times_closed;
    close_reason = reason;
  }

  const link_role role;
  int descriptor = -1;
  std::map<std::int64_t, std::unique_ptr<bulk_stream>> streams;
  std::size_t reply_bytes = 0;
  bool ready = false;
  int times_closed = 0;
  error_code close_reason;
};

void bulk_stream::on_data(std::span<const std::byte> payload, bool) {
  const link_role sender =
      link.role == link_role::gateway ? link_role::backend : link_role::gateway;
  for (const std::byte byte : payload)
    wrong += byte != byte_at(sender, received++) ? 1 : 0;
  link.core().consumed(id, payload.size());
}

void bulk_stream::send() {
  std::array<std::byte, limits::stream_turn_bytes> piece;
  while (sent < to_send) {
    const std::size_t n = std::min({piece.size(), to_send - sent, link.core().sendable(id)});
    if (n == 0) return link.core().wait_writable(id);
    for (std::size_t i = 0; i < n; ++i)
      piece[i] = byte_at(link.role, sent + i);
    sent += link.core().submit_data(id, std::span(piece).first(n), sent + n < to_send);
  }
  link.core().finish(id);
}

mux_options options_for(link_role role) {
  mux_options options;
  options.hello.role = role;
  options.hello.node = "test";
  return options;
}

// Timers of a few milliseconds: for tests in which a timer has to fire.
mux_options impatient(link_role role) {
  mux_options options = options_for(role);
  options.hello.ping_interval_ms = 4;
  options.dead_after = 30ms;
  options.hello_timeout = 30ms;
  return options;
}

void expect_bulk(const std::shared_ptr<test_link>& link, std::size_t bytes) {
  for (const auto& [id, stream] : link->streams) {
    EXPECT_EQ(stream->received, bytes);
    EXPECT_EQ(stream->wrong, 0U);
    EXPECT_FALSE(stream->lost);
  }
}

bool all_finished(const std::shared_ptr<test_link>& link, std::size_t streams) {
  if (link->streams.size() != streams) return false;
  for (const auto& [id, stream] : link->streams) {
    if (!stream->finished && !stream->lost) return false;
  }
  return true;
}

enum class waits { by_asio, by_poller };

struct MuxLink : ::testing::TestWithParam<waits> {
  MuxLink() {
    polls.start([this] {
      const output_batch::scope scope(output);
      polls.run_batch();
    });
  }

  std::optional<link_loop> around() {
    if (GetParam() == waits::by_asio) return {};
    return link_loop{polls, output};
  }
  std::shared_ptr<test_link> make_link(link_socket socket, const mux_options& options) {
    return std::make_shared<test_link>(std::move(socket), options, around());
  }

  // Another link, which has not started, goes on with what the gateway's is. That one is closed,
  // which the peer cannot see: the socket has another descriptor.
  void change_process() {
    auto state = gateway->freeze();
    ASSERT_TRUE(state && !check(*state));
    partials += state->partial.empty() ? 0 : 1;
    unsent += state->control_in_flight.empty() && state->data_in_flight.empty() ? 0 : 1;
    // Its number is new: the loop has not seen the end of the old one's socket, for it goes on.
    const int copy = state->descriptor =
        ::fcntl(state->descriptor, F_DUPFD_CLOEXEC, numbers_from += 2);
    link_socket socket(loop.get_executor(), tcp::v4(), copy);
    auto next = std::make_shared<test_link>(std::move(socket), options_for(link_role::gateway),
                                            std::move(*state), around());
    next->ready = true;
    next->descriptor = copy;
    for (const auto& [id, stream] : gateway->streams) {
      bulk_stream& moved = next->add({id});
      moved.to_send = stream->to_send;
      moved.sent = stream->sent;
      moved.received = stream->received;
      moved.wrong = stream->wrong;
      moved.finished = stream->finished;
      EXPECT_TRUE(next->core().attach({id}, moved));
    }
    gateway->close({});
    gateway = next;
  }

  // Two connected sockets; `buffer_bytes` 0: as the system has it.
  std::pair<link_socket, link_socket> connected(int buffer_bytes = 0) {
    using acceptor_type = asio::basic_socket_acceptor<tcp, link_executor>;
    acceptor_type acceptor(loop.get_executor());
    acceptor.open(tcp::v4());
    if (buffer_bytes != 0) {
      acceptor.set_option(asio::socket_base::receive_buffer_size(buffer_bytes));
      acceptor.set_option(asio::socket_base::send_buffer_size(buffer_bytes));
    }
    acceptor.bind({asio::ip::address_v4::loopback(), 0});
    acceptor.listen();
    link_socket client(loop.get_executor());
    client.open(tcp::v4());
    if (buffer_bytes != 0) {
      client.set_option(asio::socket_base::receive_buffer_size(buffer_bytes));
      client.set_option(asio::socket_base::send_buffer_size(buffer_bytes));
    }
    client.connect(acceptor.local_endpoint());
    return {std::move(client), acceptor.accept()};
  }

  // Two links, started and ready.
  void link_up(int buffer_bytes = 0, const mux_options& options = options_for(link_role::gateway)) {
    auto [client, server] = connected(buffer_bytes);
    gateway = make_link(std::move(client), options);
    backend = make_link(std::move(server), options_for(link_role::backend));
    gateway->start();
    backend->start();
    run_until([&] { return gateway->ready && backend->ready; });
  }

  // A gateway's link and a bare socket as its peer.
  void link_to_bare_peer(const mux_options& options = options_for(link_role::gateway)) {
    auto [client, server] = connected();
    gateway = make_link(std::move(client), options);
    peer.emplace(std::move(server));
    gateway->start();
  }
  void peer_sends(const std::vector<std::byte>& bytes) { asio::write(*peer, asio::buffer(bytes)); }

  void run_until(const std::function<bool()>& done) { ASSERT_TRUE(tests::run_until(loop, done)); }
  // On so many streams, so many bytes of each in either direction.
  void carry_bulk(std::size_t streams, std::size_t bytes) {
    backend->reply_bytes = bytes;
    for (std::size_t i = 0; i < streams; ++i) {
      bulk_stream& stream = gateway->open();
      stream.to_send = bytes;
      stream.send();
    }
    run_until([&] {
      if (between_turns) between_turns();
      return all_finished(gateway, streams) && all_finished(backend, streams);
    });
    expect_bulk(gateway, bytes);
    expect_bulk(backend, bytes);
  }
  void run_until_closed() {
    run_until([&] { return gateway->times_closed != 0; });
    // Nothing that is left in the loop may close it again.
    loop.restart();
    loop.poll();
    EXPECT_EQ(gateway->times_closed, 1);
  }

  // Closes a link of five streams, which tells two at a time where a loop comes back to it.
  void lose_streams() {
    mux_options options = options_for(link_role::gateway);
    options.streams_lost_at_once = 2;
    link_up(0, options);
    for (int i = 0; i < 5; ++i)
      gateway->open();
    gateway->close(errc::go_away);
  }
  std::ptrdiff_t lost_streams() {
    return std::ranges::count_if(gateway->streams,
                                 [](const auto& each) { return each.second->lost; });
  }

  // Hello has been sent to the bare peer, then a GoAway for `reason`, then the end.
  void expect_peer_told(errc reason) {
    std::vector<std::byte> told(4'096);
    error_code error;
    std::size_t size = 0;
    while (!error)
      size += peer->read_some(asio::buffer(told.data() + size, told.size() - size), error);
    EXPECT_EQ(error, asio::error::eof);
    const auto first = slice_frame(std::span(told).first(size));
    ASSERT_TRUE(first && first->size != 0);
    const auto second = slice_frame(std::span(told).first(size).subspan(first->size));
    ASSERT_TRUE(second && second->size != 0);
    const auto go_away = decode_control(second->body).value();
    EXPECT_EQ(std::get<go_away_frame>(go_away).reason, static_cast<int>(reason));
  }

  void TearDown() override {
    for (const auto& link : {gateway, backend}) {
      if (link != nullptr) link->close({});
    }
    polls.stop();
    loop.restart();
    loop.poll();
    for (const auto& link : {gateway, backend})
      EXPECT_LE(link.use_count(), 2) << "a wait keeps the closed link alive";
  }

  asio::io_context loop{1};
  poller polls{loop};
  output_batch output{
      [this] { asio::post(loop, [this] { const output_batch::scope flushed(output); }); }};
  std::shared_ptr<test_link> gateway;
  std::shared_ptr<test_link> backend;
  std::optional<link_socket> peer;
  std::function<void()> between_turns;
  int numbers_from = 200;
  int partials = 0;  // links that were frozen with part of a frame, and with bytes for the socket
  int unsent = 0;
};

TEST_P(MuxLink, ExchangesHellos) {
  link_up();
  EXPECT_TRUE(gateway->core().can_open());
}

TEST_P(MuxLink, CarriesBulkBothWays) {
  link_up();
  carry_bulk(4, 8 << 20);
}

// Both ends have more to send than the sockets hold, and neither may stop reading for it.
TEST_P(MuxLink, TinySocketBuffersBothWaysDoNotLockUp) {
  link_up(2'048);
  carry_bulk(3, 1 << 20);
}

TEST_P(MuxLink, ManySubmitsOfOneTurnLeaveInOneSend) {
  link_up();
  bulk_stream& stream = gateway->open();
  run_until([&] { return backend->streams.size() == 1; });
  const std::uint64_t sends = gateway->counters().sends;
  const std::array<std::byte, 100> message{};
  for (int i = 0; i < 100; ++i)
    gateway->core().submit_data(stream.id, message, false);
  run_until([&] { return backend->streams.at(1)->received == 10'000; });
  EXPECT_EQ(gateway->counters().sends, sends + 1);
}

TEST_P(MuxLink, PeerClosesInTheMiddleOfAFrame) {
  link_to_bare_peer();
  auto bytes = frame_script().hello(link_role::backend).ping(1).bytes();
  bytes.pop_back();
  peer_sends(bytes);
  run_until([&] { return gateway->ready; });
  bulk_stream& stream = gateway->open();
  peer->shutdown(asio::socket_base::shutdown_send);
  run_until_closed();
  EXPECT_EQ(gateway->close_reason, asio::error::eof);
  EXPECT_TRUE(stream.lost);
}

TEST_P(MuxLink, PeerResetsTheSocket) {
  link_to_bare_peer();
  peer->set_option(asio::socket_base::linger(true, 0));
  peer->close();
  run_until_closed();
  EXPECT_TRUE(gateway->close_reason);
}

TEST_P(MuxLink, PeerClosesAfterGoAway) {
  link_to_bare_peer();
  peer_sends(frame_script().hello(link_role::backend).go_away(0).bytes());
  peer->shutdown(asio::socket_base::shutdown_send);
  run_until_closed();
  EXPECT_FALSE(gateway->close_reason) << gateway->close_reason.message();
}

TEST_P(MuxLink, PeerNeverSaysHello) {
  link_to_bare_peer(impatient(link_role::gateway));
  run_until_closed();
  EXPECT_EQ(gateway->close_reason, errc::hello_timeout);
}

TEST_P(MuxLink, PeerNeverSaysHelloToOneThatHardlyEverPings) {
  mux_options options = impatient(link_role::gateway);
  options.hello.ping_interval_ms = 3'600'000;
  link_to_bare_peer(options);
  run_until_closed();
  EXPECT_EQ(gateway->close_reason, errc::hello_timeout);
}

TEST_P(MuxLink, PeerFallsSilent) {
  link_to_bare_peer(impatient(link_role::gateway));
  peer_sends(frame_script().hello(link_role::backend).bytes());
  run_until_closed();
  EXPECT_EQ(gateway->close_reason, errc::link_timeout);
}

TEST_P(MuxLink, PeerSendsGarbage) {
  link_to_bare_peer();
  peer_sends(frame_script().hello(link_role::backend).raw({0x16, 0x03, 0x01, 0x02}).bytes());
  run_until_closed();
  EXPECT_EQ(gateway->close_reason, errc::frame_oversize);

  expect_peer_told(errc::frame_oversize);
}

// A socket that is closed with unread input sends a RST, which destroys what is on its way.
TEST_P(MuxLink, PeerThatGoesOnSendingIsToldWhyAllTheSame) {
  link_to_bare_peer();
  auto bytes = frame_script().hello(link_role::backend).raw({0x16, 0x03, 0x01, 0x02}).bytes();
  bytes.resize(bytes.size() + 400'000);  // more than one gulp
  peer_sends(bytes);
  run_until_closed();
  peer->shutdown(tcp::socket::shutdown_send);
  expect_peer_told(errc::frame_oversize);
}

TEST_P(MuxLink, TheFirstCloseWins) {
  link_up();
  bulk_stream& stream = gateway->open();
  gateway->close(errc::go_away);
  gateway->close(errc::link_timeout);
  run_until_closed();
  EXPECT_EQ(gateway->close_reason, errc::go_away);
  EXPECT_TRUE(stream.lost);
  run_until([&] { return backend->times_closed == 1; });
}

TEST_P(MuxLink, ClosesFromInsideAHandler) {
  struct closer : bulk_stream {
    using bulk_stream::bulk_stream;
    void on_accepted() override { link.close({}); }
  };
  link_up();
  closer stream(*gateway, {1});
  open_frame open;
  open.key = "k";
  gateway->core().open(open, stream);
  run_until_closed();
  EXPECT_TRUE(stream.lost);
}

TEST_P(MuxLink, TellsSomeStreamsAtATimeThatItIsLost) {
  lose_streams();
  const bool is_at_once = GetParam() == waits::by_asio;
  EXPECT_EQ(lost_streams(), is_at_once ? 5 : 2);
  EXPECT_EQ(gateway->times_closed, is_at_once ? 1 : 0) << "the last that the link says";
  run_until_closed();
  EXPECT_EQ(lost_streams(), 5);
  EXPECT_EQ(gateway->close_reason, errc::go_away);
}

TEST_P(MuxLink, SaysNothingToAStreamThatIsLetGoWhileOthersAreTold) {
  lose_streams();
  for (const auto& [id, stream] : gateway->streams) {
    EXPECT_EQ(gateway->core().sendable({id}), 0U);
    gateway->core().release({id});
  }
  const auto before = lost_streams();
  run_until_closed();
  EXPECT_EQ(lost_streams(), before);
}

TEST_P(MuxLink, HasToldAllStreamsWhenAnotherProcessIsToGoOn) {
  lose_streams();
  EXPECT_FALSE(gateway->freeze());
  EXPECT_EQ(lost_streams(), 5);
  EXPECT_EQ(gateway->times_closed, 1);
  run_until_closed();
}

// More than the sockets hold is waiting when the end is asked for.
TEST_P(MuxLink, CloseAfterOutputLosesNothing) {
  link_up(2'048);
  bulk_stream& stream = gateway->open();
  stream.to_send = 60'000;
  stream.send();
  ASSERT_EQ(stream.sent, 60'000U);
  gateway->core().go_away(0ms);
  gateway->close_after_output(30s);
  run_until_closed();
  EXPECT_FALSE(gateway->close_reason) << gateway->close_reason.message();
  run_until([&] { return backend->times_closed == 1; });
  EXPECT_EQ(backend->streams.at(1)->received, 60'000U);
  EXPECT_TRUE(backend->streams.at(1)->finished);
}

TEST_P(MuxLink, CloseAfterOutputWaitsNoLongerThanItsLinger) {
  link_to_bare_peer();
  gateway->close_after_output(5ms);
  run_until_closed();  // the peer never ends its own direction
}

// --- another process goes on

// Nothing is lost or doubled, whatever is half done.
TEST_P(MuxLink, AnotherLinkGoesOnInTheMiddleOfBulk) {
  link_up(2'048);
  int turns = 0;
  between_turns = [&] {
    if (++turns % 5 != 0) return;
    change_process();
    gateway->start();
  };
  carry_bulk(3, 1 << 18);
  EXPECT_GT(partials, 3);
  EXPECT_GT(unsent, 3);
}

TEST_P(MuxLink, ALinkThatWasFrozenForNothingGoesOn) {
  link_up(2'048);
  between_turns = [&] { gateway->freeze(); };
  carry_bulk(3, 1 << 18);
}

TEST_P(MuxLink, ReadsAndWritesNothingBeforeItStarts) {
  link_up();
  bulk_stream& stream = gateway->open();
  run_until([&] { return backend->streams.size() == 1; });
  change_process();
  gateway->core().go_away(0ms);
  backend->core().submit_data(stream.id, std::array<std::byte, 3>{}, false);
  // Until the bytes have come.
  run_until([&] { return gateway->bytes_waiting() != 0; });
  loop.restart();
  loop.poll();
  EXPECT_EQ(gateway->counters().reads + gateway->counters().sends, 0U);
  gateway->start();
  run_until([&] { return gateway->streams.at(1)->received == 3; });
  run_until([&] { return gateway->counters().sends == 1; });
}

TEST_P(MuxLink, OneThatIsNotUpOrIsBeingClosedIsNotFrozen) {
  link_to_bare_peer();
  EXPECT_FALSE(gateway->freeze()) << "its peer has not said Hello";
  peer_sends(frame_script().hello(link_role::backend).bytes());
  run_until([&] { return gateway->ready; });
  EXPECT_TRUE(gateway->freeze());
  gateway->close_after_output(30s);
  EXPECT_FALSE(gateway->freeze());
}

INSTANTIATE_TEST_SUITE_P(Waits, MuxLink, ::testing::Values(waits::by_asio, waits::by_poller),
                         [](const auto& tested) {
                           return tested.param == waits::by_asio ? "by_asio" : "by_poller";
                         });

}  // namespace
}  // namespace presenter::protocol
