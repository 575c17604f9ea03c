"""IPv6 wherever an address can stand; clients of IPv4 are that on [::] as well; and what nobody can
connect to is refused where it enters, by its name."""

import json
import re
import subprocess

from client_case import ClientCase
from mux_peer import Backend, accept_and_echo
from processes import PROGRAMS, ChatServer, free_port, main, toml
from zookeeper_wire import ZooKeeperClient

NO_HOSTS = ("chat a", " chat-a", "chat-a\n", "chat\x01a", "[::1]", "10.0.0.256", "::1%lo",
            "h" * 254, "chat\u00e4")
NOBODYS = ("0.0.0.0", "::", "ff02::1", "255.255.255.255")


class AddressesTest(ClientCase):
    def test_everything_by_ipv6(self):
        where = self.cluster.zookeeper(host="::1").connect_string
        server = self.cluster.chat_server("chat-a", zookeeper=where, listen="[::1]:0")
        self.assertTrue(server.address.startswith("[::1]:"), server.address)
        self.gateway = self.cluster.gateway("gateway", {"zookeeper": where}, {
            "listen": {"address": "[::1]:0"}, "admin": {"address": "[::1]:0"}})
        self.gateway.wait_ready()
        client = self.served_client()
        self.assertEqual(client.server, "chat-a")
        client.tcp.close()
        self.gateway.wait_for_line(rf"link to chat-a is up: \d+ to \[::1\]:{server.port}$")
        shown = self.cluster.presenterctl("shards", "--gateway", self.gateway.admin, "--json")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout, '"host": "::1"')
        load = subprocess.run(
            [f"{PROGRAMS}/presenter-load", "chat", "--gateway", self.gateway.address, "--clients",
             "2", "--seconds", "0.1", "--insecure", "--no-progress"],
            capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(load.returncode, 0, load.stdout + load.stderr)
        self.wait_nobody_left(self.gateway)
        drained = self.cluster.presenterctl("drain", "--zookeeper", where, "chat-a")
        self.assertEqual(drained.returncode, 0, drained.stderr)
        self.assertEqual(server.wait(60), 0)

    def test_the_check_takes_ipv6_of_zookeeper_in_brackets(self):
        for where, is_good in (("[::1]:2181/x", True), ("zk1:2181,[2001:db8::1]:2181", True),
                               ("::1:2181", False), ("::1", False), ("[::1]", False),
                               ("zk 1:2181", False), ("10.0.0.256:2181", False)):
            with self.subTest(where=where):
                self.assertEqual(self.check({"zookeeper": where})[0], 0 if is_good else 1)

    def check(self, shards):
        """Exit status and output of --check with these [shards]."""
        certificates = self.cluster.certificates
        with open(self.path("checked.toml"), "w", encoding="utf-8") as file:
            file.write(toml({"tls": {"certificate": certificates.certificate,
                                     "private_key": certificates.private_key}, "shards": shards}))
        run = subprocess.run([f"{PROGRAMS}/presenter", "--config", self.path("checked.toml"),
                              "--check"], capture_output=True, text=True, timeout=60, check=False)
        return run.returncode, run.stdout + run.stderr

    def test_a_client_of_ipv4_is_one_on_every_listener(self):
        opened = []

        def on_open(stream):
            opened.append(stream.opened.client_address)
            accept_and_echo(stream)
        backend = Backend("chat-a", on_open)
        self.addCleanup(backend.close)
        self.gateway = self.cluster.gateway("gateway", self.cluster.static_shards([backend]), {
            "listen": {"address": "[::]:0"}, "log": {"level": "debug"},
            "limits": {"address_unauthenticated_max": 1, "address_exempt": ["127.0.0.2"]}})
        self.gateway.wait_ready()
        port = self.gateway.port
        self.gateway.address = f"127.0.0.1:{port}"
        self.echo_client().tcp.close()
        self.gateway.wait_for_line(r"client \S+ 127\.0\.0\.1:\d+ closed: ")
        self.gateway.address = f"[::1]:{port}"
        self.echo_client().tcp.close()
        self.gateway.wait_for_line(r"client \S+ \[::1\]:\d+ closed: ")
        self.assertEqual(opened, ["127.0.0.1", "::1"])
        self.assertNotIn("::ffff:", self.gateway.output())

    def run_chatd(self, *words):
        run = subprocess.run([f"{PROGRAMS}/presenter-chatd", "--name", "chat-a", *words],
                             capture_output=True, text=True, timeout=60, check=False)
        return run.returncode, run.stderr

    def test_a_chat_server_registers_nothing_that_nobody_can_connect_to(self):
        nowhere = ("--zookeeper", "127.0.0.1:1/x")
        for host in NO_HOSTS + NOBODYS:
            with self.subTest(host=host):
                status, said = self.run_chatd("--listen", "127.0.0.1:0",
                                              "--advertise", host, *nowhere)
                self.assertEqual(status, 2, said)
                self.assertIn("--advertise: 'host' must be ", said)
        for listen in ("0.0.0.0:0", "[::]:0"):
            with self.subTest(listen=listen):
                status, said = self.run_chatd("--listen", listen, *nowhere)
                self.assertEqual(status, 2, said)
                self.assertIn("--advertise is needed", said)
        for listen in ("localhost:1", "::1:1", "127.0.0.1", "127.0.0.1:x", "[127.0.0.1]:1"):
            with self.subTest(listen=listen):
                status, said = self.run_chatd("--listen", listen)
                self.assertEqual(status, 2, said)
                self.assertIn("--listen: not ADDRESS:PORT", said)
        taken = self.cluster.chat_server("chat-b")
        status, said = self.run_chatd("--listen", taken.address)
        self.assertEqual(status, 1)
        self.assertIn(f"cannot listen on {taken.address}: Address already in use", said)

    def test_a_wildcard_listener_registers_what_is_advertised(self):
        where = self.cluster.zookeeper().connect_string
        self.cluster.start(ChatServer("chat-a", self.cluster.folder, PROGRAMS, zookeeper=where,
                                      listen="[::]:0", extra=("--advertise", "localhost")))
        self.gateway = self.cluster.gateway("gateway", {"zookeeper": where})
        self.gateway.wait_ready()
        self.assertEqual(self.served_client().server, "chat-a")

    def test_nonsense_in_a_znode_is_left_out_with_its_path(self):
        zookeeper, _, gateway = self.zookeeper_installation()
        entries = [(f"/presenter/servers/odd-{number}", b'{"host":"%s","port":1}' % host.encode())
                   for number, host in enumerate(("0.0.0.0", "::", "a b", "[::1]", "10.0.0.256"))]
        with ZooKeeperClient(zookeeper.port) as somebody:
            somebody.create_all(entries)
            for path, _ in entries:
                gateway.wait_for_line(rf"warning {path} is left out of the map: 'host' must be ")
            self.assertGreaterEqual(gateway.metric("presenter_map_entries_rejected_total"),
                                    len(entries))
            self.wait_for_servers(gateway, ["chat-a"])

    def test_bytes_that_are_no_text_break_no_page(self):
        zookeeper, _, gateway = self.zookeeper_installation()
        entries = [("/presenter/servers/odd-host", b'{"host":"chat\xff\xfe","port":1}'),
                   ("/presenter/servers/odd-instance", b'{"host":"h","port":1,"instance":"\xff"}'),
                   ("/presenter/servers/odd-chat\u00e4", b'{"host":"h","port":1}')]
        with ZooKeeperClient(zookeeper.port) as somebody:
            somebody.create_all(entries)
            for path, _ in entries:
                gateway.wait_for_line(f"warning {path} is left out of the map: ")
            self.assertGreaterEqual(gateway.metric("presenter_map_entries_rejected_total"),
                                    len(entries))
            self.wait_for_servers(gateway, ["chat-a"])
            for page, expected in (("/shards", 200), ("/whois?key=%FF%FE", 200),
                                   ("/what-if?add=chat%FF", 400), ("/metrics", 200)):
                with self.subTest(page=page):
                    status, text = gateway.get(page)
                    self.assertEqual(status, expected, text)
                    self.assertNotIn("odd-", text)
        self.assertEqual(gateway.stop(), 0)

    def test_nonsense_in_the_saved_map_is_left_out_with_its_name(self):
        [server] = self.chat_servers(["chat-a"])
        odd = [{"name": f"odd-{number}", "host": host, "port": 1}
               for number, host in enumerate(("0.0.0.0", "a b", "chat\u00e4"))]
        good = {"name": "chat-a", "host": "127.0.0.1", "port": server.port}
        with open(self.path("saved.json"), "w", encoding="utf-8") as file:
            json.dump({"epoch": 1, "servers": [*odd, good]}, file)
        self.gateway = self.cluster.gateway("gateway", {
            "zookeeper": f"127.0.0.1:{free_port()}/presenter", "saved_map": "saved.json"})
        self.gateway.wait_ready()
        for number in range(len(odd)):
            self.gateway.wait_for_line(rf"warning \S+saved\.json: odd-{number} is left out of the "
                                       "map: 'host' must be ")
        self.assertEqual(self.gateway.metric("presenter_map_entries_rejected_total"), len(odd))
        self.assertEqual(self.served_client().server, "chat-a")
        self.assertEqual(self.gateway.get("/shards")[0], 200)

    def test_nonsense_in_a_map_file_is_told_with_its_line(self):
        for host in NO_HOSTS[:4] + NOBODYS:
            with self.subTest(host=host):
                with open(self.path("map.toml"), "w", encoding="utf-8") as file:
                    file.write(toml({"server": [{"name": "chat-a", "host": host, "port": 1}]}))
                status, said = self.check({"file": "map.toml"})
                self.assertEqual(status, 1, said)
                self.assertRegex(said, r"map\.toml:3: server\[1\]\.host: 'host' must be ")
                self.assertIsNone(re.search(r"\x01", said))


if __name__ == "__main__":
    main()
