#!/usr/bin/env python3
"""Writes the named seeds of every fuzz target: corpus/<target>/<name>.

Run it after a change here, or in protocol/vectors/frames.json; what it writes is checked in.
`--check` writes nothing, and tells each seed that is not as it would be written. Seeds that a
finding left behind are written down here as well, with what they found.
"""

import argparse
import json
import pathlib
import sys

from mux_core_seeds import MUX_CORE

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = HERE.parents[1] / "protocol" / "vectors" / "frames.json"

# --- bodies of frames

VALID = json.loads(VECTORS.read_text())
MUX_FRAME = {
    f"{kind}_{entry['name']}": bytes.fromhex(entry["hex"])[4:]
    for kind in ("frames", "accepted", "rejected") for entry in VALID[kind]
}
MUX_FRAME["link_of_three_frames"] = bytes.fromhex(
    "00000005 9c1602 00 00 00000008 5c1602 280178 00 00 0000000a 8c1600 1680808010 00 00")
MUX_FRAME["uuid_is_skipped"] = bytes.fromhex("9c 1602 1d" + "aa" * 16 + "00 00")
MUX_FRAME["empty_list_of_no_type"] = bytes.fromhex("9c 1602 190f 00 00")
# Thrift's C++ finds the cause of the first of two in the second.
MUX_FRAME["two_structs_of_one_id"] = bytes.fromhex(
    "2c 1602 18016b 7c 1506 180161 00 0c12 00 00 00")
MUX_FRAME["stop_with_an_id"] = bytes.fromhex("9c 1602 50 00")

# --- first packets: path steps, path ids, message


def binary_call(arguments, name=b"authenticate", kind=1):
    return (bytes([0x80, 1, 0, kind]) + len(name).to_bytes(4, "big") + name
            + (7).to_bytes(4, "big") + bytes.fromhex(arguments))


def compact_call(arguments, name=b"authenticate", kind=1):
    return bytes([0x82, kind << 5 | 1, 7, len(name)]) + name + bytes.fromhex(arguments)


MESSAGES = {
    "binary_string_key": (1, binary_call("0c0001 0b0001 00000002 6162 00 00")),
    "binary_integer_key": (1, binary_call("0c0001 0a0001 ffffffffffffffff 00 00")),
    "binary_skips_containers": (0, binary_call(
        "0f0002 03 00000002 0102 0d0003 0b0c 00000001 00000001 61 00 0b0001 00000001 6b 00")),
    "binary_empty_containers": (0, binary_call("0f0002 0b 00000000 0d0003 0b0b 00000000 0b0001 "
                                               "00000001 6b 00")),
    "binary_uuid": (0, binary_call("100002" + "aa" * 16 + "0b0001 00000001 6b 00")),
    "binary_size_lies": (0, binary_call("0f0002 0c 7fffffff 00")),
    "binary_deep": (0, binary_call("0c0002" * 40 + "00" * 41)),
    "binary_reply": (1, binary_call("0c0001 00 00", kind=2)),
    "binary_no_key": (1, binary_call("0c0001 00 00")),
    "compact_string_key": (1, compact_call("1c 18026162 00 00")),
    "compact_integer_key": (1, compact_call("1c 1601 00 00")),
    "compact_byte_key": (0, compact_call("13ff 00")),
    "compact_too_wide_key": (0, compact_call("14808004 00")),
    "compact_skips_containers": (0, compact_call("2932010201 1b0238 0100 0201 61 0802 016b 00")),
    "compact_empty_map": (0, compact_call("2b00 080201 6b 00")),
    "compact_uuid": (0, compact_call("2d" + "aa" * 16 + "0802016b 00")),
    "compact_bool_fields": (0, compact_call("21 12 0802016b 00")),
    "compact_deep": (0, compact_call("2c" * 40 + "00" * 41)),
    "compact_id_overflows": (0, compact_call("05feff0302 1502 00")),
    # An empty set of elements of a type that Thrift does not know, its count written in two bytes.
    "compact_long_empty_count": (9, compact_call("d1 aa ff 80 00 00")),
    "compact_oneway": (1, compact_call("1c 18026162 00 00", kind=4)),
}
THRIFT_PATH = {name: bytes([steps, 0]) + message for name, (steps, message) in MESSAGES.items()}
THRIFT_PATH["neither"] = b"\1\0GET / HTTP/1.1"


