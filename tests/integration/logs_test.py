"""The log for machines, records of clients, and a log that nobody takes."""

import contextlib
import fcntl
import json
import os
import random
import re
import select
import socket
import ssl

from chat_client import framed
from processes import PATIENCE, ROOT, main
from reload_test import ReloadCase

MONITORING = os.path.join(ROOT, "deploy/monitoring.md")
RECORD = {"time", "level", "message"}


def json_lines(text):
    """Every line but those that go to standard output, parsed strictly."""
    lines = [line for line in text.splitlines() if not line.startswith("presenter ready")]
    return [json.loads(line, parse_constant=lambda word: 1 / 0) for line in lines]


class LogsTest(ReloadCase):
    def installation(self, **log):
        self.install({"log": log})

    def records(self):
        return [json.loads(line) for line in self.gateway.output().splitlines()
                if re.search('"message":"client (closed|open)"', line)]

    def wait_records(self, count):
        self.wait_until(lambda: len(self.records()) >= count, f"{count} records")
        return self.records()

    def raw(self, *pieces):
        """Bytes that are no TLS."""
        host, port = self.gateway.address.rsplit(":", 1)
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 5) as tcp:
            for piece in pieces:
                tcp.sendall(piece)
            tcp.shutdown(socket.SHUT_WR)
            tcp.settimeout(5)
            while tcp.recv(4096):
                pass

    # --- for machines

    def test_every_line_is_json_under_abuse(self):
        self.installation(level="debug", format="json", clients=1)
        dice = random.Random(16)
        for size in (1, 5, 100, 3000):
            self.raw(dice.randbytes(size))
        self.raw(b"GET / HTTP/1.1\r\nHost: \"\\\n\xff\r\n\r\n")
        for message in (b"", b"\x00", b"\xff" * 64, dice.randbytes(200), b"\x80\x01\x00\x01" +
                        b"\x00\x00\x00\x05\xff\"\n\\\x00" + b"\x00" * 8):
            client = self.tls_client()
            client.send(framed(message))
            client.receive_to_end()
        client = self.tls_client(server_name="xn--a-" + "b" * 50 + ".example",
                                 prepare=lambda context: (
                                     setattr(context, "check_hostname", False),
                                     setattr(context, "verify_mode", ssl.CERT_NONE)))
        client.finish()
        client.receive_to_end()
        for key in ("quote\"d", "back\\slash", "line\nfeed", "\u00e4\u20ac\U0001f600", "x" * 200):
            self.echo_client(key).finish()
        self.echo_client().reset()
        self.gateway.get("/shards?%ff%0a=")
        closed = 4 + 1 + 5 + 1 + 5 + 1
        records = self.wait_records(closed)
        self.gateway.stop()
        lines = json_lines(self.gateway.output())
        self.assertGreater(len(lines), closed)
        for line in lines:
            self.assertLessEqual(RECORD, set(line))
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("debug", "info", "warning", "error", "critical"))
        self.assertGreaterEqual({record["reason"] for record in records},
                                {"handshake_failed", "client_finished", "client_reset"})
        self.assertIn("TLSv1.3", {record.get("tls_version") for record in records})
        text = self.gateway.output()
        for secret in ("quote", "slash", "feed", "xxxxxxxxxx"):
            self.assertNotIn(secret, text, "a key")

    # --- records

    def test_a_record_says_how_it_was(self):
        self.installation(format="json", clients=1)
        client = self.echo_client()
        self.assert_echoes(client, b"x" * 1000)
        client.finish()
        client.receive_to_end()
        (record,) = self.wait_records(1)
        size = len(client.first) + 1000
        self.assertEqual({key: record[key] for key in (
            "level", "message", "reason", "fault", "address", "backend", "bytes_to_backend",
            "bytes_to_client")},
            {"level": "info", "message": "client closed", "reason": "client_finished",
             "fault": "none", "address": "127.0.0.1", "backend": "chat-a",
             "bytes_to_backend": size, "bytes_to_client": size})
        self.assertRegex(record["key_hash"], "^[0-9a-f]{16}$")
        for name in ("handshake_ms", "opening_ms", "seconds", "idle_seconds", "port"):
            self.assertGreaterEqual(record[name], 0, name)
        self.assertLess(record["handshake_ms"], 1000 * record["seconds"] + 1)
        with open(MONITORING, encoding="utf-8") as file:
            section = file.read().split("\n### Records of clients\n")[1].split("\n## ")[0]
        documented = set(re.findall(r"`([a-z_]+)`", section))
        self.assertLessEqual(set(record) - RECORD, documented)

    def test_the_same_key_has_the_same_hash(self):
        self.installation(format="json", clients=1)
        for key in ("ann", "ben", "ann"):
            self.echo_client(key).finish()
        hashes = [record["key_hash"] for record in self.wait_records(3)]
        self.assertEqual(len(set(hashes)), 2)

    def test_records_are_bounded_and_what_is_held_back_is_told(self):
        self.installation(format="json", clients=1, clients_per_second=5)
        storm = 300
        for _ in range(storm):
            self.raw(b"no TLS")
        self.wait_closed(self.gateway, "handshake_failed", storm)
        ended = storm

        def is_all_told():
            nonlocal ended
            self.raw(b"no TLS")
            ended += 1
            told = sum(record.get("held_back", 0) for record in self.records())
            return told + len(self.records()) == ended
        self.wait_until(is_all_told, "the next record tells of those that were held back")
        held_back = self.gateway.metric("presenter_log_records_held_back_total")
        self.assertGreater(held_back, 0)
        self.assertEqual(len(self.records()) + held_back, ended)
        seconds = [record["time"][:19] for record in self.records()]
        # An interval of a second may lie in two of the clock's.
        self.assertLessEqual(max(seconds.count(each) for each in seconds), 10)

    def test_none_by_default(self):
        self.installation(format="json")
        self.echo_client().finish()
        self.wait_closed(self.gateway, "client_finished")
        self.assertEqual(self.records(), [])

    def test_text_for_people(self):
        self.installation(clients=1)
        self.echo_client().finish()
        self.gateway.wait_for_line(r"Z info client closed reason=client_finished fault=none "
                                   r"tag=\S+ address=127\.0\.0\.1 port=\d+ key_hash=")

    def test_a_reload_changes_each_key(self):
        self.installation()
        self.reload({"log": {"format": "json"}})
        self.echo_client().finish()
        self.wait_closed(self.gateway, "client_finished")
        self.reload({"log": {"format": "json", "clients": 1}})
        self.echo_client().finish()
        (record,) = self.wait_records(1)
        self.assertEqual(record["reason"], "client_finished")
        changed, pending = self.reload({"log": {"clients": 0.5, "clients_per_second": 7,
                                                "clients_interval": "1m"},
                                        "metrics": {"backends_max": 0}})
        self.assertEqual(sorted(changed), ["log.clients", "log.clients_interval",
                                           "log.clients_per_second", "log.format",
                                           "metrics.backends_max"])
        self.assertEqual(pending, {})
        self.assertNotIn("presenter_backend_links_up", self.gateway.get("/metrics")[1])
        last = self.gateway.output().splitlines()[-1]
        self.assertRegex(last, r"^\d{4}-\S+Z info ", "it is text again")

    # --- nobody takes it

    def start_with_errors_to(self, descriptor):
        self.gateway.stop()
        self.gateway.errors_to = descriptor
        self.gateway.start()
        self.gateway.wait_ready()

    def serve(self, count=40):
        for _ in range(count):
            client = self.echo_client()
            self.assert_echoes(client)
            client.finish()
            self.assertEqual(client.receive_to_end(), b"")

    def dropped(self):
        return self.gateway.metric("presenter_log_lines_dropped_total")

    def read_when_there_is(self, reader):
        self.assertTrue(select.select([reader], [], [], PATIENCE)[0], "there is something to read")
        return os.read(reader, 65536)

    def test_a_pipe_that_nobody_reads_holds_nobody_up(self):
        self.installation(level="debug", format="json", clients=1, clients_per_second=100000)
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        self.start_with_errors_to(writer)
        os.close(writer)
        self.serve()
        self.assertGreater(self.dropped(), 0)
        os.set_blocking(reader, False)
        first = os.read(reader, 65536)
        json_lines(first.decode())  # whole lines
        dropped = self.dropped()
        self.serve(1)
        said = json_lines(self.read_when_there_is(reader).decode())
        self.assertEqual(said[0]["level"], "warning")
        self.assertEqual(int(re.match(r"(\d+) lines of the log were dropped", said[0]["message"])
                             .group(1)), dropped)
        self.assertEqual(self.gateway.stop(), 0)

    def test_a_full_disk_holds_nobody_up(self):
        self.installation(level="debug")
        with open("/dev/full", "wb", buffering=0) as full:
            self.start_with_errors_to(full.fileno())
        self.serve(3)
        self.assertGreater(self.dropped(), 3)
        self.assertEqual(self.gateway.stop(), 0)

    def test_the_journal_is_told_priorities(self):
        self.installation()
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        found = os.fstat(writer)
        os.environ["JOURNAL_STREAM"] = f"{found.st_dev}:{found.st_ino}"
        self.addCleanup(os.environ.pop, "JOURNAL_STREAM")
        self.start_with_errors_to(writer)
        os.close(writer)
        os.set_blocking(reader, False)
        lines = os.read(reader, 65536).decode().splitlines()
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, r"^<[346]>\d{4}-\S+ (info|warning|error) ")


if __name__ == "__main__":
    main()
