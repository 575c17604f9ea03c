"""presenterctl against a running cluster of two gateways: what it prints, and its exit status."""

import json
import os
import subprocess

from client_case import ClientCase
from processes import PATIENCE, PROGRAMS, free_port, main
from ring import Ring

NAMES = ("chat-a", "chat-b", "chat-c")
COUPLES = [f"couple {number}/ä&=" for number in range(40)]
PACE = 100


class PresenterctlTest(ClientCase):
    def setUp(self):
        super().setUp()
        tables = {"moves": {"streams_per_second": PACE, "handoffs_per_second": 0},
                  "workers": {"count": 2}}
        self.zookeeper, self.servers, gateway = self.zookeeper_installation(NAMES, tables)
        self.where = self.zookeeper.connect_string
        self.gateways = [gateway, self.cluster.gateway("other", {"zookeeper": self.where}, tables)]
        self.gateways[1].wait_ready()
        self.wait_for_servers(self.gateways[1], NAMES)

    def run_ctl(self, *words):
        """(exit status, standard output, standard error)"""
        run = self.cluster.presenterctl(*words)
        return run.returncode, run.stdout, run.stderr

    def ask(self, *words, gateways=None):
        for gateway in gateways or self.gateways:
            words += ("--gateway", gateway.admin)
        return self.run_ctl(*words)

    def ask_json(self, *words):
        status, out, err = self.ask(*words, "--json")
        self.assertEqual(status, 0, err)
        return json.loads(out)["gateways"]

    def fill(self):
        for number, couple in enumerate(COUPLES):
            self.served_client(couple, gateway=self.gateways[number % 2])

    def test_shards(self):
        self.fill()
        pages = self.ask_json("shards")
        self.assertEqual([page["streams"] for page in pages], [20, 20])
        owners = [Ring(NAMES).owner(couple) for couple in COUPLES]
        for number, page in enumerate(pages):
            self.assertEqual({server["name"]: server["streams"] for server in page["servers"]},
                             {name: owners[number::2].count(name) for name in NAMES})
            self.assertAlmostEqual(sum(server["share"] for server in page["servers"]), 1)
            self.assertEqual(page["moves"]["per_second"], PACE)
            self.assertEqual(page["moves"]["eta_seconds"], 0)
        self.assertEqual(pages[0]["epoch"], pages[1]["epoch"])

        status, out, err = self.ask("shards")
        self.assertEqual((status, err), (0, ""))
        rows = [line.split() for line in out.splitlines()]
        self.assertEqual(rows[0],
                         ["BACKEND", "STATE", "LINKS", "HANDS", "OVER", "WEIGHT", "SHARE",
                          "STREAMS", "EPOCH", "GATEWAY"])
        self.assertEqual(sum(row[:5] == ["chat-b", "up", "2", "of", "2"] for row in rows), 2)

    def test_shards_say_that_the_links_to_a_killed_server_are_gone(self):
        """Its entry in the map outlives it by its session with ZooKeeper."""
        def links(page):
            return {server["name"]: server["links"] for server in page["servers"]}
        whole = {"up": 2, "suspect": 0, "wanted": 2}
        for page in self.ask_json("shards"):
            self.assertEqual(links(page), dict.fromkeys(NAMES, whole))
        self.zookeeper.pause()  # that the map stays as it is
        self.servers[0].kill()
        self.wait_until(lambda: all(gateway.metric("presenter_links_up") == 4
                                    for gateway in self.gateways), "its links are lost")
        for page in self.ask_json("shards"):
            self.assertEqual(links(page), {**dict.fromkeys(NAMES, whole), NAMES[0]:
                                           {"up": 0, "suspect": 0, "wanted": 2}})
        _, out, _ = self.ask("shards")
        self.assertEqual(sum(line.split()[:5] == [NAMES[0], "up", "0", "of", "2"]
                             for line in out.splitlines()), 2)

    def test_whois(self):
        self.fill()
        couple = COUPLES[0]
        self.served_client(couple, "ben", self.gateways[1])
        owner = Ring(NAMES).owner(couple)
        pages = self.ask_json("whois", couple)
        self.assertEqual([page["owner"] for page in pages], [owner, owner])
        for page in pages:
            [client] = page["clients"]
            self.assertEqual(client["server"], owner)
            self.assertEqual(client["phase"], "relaying")
            self.assertFalse(client["is_move_pending"])
            self.assertTrue(client["tag"].startswith(page["gateway"] + "-"))

        status, out, _ = self.ask("whois", couple)
        self.assertEqual(status, 0)
        self.assertIn(owner, out)
        status, out, _ = self.ask("whois", "somebody else")
        self.assertEqual(status, 1)
        self.assertIn(Ring(NAMES).owner("somebody else"), out)
        self.assertIn("nobody is connected", out)
        for gateway in self.gateways:
            self.assertNotIn("couple", gateway.output(), "keys are in no log")

    def test_what_if(self):
        self.fill()
        later = Ring([*NAMES, "chat-d"])
        pages = self.ask_json("what-if", "--add", "chat-d")
        for number, page in enumerate(pages):
            moving = [couple for couple in COUPLES[number::2] if later.owner(couple) == "chat-d"]
            self.assertEqual(page["streams_moved"], len(moving))
            self.assertEqual(page["streams"], 20)
            self.assertAlmostEqual(page["keys_moved"], 0.25, delta=0.05)
            self.assertEqual(page["moves_per_second"], PACE)
        [heavier, _] = self.ask_json("what-if", "--add", "chat-d:300")
        self.assertAlmostEqual(heavier["keys_moved"], 0.5, delta=0.07)
        pages = self.ask_json("what-if", "--remove", "chat-b")
        self.assertEqual(sum(page["streams_moved"] for page in pages),
                         sum(Ring(NAMES).owner(couple) == "chat-b" for couple in COUPLES))

        status, out, _ = self.ask("what-if", "--remove", "chat-b")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"streams would move in 0\.\d min: 0 handed over, \d+ closed, "
                              r"with 200 handshakes a second when they come back")
        self.assertEqual(self.ask("what-if", "--remove", "chat-z")[0], 1)
        self.assertEqual(self.ask("what-if", "--add", "chat-a")[0], 1)
        # Only a question: nothing has changed.
        self.assertEqual(self.ask_json("shards")[0]["streams"], 20)

    def test_drain_and_undrain(self):
        status, out, err = self.run_ctl("drain", "chat-z", "--zookeeper", self.where)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("chat-z: there is no such backend", err)
        status, out, _ = self.run_ctl("undrain", "chat-b", "--zookeeper", self.where)
        self.assertEqual((status, out), (0, "chat-b is up already\n"))

        status, out, _ = self.run_ctl("drain", "chat-b", "--zookeeper", self.where, "--json")
        self.assertEqual(status, 0)
        self.assertEqual(json.loads(out),
                         {"server": "chat-b", "state": "draining", "changed": True})
        # Nobody is there: it is empty at once, and ends.
        chat_b = next(server for server in self.servers if server.name == "chat-b")
        self.assertEqual(chat_b.wait(60), 0)
        for gateway in self.gateways:
            self.wait_for_servers(gateway, ["chat-a", "chat-c"])

    def test_an_identity_that_may_not_is_told_apart_from_nobody_there(self):
        where = self.where.replace("/presenter", "/guarded")
        owner = self.write_private("owner", b"chat:right")
        self.cluster.chat_server("guarded", zookeeper=where,
                                 extra=["--zookeeper-auth-file", owner])
        order = ["drain", "guarded", "--zookeeper", where]
        self.wait_until(lambda: self.run_ctl(*order)[0] != 1, "it is registered")
        status, out, err = self.run_ctl(*order)
        self.assertEqual((status, out), (4, ""))
        self.assertRegex(err, r"\Apresenterctl: guarded: ZooKeeper does not let anybody without "
                              r"--zookeeper-auth-file change /guarded/servers/guarded\n\Z")
        other = self.write_private("other", b"chat:wrong")
        status, out, err = self.run_ctl(*order, "--zookeeper-auth-file", other)
        self.assertEqual((status, out), (4, ""))
        self.assertIn("does not let the identity of --zookeeper-auth-file change", err)
        self.assertEqual(self.run_ctl(*order, "--zookeeper-auth-file", owner)[0], 0)

    def test_what_cannot_be_reached(self):
        nobody = f"127.0.0.1:{free_port()}"
        status, out, err = self.run_ctl("shards", "--gateway", nobody, "--gateway",
                                        self.gateways[0].admin)
        self.assertEqual(status, 3)
        self.assertIn("chat-a", out, "the others are shown")
        self.assertIn(nobody, err)
        status, out, err = self.run_ctl("drain", "chat-a", "--zookeeper", nobody + "/presenter",
                                        "--timeout", "1")
        self.assertEqual((status, out), (3, ""))
        self.assertIn("does not answer", err)
        # One of chat servers' own ports: something answers, but not like a gateway.
        self.assertEqual(self.run_ctl("shards", "--timeout", "2", "--gateway",
                                      self.servers[0].address)[0], 3)

    def test_a_wrong_address_is_told(self):
        [server, gateway] = self.servers[:1] + self.gateways[:1]
        for port in (gateway.address, server.address):
            with self.subTest(port=port):
                status, _, err = self.run_ctl("shards", "--timeout", "2", "--gateway", port)
                self.assertEqual(status, 3)
                self.assertRegex(err, rf"\Apresenterctl: {port}: .*")
        status, _, err = self.run_ctl("shards", "--timeout", "20", "--gateway", gateway.address)
        self.assertIn("it must be the address of [admin]", err)
        status, _, err = self.run_ctl("drain", "chat-a", "--zookeeper",
                                      self.zookeeper.connect_string + "/elsewhere")
        self.assertEqual(status, 1)
        self.assertRegex(err, r"chat-a: there is no such backend in \S*/elsewhere/servers\n")

    def test_mistakes_in_what_is_asked_are_usage(self):
        for words in (["whois", ""], ["what-if", "--add", "x:99999"]):
            with self.subTest(words=words):
                self.assertEqual(self.ask(*words)[0], 2)
        status, _, err = self.run_ctl("nonsense", "--gateway", "x")
        self.assertEqual((status, err),
                         (2, "presenterctl: 'nonsense' is no command; see presenterctl --help\n"))
        self.assertRegex(self.run_ctl("--version")[1], r"\Apresenterctl \d+\.\d+")

    def test_usage(self):
        admin = self.gateways[0].admin
        for words in ([], ["nonsense"], ["shards"], ["shards", "--gateway", "nonsense"],
                      ["whois", "--gateway", admin], ["what-if", "--gateway", admin],
                      ["what-if", "--gateway", admin, "--add", "a", "--remove", "b"],
                      ["drain", "chat-a"], ["drain", "--zookeeper", self.where],
                      ["drain", "a/b", "--zookeeper", self.where],
                      ["drain", "chat-a", "--zookeeper", "nonsense"],
                      ["drain", "chat-a", "--zookeeper", self.where,
                       "--zookeeper-auth-file", "/none"]):
            status, out, err = self.run_ctl(*words)
            self.assertEqual((status, out), (2, ""), words)
            self.assertTrue(err, words)
        for words in (["--help"], ["shards", "--help"], ["drain", "--help"]):
            status, out, _ = self.run_ctl(*words)
            self.assertEqual(status, 0)
            self.assertIn("Exit status", out)

    def test_pages_refuse_what_they_do_not_understand(self):
        for target, expected in (("/whois", 400), ("/whois?key=", 400), ("/whois?key=%zz", 400),
                                 ("/what-if", 400), ("/what-if?add=a&remove=b", 400),
                                 ("/what-if?add=a%2Fb", 400), ("/what-if?add=d&weight=0", 400),
                                 ("/what-if?add=d&weight=x", 400), ("/what-if?add=chat-a", 409),
                                 ("/what-if?remove=d", 404), ("/whois?key=" + "k" * 5000, 414)):
            self.assertEqual(self.gateways[0].get(target)[0], expected, target)