def framed(message):
    return len(message).to_bytes(4, "big") + message


FIRST_PACKET = {name: bytes([8, 3]) + framed(message) for name, (_, message) in MESSAGES.items()}
FIRST_PACKET |= {
    "more_behind_it": FIRST_PACKET["compact_string_key"] + b"the next packet",
    "oversize": bytes([0, 9]) + b"\0\0\1\0\x80" + bytes(300),
    "length_of_all_bits": bytes([8, 0]) + b"\xff\xff\xff\xff\x82\x21",
    "length_zero": bytes([8, 0]) + b"\0\0\0\0\x80",
    "not_thrift": bytes([8, 2]) + b"GET / HTTP/1.1\r\n\r\n",
    "cut": FIRST_PACKET["binary_string_key"][:20],
    "another_method": bytes([8, 3]) + framed(compact_call("1c 18026162 00 00", name=b"login")),
}

# --- texts

SERVER, SAVED, FILE, ADDRESS = b"\0", b"\1", b"\2", b"\3"
SHARD_TEXTS = {
    "server": SERVER + b'{"host":"10.0.0.1","port":7000,"weight":100,"state":"up","instance":"a"}',
    "server_least": SERVER + b'{"host":"h","port":1}',
    "server_draining": SERVER + b'{"host":"h","port":65535,"weight":1,"state":"draining","x":[]}',
    "server_port_too_large": SERVER + b'{"host":"h","port":18446744073709551615}',
    "server_not_utf8": SERVER + b'{"host":"\xff\xfe","port":1}',
    "server_escapes": SERVER + b'{"host":"\\u0000\\ud83d\\ude00","port":1}',
    "server_deep": SERVER + b'{"host":' + b"[" * 900,
    "saved_map": SAVED + b'{"epoch":7,"servers":[{"name":"a","host":"h","port":1},'
                         b'{"name":"b","host":"h","port":2,"weight":3,"state":"draining"}]}',
    "saved_map_twice": SAVED + b'{"epoch":7,"servers":[{"name":"a","host":"h","port":1},'
                               b'{"name":"a","host":"h","port":1}]}',
    "saved_map_large_epoch": SAVED + b'{"epoch":18446744073709551615,"servers":[]}',
    "file": FILE + b'[[server]]\nname = "a"\nhost = "h"\nport = 1\nweight = 5\n',
    "file_of_mistakes": FILE + b'x = 1\n[[server]]\nname = "a b"\nport = "1"\nweight = 0\n',
    "file_of_no_tables": FILE + b"server = [1, [], {}]\n",
    "file_deep": FILE + b"server = " + b"[" * 600,
    "file_dates": FILE + b"a = 1979-05-27T07:32:00.999999-07:00\nb = inf\nc = 0xff\n",
    "file_strings": FILE + b'a = """\\\n  x\\U0001F600"""\nb = \'\'\'y\'\'\'\n',
    "file_dotted": FILE + b'[server.a."b c"]\nx.y = {z = [1, 2,]}\n',
    "address": ADDRESS + b"zk1:2181,zk2:2181/presenter",
    "address_of_ipv6": ADDRESS + b"[::1]:2181/a/b",
    "address_root": ADDRESS + b"zk:1/",
    "address_of_dots": ADDRESS + b"zk:1/./..",
}

CONFIG_VALUES = {
    "duration_ms": b"\0" + b"1500ms",
    "duration_h": b"\0" + b"12h",
    "duration_negative": b"\0" + b"-1s",
    "duration_overflow": b"\0" + b"9223372036854775808s",
    "endpoint_ipv4": b"\1" + b"127.0.0.1:443",
    "endpoint_ipv6": b"\1" + b"[fe80::1%1]:443",
    "endpoint_port": b"\1" + b"0.0.0.0:65536",
    "key_path": b"\2" + b"1.32767.3",
    "key_path_long": b"\2" + b"1.2.3.4.5.6.7.8.9",
    "key_path_signs": b"\2" + b"1.-2.+3",
    "zookeeper": b"\3" + b"zk1:2181,zk2:2181/presenter",
    "suggestion": b"\4" + b"certifcate",
}

# --- the script of tls_records_fuzz.cpp, in its own words

