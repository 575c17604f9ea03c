#include "gateway/upgrade/worker_codec.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "gateway/upgrade/client_codec.hpp"
#include "gateway/upgrade/upgrade_codec.hpp"
#include "sample_worker.hpp"
#include "state_text.hpp"
#include "upgrade_types.h"

namespace presenter::testing {
namespace {

using gateway::decode_worker;
using gateway::encode_worker;
using gateway::worker_state;

std::string golden(const std::string& name) {
  std::ifstream file(PRESENTER_GOLDEN "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(WorkerCodec, EveryFieldComesBack) {
  const worker_state state = sample_worker();
  const auto decoded = decode_worker(encode_worker(state));
  EXPECT_EQ(decoded.mistake, "");
  EXPECT_EQ(text_of(decoded.state), text_of(state));
}

TEST(WorkerCodec, AnEmptyWorkerComesBack) {
  const auto decoded = decode_worker(encode_worker({}));
  EXPECT_EQ(decoded.mistake, "");
  EXPECT_EQ(text_of(decoded.state), text_of({}));
}

// What processes of the first version have written can always be read. To make the file:
// PRESENTER_GOLDEN_WRITE=file gateway_upgrade_codec_test --gtest_filter='WorkerCodec.*Version1*'
TEST(WorkerCodec, ReadsWhatVersion1HasWritten) {
  if (const char* file = std::getenv("PRESENTER_GOLDEN_WRITE")) {
    std::ofstream(file, std::ios::binary) << encode_worker(sample_worker());
  }
  const std::string bytes = golden("worker_1");
  ASSERT_FALSE(bytes.empty());
  const auto decoded = decode_worker(bytes);
  EXPECT_EQ(decoded.mistake, "");
  worker_state first = sample_worker();
  for (auto& link : first.upstream)
    link.up_since.reset();  // came later
  EXPECT_EQ(text_of(decoded.state), text_of(first));
}

// Version 1 did not have them: there they are not known.
TEST(WorkerCodec, HowLongAClientsStepsTookComesBack) {
  worker_state state = sample_worker();
  EXPECT_FALSE(decode_worker(golden("worker_1")).state.clients.at(0).handshake_took.is_known());
  state.clients.at(0).handshake_took = gateway::short_time(std::chrono::milliseconds(7));
  state.clients.at(0).opening_took = gateway::short_time(std::chrono::hours(1));
  const auto decoded = decode_worker(encode_worker(state));
  EXPECT_EQ(decoded.state.clients.at(0).handshake_took.milliseconds(), 7);
  EXPECT_EQ(decoded.state.clients.at(0).opening_took.milliseconds(), 65'534);
}

// A newer process may have written fields, and names, that this one does not know.
TEST(WorkerCodec, SkipsWhatIsUnknown) {
  std::string bytes = encode_worker(sample_worker());
  // Field 200 of the outermost struct, a string: in place of its end.
  ASSERT_EQ(bytes.back(), '\0');
  bytes.pop_back();
  bytes += std::string("\x08\x90\x03\x03xyz\0", 8);
  const auto decoded = decode_worker(bytes);
  EXPECT_EQ(decoded.mistake, "");
  EXPECT_EQ(text_of(decoded.state), text_of(sample_worker()));
}

TEST(WorkerCodec, AReasonOfTheFutureIsTheGatewaysOwn) {
  gateway::upgrade_idl::Worker idl;
  gateway::decode_struct(encode_worker(sample_worker()), idl);
  idl.clients.at(1).reason = "lost_patience";
  const auto decoded = decode_worker(gateway::encode_struct(idl));
  EXPECT_EQ(decoded.mistake, "");
  EXPECT_EQ(decoded.state.clients.at(1).reason, gateway::close_reason::internal);
}

struct broken {
  const char* mistake;
  void (*by)(gateway::upgrade_idl::Worker&);
};

TEST(WorkerCodec, NamesWhatMakesNoSense) {
  using gateway::upgrade_idl::Worker;
  const broken all[] = {
      {"a count is negative", [](Worker& idl) { idl.sessions_begun = -1; }},
      {"a count is negative", [](Worker& idl) { idl.counters[0].value = -1; }},
      {"a backend has no port", [](Worker& idl) { idl.backends[0].port = 65'536; }},
      {"a client has no descriptor", [](Worker& idl) { idl.clients[0].descriptor = -1; }},
      {"a client has no address", [](Worker& idl) { idl.clients[0].address = "10.0.0"; }},
      {"a client's phase is not known", [](Worker& idl) { idl.clients[0].phase = "musing"; }},
      {"a client's records are of another version",
       [](Worker& idl) { idl.clients[0].records.pop_back(); }},
      {"a count is negative", [](Worker& idl) { idl.clients[0].plaintext = -1; }},
      {"a count is negative", [](Worker& idl) { idl.clients[0].link = -1; }},
      {"a link's Hello makes no sense", [](Worker& idl) { idl.links[0].hello.clear(); }},
      {"a link's Hello makes no sense", [](Worker& idl) { idl.links[0].peer_hello += "x"; }},
      {"a stream's state is not known", [](Worker& idl) { idl.links[0].streams[0].local = 3; }},
      {"a link's state is impossible", [](Worker& idl) { idl.links[0].descriptor = -1; }},
      {"a link's state is impossible",
       [](Worker& idl) { idl.links[0].peer_hello.swap(idl.links[0].hello); }},
      {"a link's state is impossible", [](Worker& idl) { idl.links[0].partial.resize(70'000); }},
      {"a link's state is impossible", [](Worker& idl) { idl.links[0].send_available = -1; }},
      {"a link's state is impossible", [](Worker& idl) { idl.links[0].owed = 100'001; }},
      {"a link's state is impossible", [](Worker& idl) { idl.links[0].highest_opened = 7; }},
      {"a link's state is impossible", [](Worker& idl) { idl.links[0].turns.push_back(3); }},
      {"a link's state is impossible", [](Worker& idl) { idl.links[0].turns.push_back(8); }},
      {"a link's state is impossible", [](Worker& idl) { idl.links[0].credit_due.push_back(4); }},
      {"a link's state is impossible",
       [](Worker& idl) { idl.links[0].streams.push_back(idl.links[0].streams[0]); }},
      {"a link's state is impossible", [](Worker& idl) { idl.links[0].streams[0].owed = 10'001; }},
      {"a link's state is impossible",
       [](Worker& idl) { idl.links[0].streams[2].was_told_end = false; }},
      {"a link's state is impossible", [](Worker& idl) { idl.links[0].finishes_queued = 12; }},
  };
  for (const broken& each : all) {
    SCOPED_TRACE(each.mistake);
    gateway::upgrade_idl::Worker idl;
    gateway::decode_struct(encode_worker(sample_worker()), idl);
    each.by(idl);
    EXPECT_EQ(decode_worker(gateway::encode_struct(idl)).mistake, each.mistake);
  }
}

// Cut anywhere, or with a byte behind its end: an error, never half a worker.
TEST(WorkerCodec, IsWholeOrNothing) {
  const std::string bytes = encode_worker(sample_worker());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(decode_worker(std::string_view(bytes).substr(0, size)).mistake, "") << size;
  }
  EXPECT_EQ(decode_worker(bytes + "x").mistake, "there are bytes behind its end");
}

// A list that says it has a thousand million entries gets no memory for them.
TEST(WorkerCodec, AListHasNoMoreEntriesThanThereAreBytes) {
  // Field 7, clients: a long list of structs, 2^30 of them.
  const std::string bytes("\x79\xfc\x80\x80\x80\x80\x04\0", 8);
  EXPECT_NE(decode_worker(bytes).mistake, "");
}

// The keys are in the state, in memory that is wiped; not in the bytes that Thrift worked on.
TEST(WorkerCodec, WipesTheKeysOfItsStructs) {
  gateway::upgrade_idl::Client client;
  client.records.assign(18, -1);
  gateway::wipe(client);
  EXPECT_TRUE(std::ranges::all_of(client.records, [](std::int64_t word) { return word == 0; }));
}

}  // namespace
}  // namespace presenter::testing
