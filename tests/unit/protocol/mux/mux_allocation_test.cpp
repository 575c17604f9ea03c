// In the steady state a Data frame costs no allocation, neither its sender nor its receiver.
#include <gtest/gtest.h>
#include "protocol/mux/mux_core.hpp"
#include "tests/support/allocation_count.hpp"

namespace presenter::protocol {
namespace {

using testing::allocations;

// Either end; consumes what comes.
struct quiet_end : link_handler, stream_handler {
  explicit quiet_end(link_role role) : core(options_for(role), *this, {}) {}

  static mux_options options_for(link_role role) {
    mux_options options;
    options.hello.role = role;
    return options;
  }

  void on_ready(const hello_frame&) override {}
  stream_handler* on_open(stream_id stream, const open_frame&) override {
    core.accept(stream);
    return this;
  }
  void on_go_away(const go_away_frame&) override {}
  void on_output() override {}
  void on_can_open() override {}
  void on_failed(boost::system::error_code) override { failed = true; }

  void on_accepted() override {}
  void on_refused(const refuse_frame&) override {}
  void on_data(std::span<const std::byte> payload, bool) override {
    received += payload.size();
    core.consumed({1}, payload.size());
  }
  void on_finish() override {}
  void on_writable() override {}
  void on_reset(reset_reason, bool) override { failed = true; }
  void on_checkpoint(const checkpoint_frame&) override {}
  void on_handoff(const handoff_frame&) override {}
  void on_notice(const notice_frame&) override {}
  void on_link_lost(bool) override { failed = true; }

  std::size_t received = 0;
  bool failed = false;
  mux_core core;
};

void carry(quiet_end& from, quiet_end& to, mux_output& out) {
  from.core.take_output(out);
  for (byte_buffer* part : {&out.control, &out.data}) {
    to.core.on_input(part->bytes(), {});
    part->clear();
  }
}

TEST(MuxAllocation, ADataFrameCostsNone) {
  quiet_end gateway(link_role::gateway);
  quiet_end backend(link_role::backend);
  mux_output to_backend;
  mux_output to_gateway;
  carry(gateway, backend, to_backend);
  carry(backend, gateway, to_gateway);
  open_frame open;
  open.key = "k";
  gateway.core.open(open, gateway);

  const std::string message(128, 'm');
  const auto exchange = [&] {
    for (int i = 0; i < 20; ++i) {
      gateway.core.submit_data({1}, std::as_bytes(std::span(message)), false);
      backend.core.submit_data({1}, std::as_bytes(std::span(message)), false);
    }
    carry(gateway, backend, to_backend);
    carry(backend, gateway, to_gateway);
  };
  for (int i = 0; i < 100; ++i)
    exchange();
  const std::size_t before = allocations;
  const std::size_t received_before = backend.received;
  for (int i = 0; i < 1'000; ++i)
    exchange();
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(backend.received - received_before, 20U * 1'000 * message.size());
  EXPECT_FALSE(gateway.failed || backend.failed);
}

}  // namespace
}  // namespace presenter::protocol
