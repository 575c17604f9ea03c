// One Data frame out and in: the hand-laid codec beside what Thrift generates from the same IDL.
#include <benchmark/benchmark.h>
#include <thrift/protocol/TCompactProtocol.h>
#include <thrift/transport/TBufferTransports.h>

#include <memory>
#include <string>
#include <vector>

#include "mux_types.h"
#include "protocol/wire/mux_frame.hpp"
#include "protocol/wire/thrift_path.hpp"

namespace presenter::protocol {
namespace {

using apache::thrift::protocol::TCompactProtocolT;
using apache::thrift::transport::TMemoryBuffer;

constexpr std::int64_t stream = 12'345;  // three bytes as a varint

std::vector<std::byte> payload_of(const benchmark::State& state) {
  return std::vector<std::byte>(static_cast<std::size_t>(state.range(0)), std::byte{'x'});
}

byte_buffer encoded(const benchmark::State& state) {
  byte_buffer out;
  encode_data({stream}, false, payload_of(state), out);
  return out;
}

void encode_data_by_hand(benchmark::State& state) {
  const auto payload = payload_of(state);
  byte_buffer out;
  out.prepare(1 << 18);
  for (auto _ : state) {
    if (out.size() > (1 << 17)) out.clear();
    encode_data({stream}, false, payload, out);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void encode_data_by_thrift(benchmark::State& state) {
  const auto payload = payload_of(state);
  const auto buffer = std::make_shared<TMemoryBuffer>(1 << 18);
  TCompactProtocolT<TMemoryBuffer> protocol(buffer);
  idl::Frame frame;
  frame.__isset.data = true;
  frame.data.stream = stream;
  for (auto _ : state) {
    if (buffer->available_read() > (1 << 17)) buffer->resetBuffer();
    // As a sender must: the payload goes into the struct's string first.
    frame.data.payload.assign(reinterpret_cast<const char*>(payload.data()), payload.size());
    frame.write(&protocol);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void decode_data_by_hand(benchmark::State& state) {
  const byte_buffer bytes = encoded(state);
  std::span<const std::byte> input = bytes.bytes();
  for (auto _ : state) {
    benchmark::DoNotOptimize(input);
    const auto slice = slice_frame(input);
    if (!slice || !is_data(slice->body)) state.SkipWithError("not a Data frame");
    auto data = decode_data(slice->body);
    benchmark::DoNotOptimize(data);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void decode_data_by_thrift(benchmark::State& state) {
  const byte_buffer bytes = encoded(state);
  std::vector<std::uint8_t> body(bytes.size() - 4);
  std::memcpy(body.data(), bytes.bytes().data() + 4, body.size());
  const auto buffer = std::make_shared<TMemoryBuffer>();
  TCompactProtocolT<TMemoryBuffer> protocol(buffer);
  for (auto _ : state) {
    buffer->resetBuffer(body.data(), static_cast<std::uint32_t>(body.size()));
    idl::Frame frame;
    frame.read(&protocol);
    benchmark::DoNotOptimize(frame);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

// The first packet of a client, as the gateway sees it: {1: {1: "couple-1234567", 2: …, 3: …}}.
void find_key_of_first_packet(benchmark::State& state) {
  const std::string text = std::string(
                               "\x80\x01\x00\x01\x00\x00\x00\x0c"
                               "authenticate\x00\x00\x00\x01"
                               "\x0c\x00\x01\x0b\x00\x01\x00\x00\x00\x0e"
                               "couple-1234567",
                               48) +
                           std::string("\x0b\x00\x02\x00\x00\x00\x01u\x00\x00", 10);
  const auto packet = std::as_bytes(std::span(text));
  const auto path = parse_key_path("1.1").value();
  for (auto _ : state) {
    const auto message = read_thrift_message(packet);
    auto key = find_routing_key(*message, path);
    if (!key) state.SkipWithError("no key");
    benchmark::DoNotOptimize(key);
  }
}

void encode_credit(benchmark::State& state) {
  byte_buffer out;
  out.prepare(1 << 18);
  for (auto _ : state) {
    if (out.size() > (1 << 17)) out.clear();
    encode(credit_frame{{stream}, 32'768}, out);
    benchmark::ClobberMemory();
  }
}

BENCHMARK(encode_data_by_hand)->Arg(16)->Arg(128)->Arg(16'384);
BENCHMARK(encode_data_by_thrift)->Arg(16)->Arg(128)->Arg(16'384);
BENCHMARK(decode_data_by_hand)->Arg(16)->Arg(128)->Arg(16'384);
BENCHMARK(decode_data_by_thrift)->Arg(16)->Arg(128)->Arg(16'384);
BENCHMARK(encode_credit);
BENCHMARK(find_key_of_first_packet);

}  // namespace
}  // namespace presenter::protocol
