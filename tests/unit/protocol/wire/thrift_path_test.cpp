// The key walker against messages that Thrift's own code wrote.
#include "protocol/wire/thrift_path.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <thrift/TApplicationException.h>

#include <limits>
#include <random>

#include "Chat.h"
#include "chat_messages.hpp"
#include "protocol/limits.hpp"

namespace presenter::protocol {
namespace {

using apache::thrift::TApplicationException;
using namespace apache::thrift::protocol;
using testing::both_encodings;
using testing::error_of;
using testing::key_of;
using testing::message;
using testing::message_bytes;
using testing::written;

message_bytes authenticate(thrift_encoding encoding, const std::string& couple,
                           std::int32_t sequence = 7) {
  chat::AuthRequest request;
  request.__set_couple_id(couple);
  request.__set_user_id("user");
  request.__set_token(std::string("\0\x01\xff", 3));
  request.__set_device("phone");
  chat::Chat_authenticate_args arguments;
  arguments.request = request;
  return message(encoding, "authenticate", T_CALL, sequence,
                 [&](TProtocol& out) { arguments.write(&out); });
}

// A message whose only argument, field 1, `write` writes as a field of `type`.
message_bytes with_field(thrift_encoding encoding, TType type,
                         const std::function<void(TProtocol&)>& write) {
  return message(encoding, "m", T_CALL, 1, [&](TProtocol& out) {
    out.writeStructBegin("args");
    out.writeFieldBegin("key", type, 1);
    write(out);
    out.writeFieldEnd();
    out.writeFieldStop();
    out.writeStructEnd();
  });
}

TEST(KeyPath, ReadsOneToEightIds) {
  EXPECT_EQ(parse_key_path("1").value(), (std::vector<std::int16_t>{1}));
  EXPECT_EQ(parse_key_path("1.1").value(), (std::vector<std::int16_t>{1, 1}));
  EXPECT_EQ(parse_key_path("1.2.3.4.5.6.7.32767").value().size(), 8U);
}

TEST(KeyPath, RefusesEverythingElse) {
  for (const char* text : {"", ".", "1.", ".1", "1..1", "0", "1.0", "-1", "+1", "32768", "99999999",
                           " 1", "1 ", "1,1", "a", "1.a", "1.2.3.4.5.6.7.8.9"}) {
    const auto path = parse_key_path(text);
    ASSERT_TRUE(path.has_error()) << text;
    EXPECT_EQ(path.error(), errc::field_invalid) << text;
  }
}

TEST(ThriftMessage, EnvelopeIsReadAsThriftWroteIt) {
  for (const auto encoding : both_encodings) {
    for (const std::int32_t sequence :
         {0, 1, 127, 128, -1, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()}) {
      const message_bytes bytes = authenticate(encoding, "couple", sequence);
      const auto read = read_thrift_message(bytes);
      ASSERT_TRUE(read.has_value());
      EXPECT_EQ(read->encoding, encoding);
      EXPECT_EQ(read->type, thrift_message_type::call);
      EXPECT_EQ(read->method, "authenticate");
      EXPECT_EQ(read->sequence, sequence);
      EXPECT_EQ(read->arguments.data() + read->arguments.size(), bytes.data() + bytes.size());
    }
  }
}

TEST(ThriftMessage, EveryTypeIsTold) {
  for (const auto encoding : both_encodings) {
    for (const TMessageType type : {T_CALL, T_REPLY, T_EXCEPTION, T_ONEWAY}) {
      const message_bytes bytes = message(encoding, "", type, 1, [](TProtocol&) {});
      const auto read = read_thrift_message(bytes);
      ASSERT_TRUE(read.has_value());
      EXPECT_EQ(static_cast<int>(read->type), static_cast<int>(type));
      EXPECT_EQ(read->method, "");
      EXPECT_TRUE(read->arguments.empty());
    }
  }
}

TEST(RoutingKey, IsTheCoupleOfAnAuthenticateCall) {
  for (const auto encoding : both_encodings) {
    EXPECT_EQ(key_of(authenticate(encoding, "couple-7"), {1, 1}).value(), "couple-7");
    EXPECT_EQ(key_of(authenticate(encoding, "couple-7"), {1, 2}).value(), "user");
    EXPECT_EQ(key_of(authenticate(encoding, "couple-7"), {1, 3}).value(),
              std::string("\0\x01\xff", 3));
    EXPECT_EQ(key_of(authenticate(encoding, "couple-7"), {1, 4}).value(), "phone");
  }
}

TEST(RoutingKey, MayBeAnyIntegerAndIsThenDecimal) {
  for (const auto encoding : both_encodings) {
    const auto i8 = with_field(encoding, T_BYTE, [](TProtocol& out) { out.writeByte(-128); });
    EXPECT_EQ(key_of(i8, {1}).value(), "-128");
    const auto i16 = with_field(encoding, T_I16, [](TProtocol& out) { out.writeI16(-32768); });
    EXPECT_EQ(key_of(i16, {1}).value(), "-32768");
    const auto i32 = with_field(encoding, T_I32, [](TProtocol& out) { out.writeI32(0); });
    EXPECT_EQ(key_of(i32, {1}).value(), "0");
    for (const std::int64_t value : {std::int64_t{1}, std::numeric_limits<std::int64_t>::min(),
                                     std::numeric_limits<std::int64_t>::max()}) {
      const auto i64 = with_field(encoding, T_I64, [=](TProtocol& out) { out.writeI64(value); });
      EXPECT_EQ(key_of(i64, {1}).value(), std::to_string(value));
    }
  }
}

TEST(RoutingKey, OfAnotherTypeIsNamedSo) {
  for (const auto encoding : both_encodings) {
    const auto boolean = with_field(encoding, T_BOOL, [](TProtocol& out) { out.writeBool(true); });
    EXPECT_EQ(error_of(boolean, {1}), errc::packet_key_type);
    const auto real = with_field(encoding, T_DOUBLE, [](TProtocol& out) { out.writeDouble(1); });
    EXPECT_EQ(error_of(real, {1}), errc::packet_key_type);
    const auto list = with_field(encoding, T_LIST, [](TProtocol& out) {
      out.writeListBegin(T_I32, 0);
      out.writeListEnd();
    });
    EXPECT_EQ(error_of(list, {1}), errc::packet_key_type);
    EXPECT_EQ(error_of(authenticate(encoding, "c"), {1}), errc::packet_key_type);
    // A step through something that is not a struct.
    EXPECT_EQ(error_of(list, {1, 1}), errc::packet_key_type);
    EXPECT_EQ(error_of(authenticate(encoding, "c"), {1, 1, 1}), errc::packet_key_type);
  }
}

TEST(RoutingKey, ThatIsNotThereIsMissing) {
  for (const auto encoding : both_encodings) {
    EXPECT_EQ(error_of(authenticate(encoding, "c"), {2}), errc::packet_key_missing);
    EXPECT_EQ(error_of(authenticate(encoding, "c"), {1, 9}), errc::packet_key_missing);
    EXPECT_EQ(error_of(authenticate(encoding, "c"), {}), errc::packet_key_missing);
  }
}

TEST(RoutingKey, HasOneToAThousandAndTwentyFourBytes) {
  for (const auto encoding : both_encodings) {
    EXPECT_EQ(error_of(authenticate(encoding, ""), {1, 1}), errc::packet_key_size);
    const std::string longest(limits::key_bytes_max, 'k');
    EXPECT_EQ(key_of(authenticate(encoding, longest), {1, 1}).value(), longest);
    EXPECT_EQ(error_of(authenticate(encoding, longest + "k"), {1, 1}), errc::packet_key_size);
  }
}

TEST(RoutingKey, OfTwoFieldsWithTheSameIdIsTheFirst) {
  for (const auto encoding : both_encodings) {
    const auto twice = message(encoding, "m", T_CALL, 1, [](TProtocol& out) {
      out.writeStructBegin("args");
      for (const char* value : {"first", "second"}) {
        out.writeFieldBegin("key", T_STRING, 1);
        out.writeString(std::string(value));
        out.writeFieldEnd();
      }
      out.writeFieldStop();
      out.writeStructEnd();
    });
    EXPECT_EQ(key_of(twice, {1}).value(), "first");
  }
}

// Writes values of every type, nested at random, the way a peer's unknown fields look.
class random_writer {
 public:
  random_writer(TProtocol& out, std::uint32_t seed) : out_(out), random_(seed) {}

