// Reading from a stream: buffering, credit, end of input, cancellation, deadline.
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/strand.hpp>

#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::protocol::test {
namespace {

using StreamRead = sdk_fixture;

TEST_F(StreamRead, KnowsItsClient) {
  start();
  gateway->open("couple-9");
  const mux_stream stream = accept();
  EXPECT_EQ(stream.info().key, "couple-9");
  EXPECT_EQ(stream.info().map_epoch, 7);
  EXPECT_EQ(stream.info().client_address, "192.0.2.1");
  EXPECT_EQ(stream.info().client_port, 40'000);
  EXPECT_EQ(stream.info().tls.version, "TLSv1.3");
  EXPECT_EQ(stream.info().tag, "gw1/couple-9");
}

TEST_F(StreamRead, GivesWhatCameBeforeAcceptAndWhatComesLater) {
  start();
  auto& far = gateway->open();
  far.send("early");
  mux_stream stream = accept();
  std::string text;
  EXPECT_EQ(read_some(stream, text, 3).bytes, 3U);
  EXPECT_EQ(text, "ear");
  read_some(stream, text, 100);
  EXPECT_EQ(text, "ly");

  outcome later;
  std::string buffer(100, ' ');
  stream.async_read_some(asio::buffer(buffer), into(later));
  run_until_quiet(io);
  EXPECT_FALSE(later.done);
  far.send("late");
  EXPECT_EQ(wait(later).bytes, 4U);
  EXPECT_EQ(buffer.substr(0, 4), "late");
  EXPECT_TRUE(far.accepted);
}

TEST_F(StreamRead, NeverCompletesInsideTheInitiatingCall) {
  start();
  gateway->open().send("ready");
  mux_stream stream = accept();
  ASSERT_TRUE(run_until(io, [&] { return stream.available() == 5; }));
  outcome full, empty, written;
  char bytes[8];
  stream.async_read_some(asio::buffer(bytes), into(full));
  EXPECT_FALSE(full.done);
  EXPECT_EQ(wait(full).bytes, 5U);
  stream.async_read_some(asio::mutable_buffer(), into(empty));
  EXPECT_FALSE(empty.done);
  wait(empty);
  EXPECT_FALSE(empty.error);
  stream.async_write_some(asio::const_buffer(), into(written));
  EXPECT_FALSE(written.done);
  wait(written);
  EXPECT_FALSE(written.error);
  EXPECT_EQ(written.bytes, 0U);
}

TEST_F(StreamRead, UnreadInputHoldsOneWindowAndStopsOnlyItsOwnSender) {
  acceptor_options options;
  options.stream_window_bytes = 10'000;
  start(options);
  auto& slow = gateway->open("slow");
  mux_stream unread = accept();
  auto& quick = gateway->open("quick");
  mux_stream other = accept();

  const std::string all = pattern(35'000);
  slow.send(all);
  quick.send("still here");
  ASSERT_TRUE(run_until(io, [&] { return unread.available() == 10'000; }));
  run_until_quiet(io);
  EXPECT_EQ(unread.available(), 10'000U);
  EXPECT_EQ(slow.unsent(), 25'000U);
  std::string text;
  read_some(other, text, 100);
  EXPECT_EQ(text, "still here");

  std::string received(all.size(), ' ');
  outcome read;
  asio::async_read(unread, asio::buffer(received), into(read));
  EXPECT_EQ(wait(read).bytes, all.size());
  EXPECT_TRUE(received == all);
}

TEST_F(StreamRead, CreditComesBackAsTheApplicationReadsAndNotBefore) {
  acceptor_options options;
  options.stream_window_bytes = 8'000;
  start(options);
  auto& far = gateway->open();
  mux_stream stream = accept();
  far.send(pattern(8'000 + 3'000));
  ASSERT_TRUE(run_until(io, [&] { return stream.available() == 8'000; }));
  run_until_quiet(io);
  EXPECT_EQ(far.unsent(), 3'000U);

  std::string text;
  read_some(stream, text, 1'000);  // below a quarter of the window: nothing is granted yet
  run_until_quiet(io);
  EXPECT_EQ(far.unsent(), 3'000U);
  read_some(stream, text, 2'000);
  ASSERT_TRUE(run_until(io, [&] { return far.unsent() == 0; }));
  EXPECT_EQ(gateway->core().sendable(far.id), 0U);
}

TEST_F(StreamRead, InputBeforeFinishIsReadLateThenEof) {
  start();
  auto& far = gateway->open();
  mux_stream stream = accept();
  far.send("last words");
  far.finish();
  run_until_quiet(io);
  std::string text;
  read_some(stream, text, 4);
  EXPECT_EQ(text, "last");
  read_some(stream, text, 100);
  EXPECT_EQ(text, " words");
  EXPECT_EQ(read_some(stream, text, 100).error, asio::error::eof);
  EXPECT_EQ(read_some(stream, text, 100).error, asio::error::eof);
  EXPECT_EQ(write_some(stream, "answer").bytes, 6U);
  ASSERT_TRUE(run_until(io, [&] { return far.received == "answer"; }));
}

TEST_F(StreamRead, WaitingReadSeesFinishAtOnce) {
  start();
  auto& far = gateway->open();
  mux_stream stream = accept();
  char byte;
  outcome read;
  stream.async_read_some(asio::buffer(&byte, 1), into(read));
  run_until_quiet(io);
  far.finish();
  EXPECT_EQ(wait(read).error, asio::error::eof);
}

TEST_F(StreamRead, EveryCancellationTypeEndsItAndLosesNothing) {
  using asio::cancellation_type;
  start();
  auto& far = gateway->open();
  mux_stream stream = accept();
  for (const auto type : {cancellation_type::terminal, cancellation_type::partial,
                          cancellation_type::total, cancellation_type::all}) {
    asio::cancellation_signal signal;
    outcome read;
    std::string buffer(10, ' ');
    stream.async_read_some(asio::buffer(buffer),
                           asio::bind_cancellation_slot(signal.slot(), into(read)));
    signal.emit(cancellation_type::none);
    run_until_quiet(io);
    EXPECT_FALSE(read.done);
    signal.emit(type);
    EXPECT_FALSE(read.done);
    EXPECT_EQ(wait(read).error, asio::error::operation_aborted);
    signal.emit(type);  // nobody is listening any more

    far.send("kept");
    ASSERT_TRUE(run_until(io, [&] { return stream.available() == 4; }));
    std::string text;
    EXPECT_EQ(read_some(stream, text, 10).bytes, 4U);
    EXPECT_EQ(text, "kept");
  }
}

TEST_F(StreamRead, CancellationAfterTheBytesCameIsTooLate) {
  start();
  auto& far = gateway->open();
  far.send("won");
  mux_stream stream = accept();
  ASSERT_TRUE(run_until(io, [&] { return stream.available() == 3; }));
  asio::cancellation_signal signal;
  outcome read;
  char bytes[3];
  stream.async_read_some(asio::buffer(bytes),
                         asio::bind_cancellation_slot(signal.slot(), into(read)));
  signal.emit(asio::cancellation_type::all);
  stream.cancel();
  wait(read);
  EXPECT_FALSE(read.error);
  EXPECT_EQ(read.bytes, 3U);
}

TEST_F(StreamRead, DeadlineEndsWhatWaitsAndWhatBeginsLaterUntilItIsMoved) {
  start();
  auto& far = gateway->open();
  mux_stream stream = accept();
  char bytes[10];
  outcome read;
  stream.async_read_some(asio::buffer(bytes), into(read));
  stream.expires_after(std::chrono::milliseconds(20));
  EXPECT_EQ(wait(read).error, asio::error::timed_out);

  far.send("kept");
  ASSERT_TRUE(run_until(io, [&] { return stream.available() == 4; }));
  std::string text;
  EXPECT_EQ(read_some(stream, text, 10).error, asio::error::timed_out);
  EXPECT_EQ(write_some(stream, "x").error, asio::error::timed_out);
  stream.expires_never();
  EXPECT_EQ(read_some(stream, text, 10).bytes, 4U);
}

TEST_F(StreamRead, LaterDeadlineReplacesAnEarlierOne) {
  start();
  auto& far = gateway->open();
  mux_stream stream = accept();
  char bytes[10];
  outcome read;
  stream.expires_after(std::chrono::milliseconds(1));
  stream.async_read_some(asio::buffer(bytes), into(read));
  stream.expires_after(std::chrono::hours(1));
  const auto early = std::chrono::steady_clock::now() + std::chrono::milliseconds(5);
  ASSERT_TRUE(run_until(io, [&] { return std::chrono::steady_clock::now() >= early; }));
  EXPECT_FALSE(read.done);
  far.send("x");
  EXPECT_EQ(wait(read).bytes, 1U);
}

// Counts what goes through it.
template <class T>
struct counting_allocator {
  using value_type = T;
  explicit counting_allocator(int& count_) : count(&count_) {}
  template <class U>
  counting_allocator(const counting_allocator<U>& other) : count(other.count) {}
  T* allocate(std::size_t n) {
    ++*count;
    return std::allocator<T>().allocate(n);
  }
  void deallocate(T* memory, std::size_t n) { std::allocator<T>().deallocate(memory, n); }
  template <class U>
  bool operator==(const counting_allocator<U>& other) const {
    return count == other.count;
  }
  int* count;
};

TEST_F(StreamRead, HonoursExecutorAndAllocatorOfTheHandler) {
  start();
  auto& far = gateway->open();
  mux_stream stream = accept();
  auto strand = asio::make_strand(io);
  int allocations = 0;
  bool on_strand = false;
  char bytes[10];
  stream.async_read_some(
      asio::buffer(bytes),
      asio::bind_allocator(counting_allocator<void>(allocations),
                           asio::bind_executor(strand, [&](error_code, std::size_t) {
                             on_strand = strand.running_in_this_thread();
                           })));
  EXPECT_GE(allocations, 1);
  far.send("x");
  EXPECT_TRUE(run_until(io, [&] { return on_strand; }));
}

asio::awaitable<void> read_for_ever(mux_stream stream, bool& ended) {
  struct guard {
    bool& ended;
    ~guard() { ended = true; }
  } on_end{ended};
  char byte;
  co_await stream.async_read_some(asio::buffer(&byte, 1), asio::use_awaitable);
}

// The frame owns the stream, the stream's pending operation owns the frame.
TEST(StreamLifetime, WaitingCoroutineGoesWithItsContext) {
  bool ended = false;
  auto context = std::make_unique<asio::io_context>();
  std::optional<mux_acceptor> acceptor;
  acceptor.emplace(*context, tcp::endpoint(asio::ip::address_v4::loopback(), 0),
                   acceptor_options{});
  link_socket socket(context->get_executor());
  socket.connect(acceptor->local_endpoint());
  auto gateway = std::make_shared<test_gateway>(std::move(socket));
  gateway->start();
  ASSERT_TRUE(run_until(*context, [&] { return gateway->ready; }));
  gateway->open();
  std::optional<mux_stream> stream;
  acceptor->async_accept([&](error_code, mux_stream got) { stream = std::move(got); });
  ASSERT_TRUE(run_until(*context, [&] { return stream.has_value(); }));
  asio::co_spawn(*context, read_for_ever(std::move(*stream), ended), [](std::exception_ptr) {});
  run_until_quiet(*context);
  EXPECT_FALSE(ended);
  stream.reset();
  acceptor.reset();
  gateway.reset();
  context.reset();
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace presenter::protocol::test