AES_128, AES_256, CHACHA20, OTHER_HEADER = 0, 1, 2, 0x80
FRAGMENTS = 0x40  # of 512 bytes, with AES-256
ALERT, HANDSHAKE, DATA = 21, 22, 23


def client_sends(suite, *steps, ours=b"", piece=0, header=b""):
    return bytes([suite, len(steps), piece]) + header + b"".join(steps) + ours


def sized(content):
    return bytes([len(content)]) + content


def data_record(content=b"hello"):
    return bytes([0]) + sized(content)


def record(kind, content=b""):
    return bytes([1, kind]) + sized(content)


def padded(kind, content=b"", padding=2):
    return bytes([2, kind]) + sized(content) + bytes([padding])


def inner(content):
    return bytes([3]) + sized(content)


def around_the_largest(kind, more):
    return bytes([4, kind, 128 + more])


def key_update(request):
    return bytes([5, request])


def fragment(content):
    return bytes([6]) + sized(content)


def tls_raw(content):
    return bytes([7]) + sized(content)


def spoil(place, mask=1):
    return bytes([8, place, mask])


def sequence_skips(count):
    return bytes([10, 128 + count])


def many(count, kind, content=b""):
    return bytes([11, count, kind]) + sized(content)


REPLAY = bytes([9])
CLOSE_NOTIFY, USER_CANCELED = bytes([1, 0]), bytes([1, 90])
KEY_UPDATE = bytes([24, 0, 0, 1, 1])
# So many times 200 bytes of ours; behind them a KeyUpdate if it is 1 modulo 3, our end if 15
# modulo 16.
OURS = bytes([1, 2, 4, 83, 0, 15])

TLS_RECORDS = {
    "data_aes_128": client_sends(AES_128, data_record(), data_record(b"x"), ours=OURS),
    "data_aes_256": client_sends(AES_256, data_record(), data_record(b"x"), ours=OURS),
    "data_chacha20": client_sends(CHACHA20, data_record(), data_record(b"x"), ours=OURS),
    "data_byte_by_byte": client_sends(AES_128, data_record(), padded(DATA, b"abc", 1)),
    "largest": client_sends(AES_128, around_the_largest(DATA, 0), data_record(), piece=200),
    "too_large": client_sends(AES_128, around_the_largest(DATA, 1), data_record()),
    "padded_to_the_largest": client_sends(AES_128, padded(DATA, b"x" * 200, 245)),
    "padded_beyond": client_sends(AES_128, padded(DATA, b"x" * 220, 255)),
    "nothing_but_padding": client_sends(AES_128, inner(bytes(40))),
    "nothing_at_all": client_sends(AES_128, inner(b"")),
    "empty_data": client_sends(AES_128, many(32, DATA), data_record(), many(33, DATA)),
    "close_notify": client_sends(AES_128, data_record(), record(ALERT, CLOSE_NOTIFY),
                                 data_record(), tls_raw(b"GET /"), ours=OURS),
    "close_notify_after_empty_data": client_sends(AES_128, many(32, DATA),
                                                  record(ALERT, CLOSE_NOTIFY)),
    "user_canceled": client_sends(AES_128, record(ALERT, USER_CANCELED), data_record()),
    "error_alert": client_sends(AES_128, record(ALERT, bytes([1, 20])), data_record()),
    "alert_in_two_records": client_sends(AES_128, record(ALERT, b"\1"), record(ALERT, b"\0")),
    "two_alerts_in_a_record": client_sends(AES_128, record(ALERT, CLOSE_NOTIFY * 2)),
    "alert_empty": client_sends(AES_128, padded(ALERT)),
    "key_update": client_sends(AES_128, data_record(), key_update(0), data_record(), ours=OURS),
    "key_update_requested": client_sends(AES_256, key_update(1), key_update(1), data_record(),
                                         ours=OURS),
    "key_update_flood": client_sends(CHACHA20, *[key_update(1)] * 34),
    "key_update_of_two": client_sends(AES_128, key_update(2), data_record()),
    "key_update_and_old_keys": client_sends(AES_128, fragment(KEY_UPDATE), data_record()),
    "key_update_in_fragments": client_sends(AES_128, fragment(KEY_UPDATE[:1]),
                                            fragment(KEY_UPDATE[1:4]), fragment(KEY_UPDATE[4:]),
                                            ours=OURS),
    "data_between_fragments": client_sends(AES_128, fragment(KEY_UPDATE[:2]), data_record()),
    "bytes_behind_key_update": client_sends(AES_128, record(HANDSHAKE, KEY_UPDATE + b"\0")),
    "key_update_too_long": client_sends(AES_128, fragment(bytes([24, 0, 0, 2, 0, 0]))),
    "session_ticket": client_sends(AES_128, record(HANDSHAKE, bytes([4, 0, 0, 1, 0]))),
    "handshake_empty": client_sends(AES_128, record(HANDSHAKE)),
    "unknown_content": client_sends(AES_128, record(24, b"\1")),
    "change_cipher_spec": client_sends(AES_128, tls_raw(bytes([20, 3, 3, 0, 1, 1]))),
    "in_the_clear": client_sends(AES_128, tls_raw(b"GET / HTTP/1.1")),
    "oversize_header": client_sends(AES_128, tls_raw(bytes([23, 3, 3, 0x41, 1]))),
    "length_zero": client_sends(AES_128, tls_raw(bytes([23, 3, 3, 0, 0]))),
    "cut": client_sends(AES_128, data_record(), tls_raw(bytes([23, 3, 3, 0, 17, 1, 2]))),
    "wrong_tag": client_sends(AES_128, data_record(), spoil(5 + 5 + 1), data_record()),
    "wrong_length": client_sends(AES_128, data_record(), spoil(4), data_record()),
    "replayed": client_sends(AES_128, data_record(), REPLAY),
    "one_is_missing": client_sends(AES_128, data_record(), sequence_skips(1), data_record()),
    "one_goes_back": client_sends(AES_128, data_record(), sequence_skips(-1), data_record()),
    "fragment_of_512": client_sends(FRAGMENTS, padded(DATA, b"x" * 200, 4), data_record(),
                                    ours=OURS),
    "fragment_too_large": client_sends(FRAGMENTS, data_record(), around_the_largest(DATA, -120)),
    "version_of_tls_1_0": client_sends(AES_128 | OTHER_HEADER, data_record(),
                                       header=bytes([DATA, 3])),
    "outer_type_of_a_handshake": client_sends(AES_128 | OTHER_HEADER, data_record(),
                                              header=bytes([HANDSHAKE, 3])),
}