  void fields(std::int16_t id_from, int count, int depth) {
    std::int16_t id = id_from;
    for (int i = 0; i != count; ++i) {
      const TType type = any_type(depth);
      out_.writeFieldBegin("f", type, id);
      value(type, depth);
      out_.writeFieldEnd();
      id = static_cast<std::int16_t>(id + below(i % 3 == 0 ? 40 : 3) + 1);
    }
  }

 private:
  int below(int n) { return std::uniform_int_distribution<int>(0, n - 1)(random_); }

  TType any_type(int depth) {
    constexpr TType types[] = {T_BOOL,   T_BYTE,   T_DOUBLE, T_I16, T_I32, T_I64,
                               T_STRING, T_STRUCT, T_MAP,    T_SET, T_LIST};
    return types[below(depth < 5 ? 11 : 7)];
  }

  void value(TType type, int depth) {
    switch (type) {
      case T_BOOL:
        out_.writeBool(below(2) == 0);
        break;
      case T_BYTE:
        out_.writeByte(static_cast<std::int8_t>(below(256) - 128));
        break;
      case T_DOUBLE:
        out_.writeDouble(below(1'000));
        break;
      case T_I16:
        out_.writeI16(static_cast<std::int16_t>(below(60'000) - 30'000));
        break;
      case T_I32:
        out_.writeI32(static_cast<std::int32_t>(random_()));
        break;
      case T_I64:
        out_.writeI64(static_cast<std::int64_t>(random_()) << below(33));
        break;
      case T_STRING:
        out_.writeString(std::string(static_cast<std::size_t>(below(200)), 's'));
        break;
      case T_STRUCT:
        structure(depth + 1);
        break;
      case T_MAP:
        map(depth + 1);
        break;
      case T_SET:
      case T_LIST:
        list(type, depth + 1);
        break;
      default:
        FAIL() << "no such type";
    }
  }

  void structure(int depth) {
    out_.writeStructBegin("s");
    fields(static_cast<std::int16_t>(below(50) - 25), below(4), depth);
    out_.writeFieldStop();
    out_.writeStructEnd();
  }

  void list(TType type, int depth) {
    const TType element = any_type(depth);
    const auto count = static_cast<std::uint32_t>(below(20));
    type == T_LIST ? out_.writeListBegin(element, count) : out_.writeSetBegin(element, count);
    for (std::uint32_t i = 0; i != count; ++i)
      value(element, depth + 2);
    type == T_LIST ? out_.writeListEnd() : out_.writeSetEnd();
  }

  void map(int depth) {
    const TType key = any_type(depth);
    const TType mapped = any_type(depth);
    const auto count = static_cast<std::uint32_t>(below(6));
    out_.writeMapBegin(key, mapped, count);
    for (std::uint32_t i = 0; i != count; ++i) {
      value(key, depth + 2);
      value(mapped, depth + 2);
    }
    out_.writeMapEnd();
  }

  TProtocol& out_;
  std::mt19937 random_;
};

message_bytes key_behind_anything(thrift_encoding encoding, std::uint32_t seed) {
  return message(encoding, "m", T_CALL, 1, [&](TProtocol& out) {
    random_writer random(out, seed);
    out.writeStructBegin("args");
    random.fields(-500, 4, 1);
    out.writeFieldBegin("outer", T_STRUCT, 1'000);
    out.writeStructBegin("outer");
    random.fields(-500, 4, 2);
    out.writeFieldBegin("key", T_STRING, 1'001);
    out.writeString("the key");
    out.writeFieldEnd();
    out.writeFieldStop();
    out.writeStructEnd();
    out.writeFieldEnd();
    out.writeFieldStop();
    out.writeStructEnd();
  });
}

RC_GTEST_PROP(RoutingKey, IsFoundBehindFieldsOfAnyKind, (std::uint32_t seed)) {
  for (const auto encoding : both_encodings) {
    const auto key = key_of(key_behind_anything(encoding, seed), {1'000, 1'001});
    RC_ASSERT(key.has_value());
    RC_ASSERT(*key == "the key");
  }
}

// Each prefix in memory of its own size; the key ends three stop bytes before the message does.
RC_GTEST_PROP(RoutingKey, OfAMessageThatEndsEarlyIsMalformed, (std::uint32_t seed)) {
  for (const auto encoding : both_encodings) {
    const message_bytes whole = key_behind_anything(encoding, seed);
    for (std::size_t size = 0; size <= whole.size(); ++size) {
      const message_bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      const auto error = error_of(part, {1'000, 1'001});
      if (size == 0) {
        RC_ASSERT(error == errc::packet_not_thrift);
      } else if (size < whole.size() - 2) {
        RC_ASSERT(error == errc::packet_malformed);
      } else {
        RC_ASSERT(!error);
      }
    }
  }
}

RC_GTEST_PROP(RoutingKey, OfDamagedBytesIsAKeyOrANamedError, (std::uint32_t seed)) {
  for (const auto encoding : both_encodings) {
    message_bytes bytes = key_behind_anything(encoding, seed);
    std::mt19937 random(seed);
    for (int flips = 0; flips != 20; ++flips) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
      const auto error = error_of(bytes, {1'000, 1'001});
      RC_ASSERT(!error || name_of(static_cast<errc>(error.value())).starts_with("packet_"));
    }
  }
}

TEST(ThriftException, EqualsTheOneOfTheThriftLibrary) {
  for (const auto encoding : both_encodings) {
    for (const std::int32_t sequence : {0, 7, 300, -1}) {
      for (const std::string& text :
           {std::string(), std::string("no shard"), std::string(300, 't')}) {
        const message_bytes call = authenticate(encoding, "c", sequence);
        const TApplicationException exception(TApplicationException::INTERNAL_ERROR, text);
        const message_bytes theirs = message(encoding, "authenticate", T_EXCEPTION, sequence,
                                             [&](TProtocol& out) { exception.write(&out); });
        byte_buffer out;
        encode_thrift_exception(*read_thrift_message(call), thrift_exception_type::internal_error,
                                text, out);
        const auto framed = out.bytes();
        ASSERT_EQ(framed.size(), theirs.size() + 4);
        EXPECT_TRUE(std::equal(theirs.begin(), theirs.end(), framed.begin() + 4));
        EXPECT_EQ(
            std::to_integer<std::size_t>(framed[2]) << 8 | std::to_integer<std::size_t>(framed[3]),
            theirs.size());
      }
    }
  }
}

}  // namespace
}  // namespace presenter::protocol
