"""presenterctl gateway: who is connected, one client, closing some, the log's level; and what
becomes of those who abuse the admin endpoint."""

import json
import re

from client_case import ClientCase
from processes import main

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


if __name__ == "__main__":
    main()
