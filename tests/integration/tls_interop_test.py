"""Other people's TLS clients, every suite, and KeyUpdates from them in the middle of traffic.

GnuTLS and OpenSSL by their own command-line clients; with TLS 1.2, whose suites come with two kinds
of certificates, also Java's and Node's. Python's `ssl` is what the other themes use.
"""

import json
import os
import ssl
import subprocess
import threading
from unittest import mock

from chat_client import authenticate_message, framed
from processes import PATIENCE, ROOT, InstallationTest, main, wait_until
from record_watch import RecordWatch
from tls_client import TlsClient

FIRST = framed(authenticate_message("couple", "ann"))
# Neither client takes it for a command of its own, and nothing in it is told apart from chatter.
PAYLOAD = b"".join(b"line %06d of what is echoed\n" % number for number in range(4_000))

# In small records s_client chatters among more than this.
SHORT_PAYLOAD = b"".join(b"%06d %s\n" % (number, b"x" * 400) for number in range(8))

GNUTLS_SUITES = ("AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305")
# Of a record beside its fragment: TLS 1.3 a type and a tag, TLS 1.2 a nonce and a tag.
OVERHEAD_13, OVERHEAD_12 = 17, 24

DETACHES = os.environ.get("PRESENTER_DETACH_RECORDS") != "false"

# Of TLS 1.2, as OpenSSL, GnuTLS and everybody else calls them.
SUITES_12 = [(f"ECDHE-{key}-{openssl}", f"+ECDHE-{key}:-CIPHER-ALL:+{gnutls}",
              f"TLS_ECDHE_{key}_WITH_{iana}")
             for key in ("ECDSA", "RSA")
             for openssl, gnutls, iana in (
                 ("AES128-GCM-SHA256", "AES-128-GCM", "AES_128_GCM_SHA256"),
                 ("AES256-GCM-SHA384", "AES-256-GCM", "AES_256_GCM_SHA384"),
                 ("CHACHA20-POLY1305", "CHACHA20-POLY1305", "CHACHA20_POLY1305_SHA256"))]
NAME = "chat.example"  # Java does not ask for a name without a dot
NO_EXTENDED_MASTER_SECRET = 1  # of OpenSSL's options
LENGTHS = (1, 15, 16, 17, 1_000, 16_383, 16_384, 16_385, 100_000)

OPENSSL_SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                  "TLS_CHACHA20_POLY1305_SHA256")


class CommandLineClient:
    """A client program whose standard input and output are the plain bytes, among its chatter."""

    def __init__(self, command):
        self.command = command
        self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
        self._output = b""
        self._is_over = False
        self._reader = threading.Thread(target=self._read_all)
        self._reader.start()

    def _read_all(self):
        while piece := os.read(self.child.stdout.fileno(), 65536):
            self._output += piece
        self._is_over = True

    def send(self, data):
        self.child.stdin.write(data)
        self.child.stdin.flush()

    def expect(self, data):
        """Waits until its output has these bytes behind those that were expected before."""
        try:
            wait_until(lambda: data in self._output or self._is_over, PATIENCE, "the echo")
        finally:
            at = self._output.find(data)
            if at < 0:
                raise AssertionError(f"{self.command}: {data[:60]!r} … did not come back:\n"
                                     f"{self._output[-2_000:].decode(errors='replace')}")
        self._output = self._output[at + len(data):]

    def close(self):
        self.child.stdin.close()
        try:
            self.child.wait(PATIENCE)
        finally:
            self.child.kill()
            self._reader.join()
            self.child.stdout.close()