class HandoffToolsTest(ClientCase):
    """chat-a and chat-b hand their streams over to each other, chat-c does not."""

    def setUp(self):
        super().setUp()
        self.zookeeper = self.cluster.zookeeper()
        self.where = self.zookeeper.connect_string
        self.servers = {name: self.cluster.chat_server(name, zookeeper=self.where, echo=True,
                                                       hand_over=name != "chat-c")
                        for name in NAMES}
        self.gateway = self.cluster.gateway(
            "gateway", {"zookeeper": self.where},
            {"moves": {"streams_per_second": 2}, "workers": {"count": 2}})
        self.gateway.wait_ready()
        self.wait_for_servers(self.gateway, NAMES)
        self.clients = [self.echo_client(couple) for couple in COUPLES]
        self.owners = [Ring(NAMES).owner(couple) for couple in COUPLES]

    def ctl(self, *words, status=0):
        run = self.cluster.presenterctl(*words)
        self.assertEqual(run.returncode, status, run.stderr)
        return run.stdout

    def ask(self, *words):
        return self.ctl(*words, "--gateway", self.gateway.admin)

    def ask_json(self, *words):
        [page] = json.loads(self.ask(*words, "--json"))["gateways"]
        return page

    def drain(self, name, *words):
        """presenterctl drain NAME --wait, under way."""
        return subprocess.Popen(
            [os.path.join(PROGRAMS, "presenterctl"), "drain", name, "--zookeeper", self.where,
             "--wait", "--gateway", self.gateway.admin, *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_questions_say_who_is_handed_over_and_who_is_closed(self):
        self.assertEqual({server["name"]: server["hands_over"]
                          for server in self.ask_json("shards")["servers"]},
                         {"chat-a": True, "chat-b": True, "chat-c": False})
        rows = [line.split() for line in self.ask("shards").splitlines()]
        self.assertIn(["chat-a", "up", "2", "of", "2", "yes"], [row[:6] for row in rows])
        self.assertIn(["chat-c", "up", "2", "of", "2", "no"], [row[:6] for row in rows])

        for couple, owner in zip(COUPLES, self.owners):
            [client] = self.ask_json("whois", couple)["clients"]
            expected = ("close", "backend_cannot") if owner == "chat-c" else ("handoff", None)
            self.assertEqual((client["moves_by"], client["obstacle"]), expected)
        self.assertIn("close: backend_cannot",
                      self.ask("whois", COUPLES[self.owners.index("chat-c")]))

        # What chat-a has goes to the two others, of which only one takes it over.
        later = Ring(["chat-b", "chat-c"])
        heirs = [later.owner(couple) for couple, owner in zip(COUPLES, self.owners)
                 if owner == "chat-a"]
        page = self.ask_json("what-if", "--remove", "chat-a")
        self.assertEqual(page["streams_handed_over"], heirs.count("chat-b"))
        self.assertEqual(page["streams_closed"], [
            {"obstacle": "owner_cannot", "server": "chat-c", "streams": heirs.count("chat-c")}])
        self.assertIn("the new owner takes no streams over", self.ask("what-if", "--remove",
                                                                      "chat-a"))
        page = self.ask_json("what-if", "--remove", "chat-c")
        self.assertEqual((page["streams_handed_over"], page["streams_closed"]),
                         (0, [{"obstacle": "backend_cannot", "server": "chat-c",
                               "streams": self.owners.count("chat-c")}]))
        later = Ring([*NAMES, "chat-d"])
        losers = [owner for couple, owner in zip(COUPLES, self.owners)
                  if later.owner(couple) == "chat-d"]
        page = self.ask_json("what-if", "--add", "chat-d")
        self.assertEqual(page["streams_moved"], len(losers))
        self.assertEqual(page["streams_handed_over"], len(losers) - losers.count("chat-c"))

    def test_a_drain_shows_its_progress_until_the_backend_is_empty(self):
        self.ctl("drain", "chat-a", "--zookeeper", self.where, "--wait", status=2)
        self.ctl("drain", "chat-a", "--zookeeper", self.where, "--gateway", self.gateway.admin,
                 status=2)
        self.ctl("drain", "chat-a", "--zookeeper", self.where, "--wait", "--gateway",
                 f"127.0.0.1:{free_port()}", status=3)
        self.assertEqual({server["state"] for server in self.ask_json("shards")["servers"]},
                         {"up"}, "nothing is ordered if there is nobody to wait for")

        # Closed at two a second, so that it lasts long enough to be taken back.
        waiting = self.drain("chat-c")
        self.assertEqual(waiting.stdout.readline(), "chat-c is draining now\n")
        self.assertRegex(waiting.stdout.readline(), r"\Achat-c: \d+ streams left")
        self.wait_until(lambda: self.gateway.metric("presenter_moves_pending") > 0, "it is seen")
        self.assertRegex(waiting.stdout.readline(), r"streams left, some \d+ s to go\n")
        self.ctl("undrain", "chat-c", "--zookeeper", self.where)
        out, err = waiting.communicate(timeout=PATIENCE)
        self.assertEqual(waiting.returncode, 1)
        self.assertIn("somebody has taken the order back", err)
        self.assertNotIn("empty", out)

        # Its clients go unseen to chat-b, but for those whom chat-c gets.
        out = self.ctl("drain", "chat-a", "--zookeeper", self.where, "--wait", "--gateway",
                       self.gateway.admin)
        lines = out.splitlines()
        self.assertEqual(lines[0], "chat-a is draining now")
        self.assertRegex(lines[-1], r"\Achat-a is empty after \d+\.\d s\Z")
        counts = [int(line.split()[1]) for line in lines[1:-1]]
        self.assertEqual(counts, sorted(counts, reverse=True))
        self.assertEqual(self.servers["chat-a"].wait(PATIENCE), 0)
        later = Ring(["chat-b", "chat-c"])
        for couple, owner, client in zip(COUPLES, self.owners, self.clients):
            if owner == "chat-b" or (owner == "chat-a" and later.owner(couple) == "chat-b"):
                self.assert_echoes(client)
        page = self.ask_json("shards")
        self.assertGreater(page["moves"]["handoffs"]["done"], 0)
        self.assertGreater(page["moves"]["handoffs"]["no_feature"], 0)

        # The last but one: all are closed. It is said once, at the end.
        out, err = self.drain("chat-b", "--json").communicate(timeout=PATIENCE)
        report = json.loads(out)
        self.assertGreater(report.pop("seconds"), 0)
        self.assertEqual(report, {"server": "chat-b", "state": "draining", "changed": True,
                                  "empty": True}, err)

    def test_a_wait_is_given_up_when_a_gateway_is_gone(self):
        waiting = self.drain("chat-c")
        self.assertEqual(waiting.stdout.readline(), "chat-c is draining now\n")
        self.gateway.kill()
        out, err = waiting.communicate(timeout=PATIENCE)
        self.assertEqual(waiting.returncode, 3, out)
        self.assertIn(self.gateway.admin, err)


if __name__ == "__main__":
    main()
