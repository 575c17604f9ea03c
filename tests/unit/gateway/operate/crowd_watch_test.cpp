#include "gateway/operate/crowd_watch.hpp"

#include <gmock/gmock.h>

namespace presenter::gateway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CrowdWatch : public testing::Test {
 protected:
  std::vector<std::string> look() {
    std::vector<std::string> texts;
    for (const crowd_line& line : watch_.look()) {
      EXPECT_EQ(line.level, log_level::warning);
      texts.push_back(line.text);
    }
    return texts;
  }

  boost::asio::io_context control_;
  worker_metrics first_;
  worker_metrics second_;
  crowd_watch watch_{control_, [this] {
                       return std::vector<const worker_metrics*>{&first_, &second_};
                     }};
};

TEST_F(CrowdWatch, AddsUpHandshakesThatTimeOutOverAllWorkers) {
  first_.clients_accepted.add(30'000);
  first_.closes[close_reason::handshake_timeout].add(20'000);
  second_.closes[close_reason::handshake_timeout].add(7'243);
  second_.closes[close_reason::packet_timeout].add(3);
  EXPECT_THAT(look(), ElementsAre("27246 clients in the last 10 s were not served, 30000 came: "
                                  "handshake_timeout 27243, packet_timeout 3"));
  EXPECT_THAT(look(), IsEmpty()) << "nothing since then";
}

TEST_F(CrowdWatch, IsSilentAboutFewAndAboutASmallPart) {
  first_.clients_accepted.add(99);
  first_.closes[close_reason::handshake_failed].add(99);
  EXPECT_THAT(look(), IsEmpty());
  first_.clients_accepted.add(10'000);
  first_.closes[close_reason::handshake_failed].add(900);
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(CrowdWatch, DoesNotCountClientsThatWereServed) {
  first_.clients_accepted.add(500);
  first_.closes[close_reason::client_reset].add(500);
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(CrowdWatch, NamesAnOverloadHoweverSmallAndNotesIt) {
  EXPECT_THAT(watch_.notes(), IsEmpty());
  first_.closes[close_reason::overloaded].add(1);
  first_.spared_handshakes[spared_handshake::client_gone].add(7);
  EXPECT_THAT(look(),
              ElementsAre("overloaded: 1 clients in the last 10 s had sent something and waited "
                          "for their turn until it was too late, 7 had gone before"));
  EXPECT_THAT(watch_.notes(), ElementsAre("overloaded: clients wait for their turn for too long"));
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_THAT(watch_.notes(), IsEmpty());
}

TEST_F(CrowdWatch, NotesOnceThatClientsWaitToBeAccepted) {
  for (worker_metrics* each : {&first_, &second_})
    each->accept_paused[accept_pause::clients_max].set(1);
  EXPECT_THAT(watch_.notes(), ElementsAre("full: clients wait to be accepted"));
}

}  // namespace
}  // namespace presenter::gateway