class TlsInteropTest(InstallationTest):
    def setUp(self):
        super().setUp()
        _, self.gateway = self.static_installation(echo=True)
        self.port = self.gateway.address.rsplit(":", 1)[1]

    def gnutls(self, priority):
        return self.client(["gnutls-cli", "--port", self.port, "--inline-commands",
                            f"--x509cafile={self.cluster.certificates.authority}",
                            f"--priority={priority}", "localhost"])

    def openssl(self, *options):
        # Not -quiet: that would turn its commands off.
        return self.client(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}",
                            "-servername", "localhost", "-verify_return_error", "-nbio",
                            "-CAfile", self.cluster.certificates.authority, *options])

    def watch_records(self):
        """Clients to come are led through it."""
        watch = RecordWatch(self.gateway)
        self.addCleanup(watch.close)
        self.port = str(watch.port)
        return watch

    def assert_largest_record(self, client, link, length):
        """All that the client is sent from now on, of which there will be full records."""
        self.authenticate(client)
        for _ in range(20):
            self.assert_echoes(client, SHORT_PAYLOAD)
            if max(link.lengths) >= length:
                break
        self.assertEqual(max(link.lengths), length)

    def client(self, command):
        client = CommandLineClient(command)
        self.addCleanup(client.close)
        return client

    def assert_echoes(self, client, data=PAYLOAD):
        client.send(data)
        client.expect(data)

    def authenticate(self, client):
        self.assert_echoes(client, FIRST + b"\n")

    def assert_follows_updates(self, client, update_own, update_both, said):
        """What these commands of the client's do, in the middle of traffic."""
        self.authenticate(client)
        for number in range(3):
            for command in (update_own, update_both):
                client.send(command)
                client.expect(said)
                self.assert_echoes(client, b"after update %d\n" % number)
                self.assert_echoes(client)

    def test_gnutls_with_every_suite(self):
        for suite in GNUTLS_SUITES:
            with self.subTest(suite=suite):
                client = self.gnutls(f"NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+{suite}")
                client.expect(b"(TLS1.3-X.509)")
                client.expect(suite.encode())
                self.authenticate(client)
                self.assert_echoes(client)

    def test_gnutls_updates_its_keys_and_asks_for_ours(self):
        self.assert_follows_updates(self.gnutls("NORMAL:-VERS-ALL:+VERS-TLS1.3"),
                                    b"^rekey1^\n", b"^rekey^\n", b"Rekey was completed")

    def test_gnutls_speaks_tls_1_2(self):
        client = self.gnutls("NORMAL:-VERS-ALL:+VERS-TLS1.2")
        client.expect(b"(TLS1.2")
        self.authenticate(client)
        self.assert_echoes(client)

    def test_gnutls_asks_for_small_fragments(self):
        watch = self.watch_records()
        for version, overhead in (("1.3", OVERHEAD_13), ("1.2", OVERHEAD_12)):
            with self.subTest(version=version):
                client = self.client(["gnutls-cli", "--port", self.port, "--recordsize=512",
                                      f"--x509cafile={self.cluster.certificates.authority}",
                                      f"--priority=NORMAL:-VERS-ALL:+VERS-TLS{version}"
                                      ":-CIPHER-ALL:+AES-128-GCM", "localhost"])
                client.expect(b"Handshake was completed")
                # gnutls-cli sends only the beginning of what does not fit into one record.
                self.authenticate(client)
                for line in SHORT_PAYLOAD.splitlines(keepends=True):
                    self.assert_echoes(client, line)
                self.assertLessEqual(max(watch.links[-1].lengths), 512 + overhead)

    def test_openssl_asks_for_small_fragments(self):
        watch = self.watch_records()
        for length in (512, 1024):
            for version, overhead in (("-tls1_3", OVERHEAD_13), ("-tls1_2", OVERHEAD_12)):
                with self.subTest(version=version, length=length):
                    client = self.openssl(version, "-maxfraglen", str(length))
                    client.expect(b"Cipher is")
                    self.assert_largest_record(client, watch.links[-1], length + overhead)

    def test_openssl_with_every_suite(self):
        for suite in OPENSSL_SUITES:
            with self.subTest(suite=suite):
                client = self.openssl("-tls1_3", "-ciphersuites", suite)
                client.expect(b"TLSv1.3, Cipher is " + suite.encode())
                self.authenticate(client)
                self.assert_echoes(client)

    def test_openssl_updates_its_keys_and_asks_for_ours(self):
        client = self.openssl("-tls1_3")
        client.expect(b"TLSv1.3, Cipher is ")
        self.assert_follows_updates(client, b"k\n", b"K\n", b"KEYUPDATE")


