// What a gateway's process reads of the one whose place it takes: a worker's part of the state.
// What is accepted says the same when it is written again, and cores go on with its links, whatever
// they are said to have been in the middle of.
#include <algorithm>
#include <string>

#include "gateway/upgrade/worker_codec.hpp"
#include "protocol/mux/mux_core.hpp"
#include "tests/fuzz/byte_script.hpp"
#include "tests/fuzz/check.hpp"

namespace presenter::fuzz {
namespace {

using protocol::mux_core;
using protocol::stream_id;

// The user of all streams of a link.
struct user final : protocol::stream_handler, protocol::link_handler {
  void on_accepted() override {}
  void on_refused(const protocol::refuse_frame&) override {}
  void on_data(std::span<const std::byte> payload, bool) override { bytes += payload.size(); }
  void on_finish() override {}
  void on_writable() override { ++turns; }
  void on_reset(protocol::reset_reason, bool) override {}
  void on_checkpoint(const protocol::checkpoint_frame&) override {}
  void on_handoff(const protocol::handoff_frame&) override { fail(__FILE__, __LINE__, "backend"); }
  void on_notice(const protocol::notice_frame&) override { fail(__FILE__, __LINE__, "backend"); }
  void on_link_lost(bool) override {}

  void on_ready(const protocol::hello_frame&) override { fail(__FILE__, __LINE__, "no Hello"); }
  protocol::stream_handler* on_open(stream_id, const protocol::open_frame&) override {
    return nullptr;
  }
  void on_go_away(const protocol::go_away_frame&) override {}
  void on_output() override {}
  void on_can_open() override {}
  void on_failed(boost::system::error_code) override {}

  std::size_t bytes = 0;
  std::size_t turns = 0;
};

// What a backend may say on a stream, whatever its state.
byte_buffer frames_for(stream_id stream) {
  byte_buffer frames;
  protocol::encode(protocol::accept_frame{stream}, frames);
  protocol::encode(protocol::credit_frame{stream, 1'024}, frames);
  protocol::encode_data(stream, false, std::as_bytes(std::span("some", 4)), frames);
  protocol::encode(protocol::finish_frame{stream}, frames);
  protocol::encode(protocol::reset_frame{stream, protocol::reset_reason::internal}, frames);
  return frames;
}

void go_on(protocol::mux_link_state link) {
  const auto streams = link.core.streams;
  user its;
  protocol::mux_options options;
  options.hello = link.core.hello;
  protocol::mux_clock::time_point now{};
  mux_core core(options, std::move(link.core), its, now);
  PRESENTER_FUZZ_CHECK(core.streams_open() == streams.size());
  PRESENTER_FUZZ_CHECK(!core.is_over() && core.is_ready());
  for (std::size_t i = 0; i < streams.size(); ++i) {
    // Some users do not come.
    const bool may = streams[i].has_user && i % 3 != 2;
    if (may) PRESENTER_FUZZ_CHECK(core.attach(streams[i].stream, its));
  }
  core.release_unattached();
  const auto take = [&core] {
    protocol::mux_output out;
    core.take_output(out);
  };
  take();
  for (const auto& each : streams) {
    core.submit_data(each.stream, std::as_bytes(std::span("more", 4)), false);
    core.on_input(frames_for(each.stream).bytes(), now);
    if (each.stream.value % 2 == 0) core.release(each.stream);
    take();
  }
  core.on_input(link.partial.bytes(), now);
  for (int i = 0; i < 8; ++i)
    core.on_time(now += std::chrono::seconds(2));
  take();
  core.close();
}

}  // namespace
}  // namespace presenter::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace presenter;
  auto decoded = gateway::decode_worker(fuzz::as_text(fuzz::as_bytes(data, size)));
  if (!decoded.mistake.empty()) return 0;
  const std::string bytes = gateway::encode_worker(decoded.state);
  const auto again = gateway::decode_worker(bytes);
  PRESENTER_FUZZ_CHECK(again.mistake.empty());
  PRESENTER_FUZZ_CHECK(gateway::encode_worker(again.state) == bytes);
  for (auto& each : decoded.state.upstream)
    fuzz::go_on(std::move(each.link));
  return 0;
}