# --- replies of Route 53; the first byte is the reader

XML, LIST, CALL, KEYS = (bytes([reader]) for reader in range(4))


def listed(sets, rest=b"<IsTruncated>false</IsTruncated>"):
    return (LIST + b'<ListResourceRecordSetsResponse xmlns="urn:x"><ResourceRecordSets>' + sets +
            b"</ResourceRecordSets>" + rest + b"</ListResourceRecordSetsResponse>")


def weighted(identifier, value, more=b""):
    return (b"<ResourceRecordSet><Name>c.</Name><Type>A</Type><SetIdentifier>" + identifier +
            b"</SetIdentifier><Weight>1</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord>"
            b"<Value>" + value + b"</Value></ResourceRecord></ResourceRecords>" + more +
            b"</ResourceRecordSet>")


ROUTE53_REPLIES = {
    "xml": XML + b"<?xml version='1.0'?><!-- x --><a b=\"c\">&amp;&#x3c;<d/></a>",
    "xml_doctype": XML + b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
    "xml_deep": XML + b"<a>" * 13,
    "list": listed(weighted(b"p-1", b"192.0.2.1") + weighted(b"other", b"192.0.2.2")),
    "list_escapes": listed(weighted(b"p&lt;&#233;&quot;", b"192.0.2.1")),
    "list_health_check": listed(weighted(b"p", b"::1", b"<HealthCheckId>h</HealthCheckId>")),
    "list_alias": listed(weighted(b"p", b"", b"<AliasTarget/>")),
    "list_simple": listed(b"<ResourceRecordSet><Name>c.</Name><Type>A</Type></ResourceRecordSet>"),
    "list_goes_on": listed(b"", b"<IsTruncated>true</IsTruncated><NextRecordType>A</NextRecordType>"
                                b"<NextRecordName>c.</NextRecordName>"),
    "change": CALL + b"<ChangeResourceRecordSetsResponse><ChangeInfo><Status>PENDING</Status>"
                     b"</ChangeInfo></ChangeResourceRecordSetsResponse>",
    "zone": CALL + b"<GetHostedZoneResponse><HostedZone><Name>c.</Name></HostedZone>"
                   b"</GetHostedZoneResponse>",
    "refusal": CALL + b"<ErrorResponse><Error><Code>Throttling</Code><Message>m</Message></Error>"
                      b"</ErrorResponse>",
    "refusal_of_a_batch": CALL + b"<InvalidChangeBatch><Messages><Message>m</Message></Messages>"
                                 b"</InvalidChangeBatch>",
    "keys_file": KEYS + b"# x\n[p]\naws_access_key_id = A\naws_secret_access_key=S\n[q]\n",
    "keys_json": KEYS + b'{"Code":"Success","AccessKeyId":"A","SecretAccessKey":"S","Token":"T",'
                        b'"Expiration":"2026-11-28T21:35:34.5Z"}',
}