class Tls12InteropTest(InstallationTest):
    """Each suite with each kind of key, full and resumed, with the extended master secret and
    without: every byte comes back, and all are detached where the gateway detaches."""

    def setUp(self):
        super().setUp()
        pairs = []
        for stem, key in (("ecdsa", self.cluster.certificates.EC_KEY),
                          ("rsa", self.cluster.certificates.RSA_KEY)):
            path = os.path.join(self.cluster.folder, stem)
            self.cluster.certificates.issue(path, f"DNS:{NAME}", new_key=key)
            pairs.append({"certificate": f"{path}.pem", "private_key": f"{path}.key"})
        _, self.gateway = self.static_installation(echo=True, tables={"tls.certificates": pairs})
        self.authority = self.cluster.certificates.authority
        self.port = self.gateway.address.rsplit(":", 1)[1]

    def handshakes(self):
        by_kind = self.gateway.metrics().by_label("presenter_handshakes_total", "kind")
        return by_kind["full"], by_kind["resumed"]

    def assert_served(self, clients, before):
        """So many are served, half of them with a session of before, and none by OpenSSL unless it
        is to serve all."""
        self.assertEqual(self.gateway.metric("presenter_clients_open", phase="relaying"), clients)
        self.assertEqual(self.not_detached(), 0 if DETACHES else clients)
        self.assertEqual(self.handshakes(), tuple(kind + clients / 2 for kind in before))

    def not_detached(self):
        """Clients that could not go along with an upgrade."""
        run = self.cluster.presenterctl("gateway", "upgrade", "--gateway", self.gateway.admin,
                                        "--dry-run", "--yes", "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)["gateways"][0]["last"]["left_behind"]

    def check_program(self, *command):
        before = self.handshakes()
        client = CommandLineClient(list(command))
        self.addCleanup(client.close)
        client.expect(b"all are served\n")
        self.assert_served(2 * len(SUITES_12), before)
        client.close()
        self.assertEqual(client.child.returncode, 0)
        self.wait_nobody_left(self.gateway)

    def test_java(self):
        for use in ("true", "false"):
            with self.subTest(extended_master_secret=use):
                self.check_program(
                    "java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                    f"-Djdk.tls.useExtendedMasterSecret={use}",
                    os.path.join(ROOT, "tests/support/Tls12Client.java"), self.port,
                    self.authority, NAME, FIRST.hex(), *(iana for _, _, iana in SUITES_12))

    def test_node(self):
        for options in (0, NO_EXTENDED_MASTER_SECRET):
            with self.subTest(options=options):
                self.check_program(
                    "node", os.path.join(ROOT, "tests/support/tls12_client.js"), self.port,
                    self.authority, NAME, FIRST.hex(), str(options),
                    *(openssl for openssl, _, _ in SUITES_12))

    def test_openssl(self):
        for options in (0, NO_EXTENDED_MASTER_SECRET):
            with self.subTest(options=options):
                before = self.handshakes()
                clients = [client for suite, _, _ in SUITES_12
                           for client in self.openssl_pair(suite, options)]
                self.assert_served(len(clients), before)
                for client in clients:
                    client.finish()
                    self.assertEqual(client.receive_to_end(), b"")
                self.wait_nobody_left(self.gateway)

    def test_a_suite_without_an_aead_stays_with_openssl(self):
        suite = "ECDHE-ECDSA-AES128-SHA256"
        shards = self.cluster.static_shards(self.chat_servers(("chat-b",), echo=True))
        self.gateway = self.cluster.gateway("gateway-b", shards, {"tls": {"suites_12": [suite]}})
        self.gateway.wait_ready()
        clients = self.openssl_pair(suite, 0, "localhost")
        self.assertEqual(self.not_detached(), len(clients))
        for client in clients:
            client.finish()
            self.assertEqual(client.receive_to_end(), b"")

    def openssl_pair(self, suite, options, server_name=NAME):
        """One that makes a session, and one that resumes it."""
        def prepare(context):
            context.set_ciphers(suite)
            context.options |= options
        clients = []
        for resume in (False, True):
            client = TlsClient(self.gateway.address, self.cluster.certificates,
                               ssl.TLSVersion.TLSv1_2, server_name=server_name, prepare=prepare,
                               resume=clients[0] if resume else None)
            self.addCleanup(client.tcp.close)
            self.assertEqual((client.tls.cipher()[0], client.tls.session_reused), (suite, resume))
            for data in (FIRST, *(os.urandom(length) for length in LENGTHS)):
                client.send(data)
                self.assertEqual(client.receive_exactly(len(data)), data)
            clients.append(client)
        return clients

    def test_gnutls(self):
        for extra in ("", ":%NO_SESSION_HASH"):
            with self.subTest(extra=extra):
                before = self.handshakes()
                clients = [self.gnutls("NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:" + suite + extra)
                           for _, suite, _ in SUITES_12]
                self.assertEqual(self.not_detached(), 0 if DETACHES else len(clients))
                self.assertEqual(self.handshakes(), tuple(kind + len(clients) for kind in before))
                for client in clients:
                    client.close()
                self.wait_nobody_left(self.gateway)

    def gnutls(self, priority):
        """It has resumed its own session."""
        client = CommandLineClient([
            "gnutls-cli", "--resume", "--port", self.port, f"--x509cafile={self.authority}",
            f"--sni-hostname={NAME}", f"--verify-hostname={NAME}", f"--priority={priority}",
            "localhost"])
        self.addCleanup(client.close)
        client.expect(b"This is a resumed session")
        for data in (FIRST + b"\n", PAYLOAD):
            client.send(data)
            client.expect(data)
        return client


class RecordPaddingTest(InstallationTest):
    """RecordPadding of openssl.cnf, which the gateway does not read: neither for OpenSSL's records
    nor for its own, which would not keep to it."""

    def lengths_with(self, detach_records):
        """Of the records that a client is sent for the same bytes."""
        servers = self.chat_servers(("chat-" + str(detach_records),), echo=True)
        gateway = self.cluster.gateway(f"gateway-{detach_records}",
                                       self.cluster.static_shards(servers),
                                       {"tls": {"detach_records": detach_records}})
        gateway.wait_ready()
        watch = RecordWatch(gateway)
        self.addCleanup(watch.close)
        client = TlsClient(f"127.0.0.1:{watch.port}", self.cluster.certificates)
        self.addCleanup(client.tcp.close)
        client.send(FIRST)
        client.receive_exactly(len(FIRST))
        for size in (1, 1_000, 3_000):
            client.send(b"x" * size)
            client.receive_exactly(size)
        client.finish()
        client.receive_to_end()
        # The handshake's are OpenSSL's in either case.
        return watch.links[0].lengths[-5:]

    def test_detached_records_are_as_long_as_openssls_own(self):
        path = self.write_private("openssl.cnf", b"""
openssl_conf = all
[all]
ssl_conf = tls
[tls]
system_default = listener
[listener]
RecordPadding = 512
""")
        with mock.patch.dict(os.environ, OPENSSL_CONF=path):
            padded = self.lengths_with(True)
            self.assertEqual(padded, self.lengths_with(False))


if __name__ == "__main__":
    main()
