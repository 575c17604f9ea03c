// What the tests of tls_channel share: a channel of each kind, and the client at its other end.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gateway/tls/tls_context.hpp"
#include "tests/unit/gateway/config/config_files.hpp"
#include "tests/unit/gateway/tls/connected_channel.hpp"

namespace presenter::gateway {

inline std::string filler(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i)
    text += std::to_string(i) + ",";
  text.resize(size);
  return text;
}

// Who does the records after the handshake.
struct channel_kind {
  const char* name;
  int version;
  bool detaches;
  bool moves = false;  // another channel goes on at each turn
};

class TlsChannel : public ::testing::TestWithParam<channel_kind> {
 protected:
  TlsChannel() {
    settings.certificate = files.folder() / "tls.pem";
    settings.private_key = files.folder() / "tls.key";
    context = make_tls_contexts(settings, tickets);
  }

  std::unique_ptr<connected_channel> connect(int socket_bytes = 0, SSL_SESSION* resume = nullptr) {
    auto made =
        std::make_unique<connected_channel>(context, io, GetParam().version, socket_bytes, resume);
    made->detaches = GetParam().detaches;
    made->moves = GetParam().moves;
    return made;
  }
  std::unique_ptr<connected_channel> ready(int socket_bytes = 0) {
    auto made = connect(socket_bytes);
    made->handshake();
    return made;
  }

  // Of all that is written to it. Behind a fragment stand its type and its tag, or in TLS 1.2 its
  // nonce and its tag.
  void expect_fragments(connected_channel& one, std::size_t most) {
    one.peer->pull();
    one.peer->read();
    const std::string text = filler(20'000);
    for (std::size_t written = 0; written != text.size();) {
      const tls_result put = one.channel->write(as_bytes(text.substr(written)));
      ASSERT_EQ(put.status, tls_status::ok);
      written += put.n;
    }
    const std::size_t overhead = GetParam().version == TLS1_3_VERSION ? 1 + 16 : 8 + 16;
    EXPECT_EQ(std::ranges::max(one.peer->lengths_of_records()), most + overhead);
    one.peer->pull();
    EXPECT_TRUE(one.peer->read() == text);
  }

  // Until its socket takes no more; how many bytes, without those of the write that waits.
  std::size_t fill(connected_channel& one, std::string_view text) {
    std::size_t written = 0;
    while (one.channel->write(as_bytes(text)).status == tls_status::ok)
      written += text.size();
    return written;
  }

  config_files files;
  tls_config settings;
  ticket_ring_ptr keys = make_random_ring();
  worker_metrics metrics;
  ticket_sealer tickets{keys, "a:443", metrics};
  tls_contexts_ptr context;
  tls_io io;
};

inline constexpr channel_kind tls12{"Tls12", TLS1_2_VERSION, false};
inline constexpr channel_kind tls12_detached{"Tls12Detached", TLS1_2_VERSION, true};
inline constexpr channel_kind tls13{"Tls13", TLS1_3_VERSION, false};
inline constexpr channel_kind tls13_detached{"Tls13Detached", TLS1_3_VERSION, true};

inline constexpr channel_kind tls12_moved{"Tls12Moved", TLS1_2_VERSION, true, true};
inline constexpr channel_kind tls13_moved{"Tls13Moved", TLS1_3_VERSION, true, true};

inline std::string name_of_kind(const ::testing::TestParamInfo<channel_kind>& info) {
  return info.param.name;
}

}  // namespace presenter::gateway
