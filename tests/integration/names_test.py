"""Names of backends and of ZooKeeper: look-ups that hang or fail hold nothing up, and of several
addresses one that says nothing does not stand in the way.

In a network of each test's own, with a real name server. "In time" is an upper bound that is many
times of what is meant, and less than the half minute for which the C library's resolver waits."""

import os
import re
import signal
import subprocess

from client_case import ClientCase
from name_server import ADDRESS, NameServer, SilentAddress, SilentNameServer
from own_network import enter_own_names, leave_own_names
from processes import PROGRAMS, free_port, main, toml

IN_TIME = 12


class NamesTest(ClientCase):
    def setUp(self):
        super().setUp()
        enter_own_names(self.cluster.folder, [ADDRESS])
        self.addCleanup(leave_own_names)
        silent = SilentNameServer()
        self.addCleanup(silent.close)
        self.addresses = {"good.test": ["127.0.0.1"], "two.test": ["127.0.0.1", "::1"],
                          "zk.test": ["127.0.0.1"]}
        self.names = self.cluster.start(NameServer(
            self.cluster.folder, self.addresses, ["dead.test"], silent))

    def shards(self, hosts):
        """A map file of {name: (host, port)}."""
        path = self.path("shards.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(toml({"server": [{"name": name, "host": host, "port": port}
                                        for name, (host, port) in hosts.items()]}))
        return {"file": path}

    def gateway_of(self, hosts, **tables):
        return self.cluster.gateway("gateway", self.shards(hosts), tables)

    def wait_link(self, gateway, count=1):
        self.wait_until(lambda: gateway.metric("presenter_links_up") == count, f"{count} links")

    def lookups(self, gateway, result):
        return gateway.metric("presenter_name_lookups_total", result=result)

    def silence(self, address, port):
        listener = SilentAddress(address, port)
        self.addCleanup(listener.close)

    # --- look-ups that hang

    def test_a_name_that_hangs_holds_up_neither_other_backends_nor_the_end(self):
        server = self.cluster.chat_server("chat-good")
        hosts = {f"chat-{letter}": (f"{letter}.dead.test", 4100) for letter in "abc"}
        gateway = self.gateway_of({**hosts, "chat-good": ("good.test", server.port)},
                                  shutdown={"timeout": "1s"})
        self.wait_link(gateway)
        self.assertEqual(self.lookups(gateway, "timed_out"), 0, "not one after the other")
        self.wait_until(lambda: self.lookups(gateway, "timed_out") >= 3, "a limit for each", 20)
        self.assertRegex(gateway.output(), r"warning.* cannot resolve the name of chat-a at "
                         r"a\.dead\.test:4100: the name servers did not answer in time")
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.wait(IN_TIME), 0)

    def test_the_last_good_addresses_stay_in_use(self):
        server = self.cluster.chat_server("chat-good")
        gateway = self.gateway_of({"chat-good": ("good.test", server.port)})
        self.wait_link(gateway)
        server.command[server.command.index("--listen") + 1] = server.address
        self.names.pause()
        server.kill()
        self.wait_link(gateway, 0)
        server.start()
        self.wait_link(gateway)
        self.assertGreaterEqual(gateway.metric("presenter_names_stale_total"), 1)
        self.assertRegex(gateway.output(), r"cannot resolve the name of chat-good, good\.test: .*"
                         "its last addresses are used")
        # A name server that is there again, and knows nothing of it, is no reason either.
        self.names.resume()
        self.names.tell({})
        self.names.stop()
        self.names.start()
        server.kill()
        self.wait_link(gateway, 0)
        server.start()
        self.wait_link(gateway)
        self.wait_until(lambda: self.lookups(gateway, "failed") >= 1, "it is unknown")
        self.assertEqual(gateway.metric("presenter_links_up"), 1)

    def test_programs_end_in_time(self):
        for words in (["shards", "--gateway", "dead.test:9100"],
                      ["drain", "chat-a", "--zookeeper", "dead.test:2181/presenter"]):
            with self.subTest(words=words):
                run = subprocess.run(
                    [os.path.join(PROGRAMS, "presenterctl"), *words, "--timeout", "2"], check=False,
                    capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=IN_TIME)
                self.assertEqual((run.returncode, run.stdout), (3, ""))
                self.assertIn("dead.test", run.stderr)
        server = self.cluster.chat_server("chat-a", zookeeper="dead.test:2181/presenter",
                                          extra=("--empty-seconds", "1", "--drain-seconds", "1"))
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(IN_TIME), 0)

    # --- several addresses

    def test_an_address_that_swallows_what_it_is_sent_is_passed_by(self):
        server = self.cluster.chat_server("chat-two")
        self.silence("::1", server.port)
        gateway = self.gateway_of({"chat-two": ("two.test", server.port)})
        self.wait_link(gateway)
        results = gateway.metrics().by_label("presenter_link_address_attempts_total", "result")
        self.assertEqual(results, {"connected": 1, "superseded": 1, "failed": 0, "timed_out": 0})

        admin_port = int(gateway.admin.rsplit(":", 1)[1])
        self.silence("::1", admin_port)
        run = self.cluster.presenterctl("shards", "--gateway", f"two.test:{admin_port}",
                                        "--timeout", "20")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("chat-two", run.stdout)

        self.silence("::1", gateway.port)
        run = subprocess.run(
            [os.path.join(PROGRAMS, "presenter-load"), "chat", "--gateway",
             f"two.test:{gateway.port}", "--ca", self.cluster.certificates.authority,
             "--clients", "2", "--seconds", "1", "--server-name", "localhost"],
            check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_each_address_that_does_not_take_a_link_is_named(self):
        port = free_port()
        self.silence("::1", port)
        gateway = self.gateway_of({"chat-two": ("two.test", port)},
                                  upstream={"connect_timeout": "600ms"})
        gateway.wait_for_line(rf"cannot connect to chat-two at two\.test:{port}: "
                              "::1: Connection timed out, 127.0.0.1: Connection refused")

    # --- ZooKeeper

    def zookeeper_gateway(self, hosts):
        zookeeper = self.cluster.zookeeper()
        where = ",".join(f"{host}:{zookeeper.port}" for host in hosts) + "/presenter"
        self.cluster.chat_server("chat-a", zookeeper=where)
        gateway = self.cluster.gateway("gateway", {"zookeeper": where})
        gateway.wait_ready()
        self.wait_for_servers(gateway, ["chat-a"])
        return zookeeper, gateway

    def wait_connected(self, gateway, is_connected):
        self.wait_until(lambda: gateway.metric("presenter_zookeeper_connected") == is_connected,
                        f"zookeeper_connected {is_connected}")

    def test_zookeeper_is_found_by_the_names_that_have_an_address(self):
        _, gateway = self.zookeeper_gateway(["dead.test", "zk.test"])
        self.assertRegex(gateway.output(), "not all of its names can be resolved: dead.test: ")
        self.assertEqual(gateway.metric("presenter_zookeeper_name_lookups_total",
                                        result="found"), 1)

    def test_a_session_outlives_a_name_server_that_hangs(self):
        zookeeper, gateway = self.zookeeper_gateway(["zk.test"])
        session = gateway.zookeeper_session()
        self.names.pause()
        zookeeper.kill()
        self.wait_connected(gateway, 0)
        zookeeper.restart()
        self.wait_connected(gateway, 1)
        self.assertEqual(gateway.zookeeper_session(), session)
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.wait(IN_TIME), 0)

    def test_a_session_goes_on_where_zookeeper_has_moved_to(self):
        zookeeper, gateway = self.zookeeper_gateway(["zk.test"])
        session = gateway.zookeeper_session()
        zookeeper.kill()
        self.wait_connected(gateway, 0)
        self.names.stop()
        self.names.tell({**self.addresses, "zk.test": ["127.0.0.77"]})
        self.names.start()
        zookeeper.host = "127.0.0.77"
        zookeeper.restart()
        self.wait_connected(gateway, 1)
        self.assertEqual(gateway.zookeeper_session(), session)
        self.assertEqual(gateway.metric("presenter_zookeeper_sessions_expired_total"), 0)
        self.assertGreaterEqual(gateway.metric("presenter_zookeeper_moves_total"), 1)
        server = self.cluster.chat_server("chat-b", zookeeper=f"zk.test:{zookeeper.port}/presenter")
        self.wait_for_servers(gateway, ["chat-a", "chat-b"])
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(60), 0)
        self.wait_for_servers(gateway, ["chat-a"])

    def test_nothing_waits_for_zookeepers_names(self):
        gateway = self.cluster.gateway("gateway", {"zookeeper": "dead.test:2181/presenter"})
        self.assertEqual(gateway.get("/healthz")[0], 200)
        self.assertEqual(gateway.get("/metrics")[0], 200)
        gateway.wait_for_line(r"not all of its names can be resolved: dead\.test: the name servers")
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.wait(IN_TIME), 0)
        self.assertFalse(re.search("is not waited for", gateway.output()))


if __name__ == "__main__":
    main()
