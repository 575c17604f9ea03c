#include "gateway/accept/listening_socket.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>

namespace presenter::gateway {
namespace {

TEST(ListeningSocket, SharesAnAddressAndNamesWhatIsInTheWay) {
  const auto any = boost::asio::ip::address_v4::loopback();
  auto first = listening_socket::open({any, 0}, 1);
  ASSERT_TRUE(first);
  auto second = listening_socket::open(first->local_endpoint(), 1);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->local_endpoint(), first->local_endpoint());
  const auto elsewhere = boost::asio::ip::make_address("192.0.2.1");
  EXPECT_EQ(listening_socket::open({elsewhere, 0}, 1).error().why,
            boost::system::errc::address_not_available);
}

int option_of(int descriptor, int level, int option) {
  int value = -1;
  socklen_t bytes = sizeof value;
  EXPECT_EQ(::getsockopt(descriptor, level, option, &value, &bytes), 0);
  return value;
}

TEST(ListeningSocket, TakesOtherOptionsWhileItListens) {
  auto socket = listening_socket::open({boost::asio::ip::address_v4::loopback(), 0}, 1, {}, 16);
  ASSERT_TRUE(socket);
  clients_config clients;
  clients.keepalive_count = 7;
  clients.user_timeout = std::chrono::seconds(0);
  clients.notsent_lowat_bytes = 0;
  EXPECT_TRUE(socket->change(100, clients, 0).empty());
  EXPECT_EQ(option_of(socket->descriptor(), IPPROTO_TCP, TCP_KEEPCNT), 7);
  EXPECT_EQ(option_of(socket->descriptor(), IPPROTO_TCP, TCP_USER_TIMEOUT), 0);
  EXPECT_EQ(option_of(socket->descriptor(), IPPROTO_TCP, TCP_NOTSENT_LOWAT), 0);
  EXPECT_EQ(option_of(socket->descriptor(), SOL_SOCKET, SO_KEEPALIVE), 1);
  clients.keepalive = false;
  EXPECT_TRUE(socket->change(100, clients, 16).empty());
  EXPECT_EQ(option_of(socket->descriptor(), SOL_SOCKET, SO_KEEPALIVE), 0);
}

// As a kernel without them.
int refuse_fast_open_and_lowat(int descriptor, int level, int option, const void* value,
                               socklen_t bytes) {
  if (level == IPPROTO_TCP && (option == TCP_FASTOPEN || option == TCP_NOTSENT_LOWAT)) {
    errno = ENOPROTOOPT;
    return -1;
  }
  return ::setsockopt(descriptor, level, option, value, bytes);
}

int refuse_reuse_port(int descriptor, int level, int option, const void* value, socklen_t bytes) {
  if (level == SOL_SOCKET && option == SO_REUSEPORT) {
    errno = ENOPROTOOPT;
    return -1;
  }
  return ::setsockopt(descriptor, level, option, value, bytes);
}

TEST(ListeningSocket, DoesWithoutWhatTheKernelRefusesAndNamesIt) {
  const auto any = boost::asio::ip::address_v4::loopback();
  const auto whole = listening_socket::open({any, 0}, 1, {}, 16);
  ASSERT_TRUE(whole);
  EXPECT_TRUE(whole->refusals().empty());

  const auto lacking = listening_socket::open({any, 0}, 1, {}, 16, refuse_fast_open_and_lowat);
  ASSERT_TRUE(lacking);
  ASSERT_EQ(lacking->refusals().size(), 2U);
  EXPECT_STREQ(lacking->refusals()[0].option, "TCP_NOTSENT_LOWAT");
  EXPECT_STREQ(lacking->refusals()[0].key, "clients.notsent_lowat_bytes");
  EXPECT_STREQ(lacking->refusals()[1].option, "TCP_FASTOPEN");
  EXPECT_STREQ(lacking->refusals()[1].key, "listen.fast_open");
  EXPECT_EQ(lacking->refusals()[1].why, boost::system::errc::no_protocol_option);
  // Nobody asks for what is off.
  clients_config off;
  off.notsent_lowat_bytes = 0;
  EXPECT_TRUE(
      listening_socket::open({any, 0}, 1, off, 0, refuse_fast_open_and_lowat)->refusals().empty());
}

TEST(ListeningSocket, NamesTheOptionWithoutWhichItCannotListen) {
  const auto none = listening_socket::open({boost::asio::ip::address_v4::loopback(), 0}, 1, {}, 0,
                                           refuse_reuse_port);
  ASSERT_FALSE(none);
  EXPECT_STREQ(none.error().option, "SO_REUSEPORT");
  EXPECT_EQ(none.error().why, boost::system::errc::no_protocol_option);
}

}  // namespace
}  // namespace presenter::gateway
