"""presenterctl gateway: who is connected, one client, closing some, the log's level; and what
becomes of those who abuse the admin endpoint."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import stat
import struct
import subprocess
import termios
import urllib.error
import urllib.request

from client_case import ClientCase
from processes import PROGRAMS, ClusterError, Gateway, free_port, main

COUPLES = [f"couple {number}/ä&=" for number in range(30)]


class ClientsTest(ClientCase):
    def setUp(self):
        super().setUp()
        self.servers, self.gateway = self.static_installation(
            ("chat-a", "chat-b"), {"workers": {"count": 2}}, echo=True)

    def ctl(self, *words, status=0):
        run = self.cluster.presenterctl("gateway", *words, "--gateway", self.gateway.admin)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run.stderr if status else run.stdout

    def page(self, *words):
        [page] = json.loads(self.ctl(*words, "--json"))["gateways"]
        return page

    def fill(self):
        return [self.echo_client(couple) for couple in COUPLES]

    def test_everybody_is_listed_page_by_page(self):
        clients = self.fill()
        addresses = {"127.0.0.1:{}".format(client.tcp.getsockname()[1]) for client in clients}
        whole = self.page("clients", "--all", "--count", "7")
        self.assertEqual({client["address"] for client in whole["clients"]}, addresses)
        self.assertEqual(len(whole["clients"]), whole["matching"])
        first = self.page("clients", "--count", "7")
        self.assertEqual([client["tag"] for client in first["clients"]],
                         [client["tag"] for client in whole["clients"][:7]])
        # Whoever leaves meanwhile makes nobody appear twice, and nobody be left out.
        gone = {client["address"] for client in (first["clients"][-1], whole["clients"][10])}
        for client in clients:
            if "127.0.0.1:{}".format(client.tcp.getsockname()[1]) in gone:
                client.tcp.close()
        self.wait_until(lambda: self.page("clients")["matching"] == len(clients) - 2, "two left")
        rest = self.page("clients", "--cursor", first["next"])
        self.assertEqual([client["tag"] for client in rest["clients"]],
                         [client["tag"] for client in whole["clients"][7:]
                          if client["address"] not in gone])
        self.assertIsNone(rest["next"])
        out = self.ctl("clients", "--count", "7")
        self.assertRegex(out, r"(?m)^TAG +ADDRESS +BACKEND +PHASE +FOR +IDLE +TO BACKEND")
        self.assertRegex(out, r"(?m)^\S+: 7 of 28 that match; more: --cursor \d\.\d+$")

    def test_filters(self):
        clients = self.fill()
        of_a = self.page("clients", "--backend", "chat-a")
        of_b = self.page("clients", "--backend", "chat-b")
        self.assertEqual(of_a["matching"] + of_b["matching"], len(COUPLES))
        self.assertGreater(of_a["matching"], 0)
        [ann] = self.page("clients", "--key", COUPLES[3])["clients"]
        self.assertEqual(ann["address"], "127.0.0.1:{}".format(clients[3].tcp.getsockname()[1]))
        self.assertEqual(self.page("clients", "--hash", ann["hash"])["clients"][0]["tag"],
                         ann["tag"])
        self.assert_echoes(clients[3], b"x" * 5000)
        [talker] = self.page("clients", "--bytes", "10000")["clients"]
        self.assertEqual(talker["tag"], ann["tag"])
        self.assertEqual(talker["bytes_to_client"], len(clients[3].first) + 5000)
        self.assertEqual(self.page("clients", "--address", "10.0.0.0/8")["matching"], 0)
        self.assertEqual(self.page("clients", "--address", "127.0.0.0/8")["matching"], 30)
        self.assertEqual(self.page("clients", "--idle", "1h")["matching"], 0)
        silent = self.tls_client()
        self.wait_until(lambda: self.page("clients", "--phase", "first_packet")["matching"] == 1,
                        "one has said nothing")
        silent.tcp.close()
        for wrong in (["--phase", "asleep"], ["--idle", "5"], ["--address", "here"],
                      ["--cursor", "x"]):
            self.ctl("clients", *wrong, status=2)
        self.assertNotIn("couple", self.gateway.output(), "keys are in no log")
        self.assertNotIn("couple", json.dumps(self.page("clients")))

    def test_one_client(self):
        client = self.echo_client(COUPLES[0])
        [listed] = self.page("clients")["clients"]
        shown = self.page("client", listed["tag"])
        self.assertEqual(shown["address"], listed["address"])
        self.assertEqual(shown["owner"], shown["backend"])
        out = self.ctl("client", listed["tag"])
        self.assertRegex(out, rf"(?m)^address +{re.escape(listed['address'])}$")
        self.assertIn("no such client", self.ctl("client", listed["tag"] + "1", status=1))
        self.assert_echoes(client)

    def test_closing(self):
        clients = self.fill()
        others = [self.echo_client(COUPLES[5]), self.echo_client(COUPLES[5])]
        [ann] = self.page("clients", "--key", COUPLES[4])["clients"]
        self.assertEqual(self.page("close", ann["tag"])["closed"], 1)
        self.assertEqual(clients[4].receive_to_end(), b"", "cleanly")
        self.assertIn("no such client", self.ctl("close", "nobody-0-1", status=1))
        self.assertEqual(self.page("close", "--key", COUPLES[5])["closed"], 3)
        for client in [clients[5], *others]:
            self.assertEqual(client.receive_to_end(), b"")
        self.wait_closed(self.gateway, "closed_by_operator", 4)
        self.assertIn("no such client", self.ctl("close", "--key", COUPLES[5], status=1))
        self.ctl("close", status=2)
        self.ctl("close", "tag", "--key", "key", status=2)
        self.assert_echoes(clients[6])
        # Also one that is nowhere yet.
        silent = self.tls_client()
        self.wait_until(lambda: self.page("clients", "--phase", "first_packet")["matching"] == 1,
                        "one has said nothing")
        [early] = self.page("clients", "--phase", "first_packet")["clients"]
        self.assertIsNone(early["hash"])
        self.assertEqual(self.page("close", early["tag"])["closed"], 1)
        self.assertEqual(silent.receive_to_end(), b"")

    def test_whoever_has_the_client_answers_for_all(self):
        other = self.cluster.gateway("other", self.cluster.static_shards(self.servers))
        other.wait_ready()
        self.echo_client(COUPLES[0])
        [ann] = self.page("clients")["clients"]
        words = ("gateway", "client", ann["tag"], "--gateway", other.admin, "--gateway",
                 self.gateway.admin)
        run = self.cluster.presenterctl(*words)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertIn(ann["address"], run.stdout)

    def test_the_log_becomes_louder_and_quieter(self):
        self.assertIn("info", self.ctl("log-level"))
        self.ctl("log-level", "debug")
        self.assertEqual(self.page("log-level")["level"], "debug")
        self.echo_client(COUPLES[0]).tcp.close()
        self.gateway.wait_for_line("closed: ")
        self.ctl("log-level", "error")
        self.assertEqual(self.page("status")["status"]["log_level"], "error")
        self.assertIn("the level must be one of", self.ctl("log-level", "loud", status=2))


class TopTest(ClientCase):
    def setUp(self):
        super().setUp()
        _, self.gateway = self.static_installation(tables={"workers": {"count": 2}}, echo=True)
        self.words = [os.path.join(PROGRAMS, "presenterctl"), "gateway", "top", "--gateway",
                      self.gateway.admin, "--interval", "0.2"]

    def test_once_for_scripts(self):
        clients = [self.echo_client(couple) for couple in COUPLES]
        self.assert_echoes(clients[2], b"x" * 9000)
        run = subprocess.run([*self.words, "--once", "--json", "--count", "5"], check=True,
                             capture_output=True, text=True)
        [page] = json.loads(run.stdout)["gateways"]
        self.assertEqual(page["clients"], len(COUPLES))
        self.assertEqual(page["phases"]["relaying"], len(COUPLES))
        self.assertEqual(page["counters"]["handshakes"]["full"], len(COUPLES))
        self.assertEqual(page["counters"]["bytes_to_client"],
                         self.gateway.metric("presenter_relayed_bytes_total",
                                             direction="to_client"))
        self.assertEqual(len(page["busiest"]), 5)
        self.assertEqual(page["busiest"][0]["address"],
                         "127.0.0.1:{}".format(clients[2].tcp.getsockname()[1]))
        self.assertEqual(page["busiest_backends"][0]["streams"], len(COUPLES))
        self.assertEqual(page["rates"]["accepted"], 0)
        self.assertGreater(page["rates"]["seconds"], 0.19)
        text = subprocess.run([*self.words, "--once"], check=True, capture_output=True,
                              text=True).stdout
        self.assertRegex(text, r"(?m)^PER SECOND +CAME +LEFT ")
        self.assertNotIn("\x1b", text)
        run = subprocess.run(self.words, check=False, capture_output=True, text=True)
        self.assertEqual((run.returncode, run.stdout), (2, ""), "a pipe is no terminal")

    def test_a_terminal_is_drawn_on_and_given_back(self):
        self.echo_client(COUPLES[0])
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        self.addCleanup(os.close, slave)
        before = termios.tcgetattr(slave)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 130, 0, 0))
        for ending in (lambda: os.write(master, b"q"), lambda: child.send_signal(signal.SIGTERM)):
            child = subprocess.Popen(self.words, stdin=slave, stdout=slave, stderr=slave)
            drawn = self.read_until(master, rb"(?s)\x1b\[\?1049h.*PER SECOND.*chat-a.*\x1b\[J")
            self.assertIn(b"relaying 1", drawn)
            self.assertNotEqual(termios.tcgetattr(slave), before)
            # A smaller one is drawn on at once.
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 4, 20, 0, 0))
            child.send_signal(signal.SIGWINCH)
            self.read_until(master, rb"(?s)\x1b\[H(?:[^\n]{0,30}\n){3}[^\n]{0,30}\x1b\[J")
            ending()
            self.read_until(master, rb"\x1b\[\?25h\x1b\[\?1049l")
            self.assertEqual(child.wait(30), 0)
            self.assertEqual(termios.tcgetattr(slave), before)
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 130, 0, 0))

    def read_until(self, terminal, pattern):
        text = b""
        while not re.search(pattern, text):
            ready, _, _ = select.select([terminal], [], [], 30)
            self.assertTrue(ready, text)
            text += os.read(terminal, 65536)
        return text


def receive_all(connection):
    """Everything up to the end, or to a reset."""
    received = b""
    try:
        while piece := connection.recv(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


class AdminPlacesTest(ClientCase):
    """Where the admin endpoint can be reached, and who may do what there."""

    def start(self, tables, name="gateway", servers=None):
        self.servers = servers or self.chat_servers(["chat-a"], echo=True)
        gateway = self.cluster.gateway(name, self.cluster.static_shards(self.servers), tables)
        gateway.wait_ready()
        return gateway

    def ctl(self, *words, status=0):
        run = self.cluster.presenterctl("gateway", *words)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run.stdout + run.stderr

    def ask_at(self, place, target, method="GET", token=None):
        """Status and page."""
        request = urllib.request.Request(f"http://{place}{target}", method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def test_the_unix_socket(self):
        path = self.path("own.sock")
        self.gateway = self.start({"admin": {"address": "127.0.0.1:0", "socket": path}})
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)
        place = f"unix:{path}"
        self.echo_client(COUPLES[0])
        self.assertIn("relaying", self.ctl("clients", "--gateway", place))
        self.assertIn("1", self.ctl("close", "--key", COUPLES[0], "--gateway", place))
        self.assertRegex(self.ctl("drain", "--gateway", place), "withdrawing|draining")
        self.ctl("undrain", "--gateway", place)
        # It goes along with an upgrade, and nobody else has been told of it.
        before = self.gateway.child.pid
        self.assertIn("done", self.ctl("upgrade", "--gateway", place))
        page = json.loads(self.ctl("status", "--json", "--gateway", place))["gateways"][0]
        self.assertNotEqual(page["status"]["pid"], before)
        self.assertEqual(page["status"]["admin_socket"], path)
        self.assertEqual(self.gateway.stop(), 0)
        self.assertFalse(os.path.exists(path), "nothing is left behind")
        self.assertIn("refused", self.ctl("status", "--gateway", place, status=3))

    def test_what_a_dead_gateway_left_is_taken_over_and_what_a_living_one_has_is_not(self):
        path = self.path("own.sock")
        tables = {"admin": {"address": "127.0.0.1:0", "socket": path}}
        first = self.start(tables)
        first.kill()
        self.assertTrue(os.path.exists(path))
        second = self.start(tables, "second", self.servers)
        place = f"unix:{path}"
        self.assertIn("yes", self.ctl("status", "--gateway", place))
        # Another one at the same address waits for its turn, and serves meanwhile.
        successor = self.start({**tables, "listen": {"address": second.address}}, "third",
                               self.servers)
        successor.wait_for_line(r"warning admin\.socket: \S+ is taken, by the other gateway")
        self.assertEqual(second.stop(), 0)
        successor.wait_for_line(r"info admin\.socket: \S+ is free, and answered by this gateway")
        self.assertIn("yes", self.ctl("status", "--gateway", place))
        # One that has nothing to do with it does not start.
        self.assertIn(f"admin.socket: cannot listen on {path}: another process answers there",
                      self.failing(tables))

    def failing(self, tables):
        """What a gateway says that does not start."""
        gateway = Gateway("stranger", self.cluster.folder, PROGRAMS, self.cluster.certificates,
                          self.cluster.static_shards(self.servers), tables)
        self.addCleanup(gateway.stop)
        with self.assertRaises(ClusterError):
            gateway.start()
        self.assertEqual(gateway.wait(30), 1)
        return gateway.output()

    def test_a_token_opens_what_metrics_do_not_need(self):
        token = "correct-horse-battery-staple"
        file = self.write_private("token", (token + "\n").encode())
        self.gateway = self.start({"admin": {"address": "0.0.0.0:0", "token_file": file}})
        place = self.gateway.admin.replace("0.0.0.0", "127.0.0.1")
        self.assertEqual(self.ask_at(place, "/healthz"), (200, "ok\n"))
        self.assertEqual(self.ask_at(place, "/metrics")[0], 200)
        for target, method, said in (("/status", "GET", None), ("/drain", "POST", token + "x"),
                                     ("/clients", "GET", token[:-1]), ("/drain", "POST", None)):
            status, page = self.ask_at(place, target, method, said)
            self.assertEqual((status, json.loads(page)),
                             (401, {"error": "the token is missing or wrong"}), target)
        self.assertEqual(self.ask_at(place, "/status", token=token)[0], 200)
        self.assertEqual(self.ask_at(place, "/log-level?level=info", "PUT", token)[0], 200)
        self.gateway.wait_for_line("admin: a wrong token, from 127.0.0.1")
        self.assertNotIn("horse", self.gateway.output())
        metrics = self.ask_at(place, "/metrics")[1]
        self.assertIn('presenter_admin_refusals_total{reason="token"} 4\n', metrics)
        self.assertIn("yes", self.ctl("status", "--gateway", place, "--token-file", file))
        self.assertIn("missing or wrong", self.ctl("status", "--gateway", place, status=4))

    def test_scraping_has_a_place_of_its_own(self):
        port = free_port()
        self.gateway = self.start({"admin": {"address": "127.0.0.1:0",
                                             "metrics_address": f"0.0.0.0:{port}"}})
        place = f"127.0.0.1:{port}"
        for target in ("/healthz", "/readyz", "/metrics"):
            self.assertEqual(self.ask_at(place, target)[0], 200, target)
        for target, method in (("/status", "GET"), ("/clients", "GET"), ("/drain", "POST")):
            status, page = self.ask_at(place, target, method)
            self.assertEqual((status, list(json.loads(page))), (404, ["error"]), target)

    def test_powers_are_not_open_to_the_network(self):
        self.servers = self.chat_servers(["chat-a"], echo=True)
        for tables, said in (
                ({"address": "0.0.0.0:9100"},
                 r"admin\.address: 0\.0\.0\.0:9100 is not the loopback"),
                ({"address": "127.0.0.1:0", "token_file": self.write_private("t", b"short\n")},
                 r"admin\.token_file: '\S+' does not hold one line of 16 to 256"),
                ({"address": "127.0.0.1:0", "socket": "s" * 120},
                 r"admin\.socket: '\S+' is longer than 107 bytes")):
            self.assertRegex(self.failing({"admin": tables}), said)

    def test_abuse_hurts_nobody(self):
        self.gateway = self.start({"admin": {"address": "127.0.0.1:0",
                                             "socket": self.path("own.sock")}})
        client = self.echo_client(COUPLES[0])
        host, port = self.gateway.admin.split(":")

        def connect():
            connection = socket.create_connection((host, int(port)), timeout=30)
            self.addCleanup(connection.close)
            return connection

        # Requests that are no requests, or too large.
        for text, status in ((b"\x16\x03\x01\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nX: " +
                             b"x" * 100_000 + b"\r\n\r\n", 431),
                             (b"POST /drain HTTP/1.1\r\nContent-Length: 99999\r\n\r\n" +
                              b"y" * 99_999, 413)):
            connection = connect()
            connection.sendall(text)
            answer = receive_all(connection)
            self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), answer[:60])
            self.assertEqual(list(json.loads(answer.split(b"\r\n\r\n")[1])), ["error"])
        # Somebody keeps all sessions: the next is told so, and the unix socket is another place.
        kept, answer = [], b"200 OK"
        while b"200 OK" in answer:
            self.assertLessEqual(len(kept), 64)
            kept.append(connect())
            kept[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = kept[-1].recv(4096)
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        self.assertIn(b'{"error":"too many sessions"}', answer)
        self.assertIn("yes", self.ctl("status", "--gateway", f"unix:{self.path('own.sock')}"))
        self.assert_echoes(client)
        for each in kept:
            each.close()
        self.wait_until(lambda: self.gateway.get("/healthz")[0] == 200, "there is room again")
        refused = self.gateway.metrics().by_label("presenter_admin_refusals_total", "reason")
        self.assertEqual(refused["request"], 3)
        self.assertGreaterEqual(refused["sessions"], 1)
        # Orders that a page in a browser gives.
        request = urllib.request.Request(f"http://{self.gateway.admin}/drain", method="POST",
                                         headers={"Origin": "https://elsewhere.example"})
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=20)
        self.assertEqual(caught.exception.code, 403)
        caught.exception.close()
        self.assert_echoes(client)


if __name__ == "__main__":
    main()