# One byte chooses the reader, see powerdns_replies_fuzz.cpp.
def powerdns_zone(*sets):
    return b"\0" + json.dumps({"id": "example.", "rrsets": [
        {"name": "chat.example.", "type": kind, "ttl": 60,
         "records": [{"content": content, "disabled": False}]} for kind, content in sets]}).encode()


def powerdns_setting(**fields):
    return json.dumps([{**fields, "type": "x"}]).encode()


OUR_LUA = "A \"--[[presenter]] pickwrandom({{100,'192.0.2.1'},\" \"{7,'192.0.2.2'},})\""
POWERDNS_REPLIES = {
    "zone_empty": powerdns_zone(),
    "zone_of_ours": powerdns_zone(("LUA", OUR_LUA)),
    "zone_of_both_families": powerdns_zone(
        ("LUA", OUR_LUA), ("LUA", "AAAA \"--[[presenter]] pickwrandom({{1,'2001:db8::1'},})\"")),
    "zone_of_others": powerdns_zone(("LUA", "A \"ifportup(443, {'192.0.2.1'})\""),
                                    ("CNAME", "www.example."), ("TXT", '"x"')),
    "settings": b"\1" + powerdns_setting(name="enable-lua-records", value="yes"),
    "metadata": b"\2" + powerdns_setting(kind="ENABLE-LUA-RECORDS", metadata=["1"]),
    "failure": b'\3{"error": "RRset x IN LUA: Conflicts with pre-existing RRset"}',
    "failure_in_words": b"\3Not Found\r\n",
    "content": b"\4" + OUR_LUA.encode(),
    "name": b"\5Chat.Example",
}

# What the first version writes, whole and with one struct of each kind.
GOLDEN = HERE.parents[1] / "tests" / "unit" / "gateway" / "upgrade" / "golden"
UPGRADE_STATE = {
    "worker_1": (GOLDEN / "worker_1").read_bytes(),
    "nothing": b"\0",
    "too_many_clients": bytes.fromhex("79fc808080800400"),
    "another_type": bytes.fromhex("18026162 00"),
}

TARGETS = {
    "mux_core": MUX_CORE, "mux_frame": MUX_FRAME, "thrift_path": THRIFT_PATH,
    "first_packet": FIRST_PACKET, "shard_texts": SHARD_TEXTS, "config_values": CONFIG_VALUES,
    "tls_records": TLS_RECORDS, "route53_replies": ROUTE53_REPLIES,
    "powerdns_replies": POWERDNS_REPLIES, "upgrade_state": UPGRADE_STATE,
}


def seeds_on_disk(target):
    return {file.name: file.read_bytes() for file in (HERE / "corpus" / target).glob("*")}


def differences():
    for target, seeds in TARGETS.items():
        written = seeds_on_disk(target)
        for name in sorted(seeds.keys() | written.keys()):
            if name not in seeds:
                yield f"{target}/{name} is not written down in seeds.py"
            elif seeds[name] != written.get(name):
                yield f"{target}/{name} is not what seeds.py writes: run it"


def write():
    for target, seeds in TARGETS.items():
        folder = HERE / "corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in seeds.items():
            (folder / name).write_bytes(content)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, tell differences")
    if not parser.parse_args().check:
        write()
    different = list(differences())
    for each in different:
        print(each, file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
