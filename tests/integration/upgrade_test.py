"""Another process takes a gateway's place, and its clients notice nothing."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import types

from chat_client import authenticate_message, framed
from processes import PROGRAMS, ROOT, Process, has_ended, is_sanitized, main
from upgrade_case import TLS_12, UpgradeCase
from upgrade_figures import table_of

# The long form: PRESENTER_UPGRADE_LONG, of chrt's policies one for the gateway (--other), which
# bench/upgrade/run --mixed sets. 20 upgrades, more and longer transfers, and 10,000 more clients of
# presenter-load, from several processes and addresses.
POLICY = os.environ.get("PRESENTER_UPGRADE_LONG")
IS_LONG = bool(POLICY)
UPGRADES = 20 if IS_LONG else 4
MEGABYTE = 1 << 20
PUMPED = (100 if IS_LONG else 20) * MEGABYTE
MASSES = [("echo", "--clients", "4500", "--rate", "0.2"),
          ("echo", "--clients", "4500", "--rate", "0.2", "--tls12"),
          ("idle", "--clients", "1000")]


MIXED = ([("talk", {}), ("talk", TLS_12)] * 8 + [("idle", {}), ("idle", TLS_12)] * 8
         + [("pump", {"total": PUMPED}), ("pump", {"total": PUMPED, **TLS_12}),
            ("stall", {"total": 3 * MEGABYTE}), ("stall", {"total": 3 * MEGABYTE, **TLS_12}),
            ("half", {"total": MEGABYTE // 2}), ("half", {"total": MEGABYTE // 2, **TLS_12})])


class UpgradeTest(UpgradeCase):
    def test_nobody_notices(self):
        self.install(echo=True, tables={"workers": {"count": 2}, "upgrade": {"settle": "60s"}})
        masses = self.start_masses() if IS_LONG else []
        here = sum(int(mass.command[3]) for mass in masses) + len(MIXED)
        crowd = self.crowd(*MIXED)
        begun = self.gateway.metric("process_start_time_seconds")
        accepted = self.gateway.metric("presenter_clients_accepted_total")
        with self.comer() as come:
            for number in range(UPGRADES):
                # One client is in the middle of a record.
                crowd.clients[number % 2].split_at = 7 + number
                self.wait_until(lambda: crowd.clients[number % 2].split_at == 0, "half a record")
                page = self.upgrade()
                crowd.clients[number % 2].split_at = None
                self.assertEqual(page["last"]["left_behind"], 0)
                self.assertIn(page["last"]["clients"] - here, range(3), "with those who just come")
                self.assertEqual(crowd.failures, [])
            count = len(come)
            self.wait_until(lambda: len(come) > count, "another one has come")
        self.assertGreater(self.gateway.metric("process_start_time_seconds"), begun)
        self.assertEqual(self.gateway.metric("presenter_clients_accepted_total"),
                         accepted + len(come))
        self.assertEqual(self.gateway.metric("presenter_upgrades_total", result="done"), UPGRADES)
        self.assertEqual(self.gateway.metric("presenter_streams_open"), here)
        self.assert_whole(crowd)
        self.assertEqual(self.gateway.metric("presenter_closes_total", reason="upgraded"), 0)
        for mass in masses:
            self.assertEqual(mass.wait(600), 0, mass.output())
        self.wait_nobody_left(self.gateway)
        self.print_figures(crowd, masses, come)

    def print_figures(self, crowd, masses, come):
        print(f"\n{table_of(self.gateway.output())}\n{len(come)} came meanwhile, all were let in")
        print(f"longest silence seen by those who talk beside uploads and downloads "
              f"{crowd.longest_silence * 1000:.0f} ms, of which up to "
              f"{crowd.longest_turn * 1000:.0f} ms are their own thread's")
        for mass in masses:
            with open(self.path(mass.name), encoding="utf-8") as file:
                latency = json.load(file).get("latency_us") or {"max": 0}
            print(f"longest silence seen by '{' '.join(mass.command[1:7])}' "
                  f"{latency['max'] / 1000:.0f} ms")

    def start_masses(self):
        """presenter-load tells by its status whether a byte was lost or a client closed."""
        if os.geteuid() == 0:
            subprocess.run(["chrt", "--all-tasks", POLICY, "--pid", "20" if POLICY == "--rr" else
                            "0", str(self.gateway.pid)], check=True)
        masses = []
        for kind, *options in MASSES:
            name = f"load {len(masses)}"
            mass = Process(name, self.cluster.folder, [
                f"{PROGRAMS}/presenter-load", kind, *options, "--gateway", self.gateway.address,
                "--ca", self.cluster.certificates.authority, "--server-name", "localhost",
                "--seconds", "120", "--source-addresses", "8", "--connect-rate", "300",
                "--no-progress", "--json", self.path(name)])
            masses.append(self.cluster.start(mass))
        total = sum(int(mass.command[3]) for mass in masses)
        self.wait_until(lambda: self.gateway.metric("presenter_clients_open", phase="relaying")
                        == total, f"{total} clients are served", 300)
        return masses

    @contextlib.contextmanager
    def comer(self):
        """Somebody who comes again and again, until the end of the scope; one entry each time."""
        stop, failures, served = threading.Event(), [], []

        def come():
            while not stop.is_set():
                try:
                    with self.tls_client() as client:
                        client.send(b"\x00\x00\x00\x00")
                        served.append(client.version)
                except OSError as error:
                    failures.append(repr(error))
        comer = threading.Thread(target=come)
        comer.start()
        try:
            yield served
        finally:
            stop.set()
            comer.join()
        self.assertEqual(failures, [])

    def test_it_is_the_same_gateway(self):
        zookeeper, _, self.gateway = self.zookeeper_installation()
        self.processes = [self.gateway.pid]
        self.addCleanup(self.end_all)
        ann, ben = self.served_client(), self.served_client(user="ben")
        session = self.gateway.zookeeper_session()
        self.upgrade()
        self.assert_talks(ann, ben)
        self.wait_until(lambda: self.gateway.metric("presenter_zookeeper_connected") == 1,
                        "ZooKeeper is connected")
        self.assertEqual(self.gateway.zookeeper_session(), session)
        self.assertEqual(self.gateway.metric("presenter_zookeeper_sessions_opened_total"), 1)
        self.upgrade()
        zookeeper.pause()
        self.upgrade()
        self.assertEqual(self.gateway.get("/readyz"), (200, "ready\n"), "the map went along")
        self.assert_talks(ben, ann)
        zookeeper.resume()
        again = self.tls_client(resume=ann)
        self.assertTrue(again.tls.session_reused, "the ticket keys went along")

    def test_it_goes_on_publishing_for_the_fleet(self):
        dns = {"dns": {"publisher": "file", "record": "chat.example", "interval": "1s"},
               "dns.file": {"path": self.path("weights")}}
        _, _, self.gateway = self.zookeeper_installation(tables=dns)
        self.processes = [self.gateway.pid]
        self.addCleanup(self.end_all)

        def leads():
            return self.gateway.metric("presenter_balance_leader") == 1
        self.wait_until(leads, "it leads")
        for _ in range(2):
            terms = self.gateway.metric("presenter_balance_terms_total")
            self.upgrade()
            self.wait_until(lambda terms=terms: leads() and self.gateway.metric(
                "presenter_balance_terms_total") == terms + 1, "it leads again, and at once")
        self.assertEqual(self.gateway.metric("presenter_balance_name_taken"), 0)

    def test_keys_that_were_updated_go_along(self):
        self.install(echo=True)
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", self.gateway.address, "-CAfile",
             self.cluster.certificates.authority, "-servername", "localhost", "-tls1_3"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        for end in (client.stdout.close, client.stdin.close, client.wait, client.kill):
            self.addCleanup(end)
        os.set_blocking(client.stdout.fileno(), False)
        heard = bytearray()

        def has_heard(text):
            heard.extend(client.stdout.read() or b"")
            return text in heard

        def say(words, answer):
            client.stdin.write(words)
            self.wait_until(lambda: has_heard(answer), answer)
        say(framed(authenticate_message("couple of keys", "ann")), b"couple of keys")
        for number in range(3):
            # Both sides' keys: K asks for the gateway's as well.
            say(b"K\n", b"KEYUPDATE")
            self.upgrade()
            say(b"number %d\n" % number, b"number %d" % number)
            del heard[:]

    def test_the_certificate_is_another(self):
        self.install(echo=True)
        before = self.crowd(("talk", {}), ("talk", TLS_12))
        self.cluster.certificates.issue(self.path("server"), "DNS:localhost,DNS:new.example")
        self.upgrade()
        self.assert_echoes(self.echo_client(server_name="new.example"))
        self.assert_whole(before)

    def test_hardly_a_descriptor_is_free(self):
        servers = self.chat_servers(("chat-a",), echo=True)
        self.gateway = self.cluster.gateway("gateway", self.cluster.static_shards(servers))
        self.gateway.stop()
        self.gateway.command = ["prlimit", "--nofile=90:90", *self.gateway.command]
        self.gateway.start()
        self.gateway.wait_ready()
        self.processes = [self.gateway.pid]
        self.addCleanup(self.end_all)
        room = 60  # with what else is open, nobody more is accepted soon
        crowd = self.crowd(*[("talk", {})] * room)
        for _ in range(2):
            self.assertEqual(self.upgrade()["last"]["clients"], room)
        self.assert_whole(crowd)

    def test_many_links_go_along(self):
        """600 of them, of 300 backends."""
        crew = self.cluster.start(Process("backends", self.cluster.folder, [
            sys.executable, os.path.join(ROOT, "tests/support/many_backends.py"), "300"]))
        self.wait_until(lambda: "all listen" in crew.output(), "300 backends listen")
        listening = [line.split() for line in crew.output().splitlines()[:300]]
        backends = [types.SimpleNamespace(name=name, port=int(port)) for name, port in listening]
        self.gateway = self.cluster.gateway("gateway", self.cluster.static_shards(backends),
                                            {"workers": {"count": 2},
                                             "upstream": {"links_per_worker": 1}})
        self.processes = [self.gateway.pid]
        self.addCleanup(self.end_all)
        links = len(backends) * 2
        self.wait_until(lambda: self.gateway.metric("presenter_links_up") == links, "all are up")
        crowd = self.crowd(*[("talk", {})] * 40)
        opened = self.gateway.metric("presenter_links_opened_total")
        self.upgrade()
        self.upgrade()
        self.assert_whole(crowd)
        self.assertEqual(self.gateway.metric("presenter_links_up"), links)
        self.assertEqual(self.gateway.metric("presenter_links_opened_total"), opened)

    def test_descriptors_are_not_left_open(self):
        self.install(echo=True)
        crowd = self.crowd(*[("idle", {})] * 20)
        # Those who are here, a link, two listeners, the channel to the empty parent, with a copy.
        sockets = 20 + 1 + 2 + 2
        for _ in range(3):
            pid = self.upgrade()["pid"]
            self.wait_until(lambda pid=pid: len(self.open_in(pid, "socket:")) == sockets,
                            f"{sockets} sockets are open")
            self.assertEqual(self.open_in(pid, "/memfd:"), [], "no state is kept")
        self.assertEqual(len(self.open_in(pid, "anon_inode:[eventpoll]")), 3)
        self.assert_whole(crowd)

    def test_hooks_are_handed_nothing(self):
        os.mkdir(self.path("hooks"))
        seen = self.path("seen")
        with open(self.path("hooks/look"), "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\nexec >> {seen}\nenv | grep -c PRESENTER_UPGRADE\n"
                       "ls -l /proc/self/fd | grep -c -e socket: -e presenter-upgrade\necho $1\n")
        os.chmod(self.path("hooks/look"), stat.S_IRWXU)
        self.install(echo=True, tables={"hooks": {"directory": "hooks"},
                                        "drain": {"quiet": "1s"}})

        def lines():
            with contextlib.suppress(FileNotFoundError), open(seen, encoding="ascii") as file:
                return file.read().split()
            return []
        self.wait_until(lambda: lines() == ["0", "0", "starting", "0", "0", "ready"], "it begins")
        self.wait_until(lambda: self.gateway.metric("presenter_hooks_runs_total", event="ready",
                                                    result="done") == 1, "the hook has ended")
        crowd = self.crowd(*[("idle", {})] * 4)
        self.upgrade()
        self.assert_whole(crowd)
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(30), 0)
        self.assertEqual(lines()[6:], ["0", "0", "draining", "0", "0", "drained"])

    @staticmethod
    def open_in(pid, kind):
        """What descriptors of this process are."""
        names = []
        for number in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                names.append(os.readlink(f"/proc/{pid}/fd/{number}"))
        return [name for name in names if name.startswith(kind)]


class ProcessesTest(UpgradeCase):
    def test_the_first_process_stays_as_an_empty_parent(self):
        self.install(echo=True)
        first = self.gateway.pid
        self.upgrade()
        second = self.upgrade()["pid"]
        with open(f"/proc/{first}/cmdline", "rb") as file:
            self.assertIn(b"--parent", file.read())
        if not is_sanitized():
            self.assertLess(self.gateway.resident_kib(), 4096, "it is empty")
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(30), 0)
        self.assertTrue(has_ended(second))
        self.assertIn("all clients are closed", self.gateway.output())

    def test_the_gateway_ends_when_its_parent_is_killed(self):
        self.install(echo=True)
        main_process = self.upgrade()["pid"]
        os.kill(self.gateway.pid, signal.SIGKILL)
        self.wait_until(lambda: has_ended(main_process), "it has ended")

    def test_a_signal_begins_it(self):
        self.install(echo=True)
        first = self.page()["pid"]
        for _ in range(2):
            os.kill(self.gateway.pid, signal.SIGUSR2)
            self.wait_until(lambda: self.serving_pid() not in (None, first),
                            "another process serves")
            first = self.page()["pid"]
            self.processes.append(first)

    def test_the_service_manager_is_told(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = self.path("notify")
            manager.bind(path)
            manager.settimeout(60)
            os.environ["NOTIFY_SOCKET"] = path
            self.addCleanup(os.environ.pop, "NOTIFY_SOCKET")
            self.install(echo=True)
            del os.environ["NOTIFY_SOCKET"]
            self.addCleanup(os.environ.__setitem__, "NOTIFY_SOCKET", "")
            self.assertEqual(manager.recv(4096), b"READY=1")
            crowd = self.crowd(("talk", {}), ("idle", TLS_12))
            page = self.upgrade()
            # Both processes tell, and none is ready before it is known which one that is.
            its = f"MAINPID={page['pid']}".encode()
            told = [manager.recv(4096), manager.recv(4096)]
            self.assertEqual(sorted(told), [its, its + b"\nREADY=1"])
            self.assertEqual(self.gateway.wait(30), 0, "nothing stays of the first process")
            self.assert_whole(crowd)
            os.kill(page["pid"], signal.SIGTERM)
            self.assertEqual(manager.recv(4096), b"STOPPING=1")
            self.wait_until(lambda: has_ended(page["pid"]), "it has ended")

    def test_as_process_1(self):
        servers = self.chat_servers(("chat-a",), echo=True)
        gateway = self.cluster.gateway("gateway", self.cluster.static_shards(servers))
        gateway.stop()
        gateway.command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
                           *gateway.command]
        gateway.start()
        gateway.wait_ready()
        self.gateway, self.processes = gateway, []
        crowd = self.crowd(("talk", {}), ("talk", TLS_12))
        self.upgrade()
        self.upgrade()
        self.processes = []
        self.assertNotEqual(self.page()["pid"], 1)
        self.assert_whole(crowd)
        first = int(subprocess.run(["pgrep", "-P", str(gateway.pid)], capture_output=True,
                                   check=True, text=True).stdout)
        os.kill(first, signal.SIGTERM)
        self.assertEqual(gateway.wait(30), 0)


class LeftBehindTest(UpgradeCase):
    def test_clients_of_openssl_are_closed_only_with_a_yes(self):
        self.install(echo=True, tables={"tls": {"detach_records": False}})
        clients = [self.echo_client(f"couple {number}") for number in range(12)]
        self.assert_fails("refused", "12 of 12 clients cannot go along.*--yes")
        for client in clients:
            self.assert_echoes(client)
        page = self.upgrade("--yes")
        self.assertEqual((page["last"]["clients"], page["last"]["left_behind"]), (0, 12))
        for client in clients:
            self.assertEqual(client.receive_to_end(), b"", "cleanly")
        self.assertEqual(self.gateway.metric("presenter_closes_total", reason="upgraded"), 12)


if __name__ == "__main__":
    main()
