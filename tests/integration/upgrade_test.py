"""Another process takes a gateway's place, and its clients notice nothing."""

import contextlib
import errno
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import types

from chat_client import authenticate_message, framed
from client_case import ClientCase
from echo_crowd import EchoCrowd
from faults import HANGS, KILLS, Faults
from processes import PROGRAMS, ROOT, Gateway, Process, has_ended, is_sanitized, main

# The long form: PRESENTER_UPGRADE_LONG=1. 20 upgrades, more and longer transfers, and 10,000 more
# clients of presenter-load, from several processes and addresses.
IS_LONG = bool(os.environ.get("PRESENTER_UPGRADE_LONG"))
UPGRADES = 20 if IS_LONG else 4
MEGABYTE = 1 << 20
PUMPED = (100 if IS_LONG else 20) * MEGABYTE
MASSES = [("echo", "--clients", "4500", "--rate", "0.2"),
          ("echo", "--clients", "4500", "--rate", "0.2", "--tls12"),
          ("idle", "--clients", "1000")]


class UpgradeCase(ClientCase):
    def install(self, tables=None, **options):
        """One gateway and a chat server that echoes."""
        self.servers, self.gateway = self.static_installation(tables=tables, **options)
        self.processes = [self.gateway.pid]
        self.addCleanup(self.end_all)

    def end_all(self):
        """The main process ends with its parent, but not if that is killed at once."""
        for pid in self.processes:
            if not has_ended(pid):
                os.kill(pid, signal.SIGKILL)

    def page(self):
        status, body = self.gateway.get("/upgrade")
        self.assertEqual(status, 200)
        return json.loads(body)

    def run_ctl(self, *words):
        run = self.cluster.presenterctl("gateway", "upgrade", "--gateway", self.gateway.admin,
                                        *words)
        return run.returncode, run.stdout, run.stderr

    def upgrade(self, *words):
        """The page of the new process."""
        before = self.page()["pid"]
        status, out, err = self.run_ctl("--json", *words)
        self.assertEqual((status, err), (0, ""), out)
        page = json.loads(out)["gateways"][0]
        self.assertEqual(page["last"]["result"], "done")
        self.assertNotEqual(page["pid"], before)
        self.processes.append(page["pid"])
        return page

    def assert_fails(self, result, reason, *words):
        """The order is given, comes to nothing, and the same process serves on."""
        before = self.page()["pid"]
        status, _, err = self.run_ctl(*words)
        self.assertEqual(status, 1, err)
        self.assertRegex(err, rf"{result}: .*({reason})")
        page = self.page()
        self.assertEqual((page["pid"], page["step"]), (before, "idle"))
        self.assertEqual(page["last"]["result"], result)
        self.assertGreater(self.gateway.metric("presenter_upgrades_total", result=result), 0)

    def program(self, name, script):
        """A stand-in for the new program; `$real` is the right one."""
        path = self.path(name)
        with open(path, "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\nreal={PROGRAMS}/presenter\n{script}\n")
        os.chmod(path, stat.S_IRWXU)
        return path

    def crowd(self, *kinds):
        """A crowd that runs, of (kind, options)."""
        crowd = EchoCrowd()
        self.addCleanup(crowd.stop)
        for number, (kind, options) in enumerate(kinds):
            crowd.add(self.gateway.address, self.cluster.certificates, kind, number, **options)
        crowd.start()
        return crowd

    def assert_whole(self, crowd):
        """Nobody has lost a byte, and all that is under way comes."""
        crowd.wake()
        self.wait_until(lambda: crowd.is_done, "everything has come back")
        self.assertEqual(crowd.failures, [])
        crowd.stop()


TLS_12 = {"version": ssl.TLSVersion.TLSv1_2}
MIXED = ([("talk", {}), ("talk", TLS_12)] * 8 + [("idle", {}), ("idle", TLS_12)] * 8
         + [("pump", {"total": PUMPED}), ("pump", {"total": PUMPED, **TLS_12}),
            ("stall", {"total": 3 * MEGABYTE}), ("stall", {"total": 3 * MEGABYTE, **TLS_12}),
            ("half", {"total": MEGABYTE // 2}), ("half", {"total": MEGABYTE // 2, **TLS_12})])


class UpgradeTest(UpgradeCase):
    def test_nobody_notices(self):
        self.install(echo=True, tables={"workers": {"count": 2}})
        masses = self.start_masses() if IS_LONG else []
        others = sum(int(mass.command[3]) for mass in masses)
        crowd = self.crowd(*MIXED)
        begun = self.gateway.metric("process_start_time_seconds")
        accepted = self.gateway.metric("presenter_clients_accepted_total")
        silences = []
        for number in range(UPGRADES):
            # One client is in the middle of a record.
            crowd.clients[number % 2].split_at = 7 + number
            self.wait_until(lambda: crowd.clients[number % 2].split_at == 0, "half a record is out")
            page = self.upgrade()
            crowd.clients[number % 2].split_at = None
            self.assertEqual(page["last"]["left_behind"], 0)
            self.assertEqual(page["last"]["clients"], len(MIXED) + others)
            silences.append(page["last"]["silence_seconds"])
            self.assertEqual(crowd.failures, [])
        self.assertGreater(self.gateway.metric("process_start_time_seconds"), begun)
        self.assertEqual(self.gateway.metric("presenter_clients_accepted_total"), accepted)
        self.assertEqual(self.gateway.metric("presenter_upgrades_total", result="done"), UPGRADES)
        self.assertEqual(self.gateway.metric("presenter_streams_open"), len(MIXED) + others)
        self.assert_whole(crowd)
        print(f"stood still for {max(silences) * 1000:.0f} ms at the most, longest silence seen "
              f"by a client {crowd.longest_silence * 1000:.0f} ms")
        self.assertEqual(self.gateway.metric("presenter_closes_total", reason="upgraded"), 0)
        for mass in masses:
            self.assertEqual(mass.wait(600), 0, mass.output())
        self.wait_nobody_left(self.gateway)

    def start_masses(self):
        """presenter-load tells by its status whether a byte was lost or a client closed."""
        masses = []
        for kind, *options in MASSES:
            mass = Process(f"load {len(masses)}", self.cluster.folder, [
                f"{PROGRAMS}/presenter-load", kind, *options, "--gateway", self.gateway.address,
                "--ca", self.cluster.certificates.authority, "--server-name", "localhost",
                "--seconds", "120", "--source-addresses", "8", "--connect-rate", "300",
                "--no-progress"])
            masses.append(self.cluster.start(mass))
        total = sum(int(mass.command[3]) for mass in masses)
        self.wait_until(lambda: self.gateway.metric("presenter_clients_open", phase="relaying")
                        == total, f"{total} clients are served", 300)
        return masses

    def test_nobody_is_refused(self):
        self.install(echo=True)
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
            for _ in range(3):
                self.upgrade()
            count = len(served)
            self.wait_until(lambda: len(served) > count, "another one has come")
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
            self.wait_until(lambda: self.page()["pid"] != first, "another process serves")
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


class FailureTest(UpgradeCase):
    # A sanitizer's program takes its time to start.
    TIMEOUT = "10s" if is_sanitized() else "1s"

    def setUp(self):
        super().setUp()
        self.install(echo=True, tables={"upgrade": {"timeout": self.TIMEOUT},
                                        "workers": {"count": 2}})
        self.people = self.crowd(*[("talk", {}), ("talk", TLS_12), ("idle", {}), ("idle", TLS_12)])

    def check_that_all_is_well(self):
        self.assertEqual(self.people.failures, [])
        self.upgrade()  # what has failed once is in nobody's way
        self.assert_whole(self.people)

    def test_before_anything_is_touched(self):
        self.assert_fails("failed_check", "No such file", "--program", "/none/such")
        self.assert_fails("failed_check", "exit status 3",
                          "--program", self.program("refuses", "exit 3"))
        self.assert_fails("failed_check", "exit status 2",
                          "--program", self.program("old", "echo 'not expected: --as'; exit 2"))
        self.assert_fails("failed_check", "killed by signal 9",
                          "--program", self.program("crashes", "kill -9 $$"))
        foreign = self.path("foreign")
        with open(foreign, "wb") as file:
            file.write(b"\x7fELF\x02\x01\x01")
        os.chmod(foreign, stat.S_IRWXU)
        self.assert_fails("failed_check", "Exec format error", "--program", foreign)
        status, _, err = self.run_ctl("--program", "presenter")
        self.assertEqual(status, 1)
        self.assertIn("whole path", err)
        self.check_that_all_is_well()

    def test_the_configuration_is_another(self):
        with open(self.gateway.config_path, encoding="utf-8") as file:
            good = file.read()
        for change, reason in (
                (("[workers]\ncount = 2", "[workers]\ncount = 3"), "workers.count: is '3'"),
                (("[listen]", "[gateway]\nname = \"b\"\n[listen]"), "gateway.name: is 'b'"),
                (("[listen]\naddress = \"127.0.0.1:0\"", "[listen]\naddress = \"127.0.0.2:0\""),
                 "listen.address: is '127.0.0.2:0'"),
                (("[workers]", "[workers]\nnonsense = 1"), "nonsense")):
            self.assertIn(change[0], good)
            with open(self.gateway.config_path, "w", encoding="utf-8") as file:
                file.write(good.replace(*change))
            status, _, err = self.run_ctl()
            self.assertEqual(status, 1)
            self.assertIn(reason, err)
        with open(self.gateway.config_path, "w", encoding="utf-8") as file:
            file.write(good.replace("[workers]\ncount = 2", "[workers]\ncount = 0"))
        self.check_that_all_is_well()

    def test_while_it_begins(self):
        """The new program says yes, and fails when it is to take the place."""
        checked = 'case " $* " in *" --check "*) exec "$real" "$@";; esac\n'
        for name, script, reason in (
                ("ends", "exit 7", "exit status 7"),
                ("crashes", "kill -9 $$", "killed by signal 9"),
                ("hangs", "exec sleep 60", "upgrade.timeout"),
                ("lies", 'PRESENTER_UPGRADE=0 exec "$real" "$@"', "exit status 1"),
                ("forgets", 'unset PRESENTER_UPGRADE; exec sleep 60', "upgrade.timeout"),
                ("stops", '"$real" "$@" & kill -STOP $!; wait', "upgrade.timeout")):
            with self.subTest(name):
                path = self.program(name.replace(" ", "-"), checked + script)
                self.assert_fails("failed_spawn", reason, "--program", path)
                self.assertEqual(self.people.failures, [])
        path = self.program("has-no-room", checked + 'ulimit -n 12; exec "$real" "$@"')
        self.assert_fails("failed_adopt", "no room|Too many open files|exit status",
                          "--program", path)
        self.check_that_all_is_well()

    def test_the_program_goes_when_it_has_said_yes(self):
        path = self.program("goes", 'rm "$0"; exec "$real" "$@"')
        self.assert_fails("failed_spawn", "No such file", "--program", path)
        self.check_that_all_is_well()

    def test_the_gateway_is_to_end(self):
        path = self.program("hangs", 'case " $* " in *" --check "*) exec "$real" "$@";; esac\n'
                            "exec sleep 60")
        ctl = subprocess.Popen([f"{PROGRAMS}/presenterctl", "gateway", "upgrade", "--gateway",
                                self.gateway.admin, "--program", path],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(ctl.wait)
        self.addCleanup(ctl.kill)
        self.wait_until(lambda: self.page()["step"] == "start", "it waits for the new program")
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(30), 0)

    def test_a_dry_run_does_nothing(self):
        before = self.page()["pid"]
        status, out, err = self.run_ctl("--dry-run")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("would be done", out)
        self.assertEqual(self.page()["pid"], before)
        self.check_that_all_is_well()


class FaultTest(UpgradeCase):
    """A call fails, hangs or kills, at each step before the commit: the old process serves on."""

    BIG = 16 * 1024  # bytes that a worker takes at once only when it writes down what it has

    def setUp(self):
        super().setUp()
        self.faults = Faults(self.path("faults"))
        self.addCleanup(self.faults.close)
        shards = self.cluster.static_shards(self.chat_servers(("chat-a",), echo=True))
        self.gateway = self.cluster.start(self.faults.preloaded(Gateway(
            "gateway", self.cluster.folder, PROGRAMS, self.cluster.certificates, shards,
            {"upgrade": {"timeout": "10s" if is_sanitized() else "1s"},
             "workers": {"count": 2}})))
        self.gateway.wait_ready()
        self.processes = [self.gateway.pid]
        self.addCleanup(self.end_all)
        self.people = self.crowd(*[("idle", {}), ("idle", TLS_12)] * 40)

    def check_fails(self, result, reason):
        self.assert_fails(result, reason)
        self.faults.fail_nothing()
        self.assertEqual(self.people.failures, [])

    def check_that_all_is_well(self):
        self.upgrade()
        self.assert_whole(self.people)

    def test_while_workers_write_down_what_they_have(self):
        for number in range(2):
            self.faults.fail_allocation("worker 0", number, bytes_min=self.BIG)
            self.check_fails("failed_freeze", "worker 0: Cannot allocate memory")
        self.faults.fail_allocation("worker 1", 0, bytes_min=self.BIG, fate=HANGS)
        self.check_fails("failed_freeze", "does not stand still")
        self.check_that_all_is_well()

    def test_while_the_new_process_is_made(self):
        # The check, which is a program as well, makes the first call of two kinds.
        for call, number, fate, result in (
                ("memfd_create", 1, errno.ENOMEM, "failed_freeze"),
                ("memfd_create", 1, errno.EMFILE, "failed_freeze"),
                ("socketpair", 0, errno.EMFILE, "failed_spawn"),
                ("posix_spawn", 1, errno.ENOMEM, "failed_spawn")):
            with self.subTest(call, fate=fate):
                self.faults.fail_call(call, fate, number)
                self.check_fails(result, os.strerror(fate))
        self.check_that_all_is_well()

    def test_while_it_adopts(self):
        for call, number in (("maps the state", 0), ("epoll_create1", 0), ("epoll_create1", 2),
                             ("says adopted", 0)):
            for fate, reason in ((KILLS, "killed by signal 9"), (HANGS, "upgrade.timeout")):
                with self.subTest(call, number=number, fate=fate):
                    self.faults.fail_call(call, fate, number)
                    self.check_fails("failed_adopt", reason)
        self.faults.fail_call("epoll_create1", errno.EMFILE, 2)
        self.check_fails("failed_adopt", os.strerror(errno.EMFILE))
        self.faults.allow_threads(5)  # two to read, two to adopt, one that serves
        self.check_fails("failed_adopt", "thread of worker")
        self.check_that_all_is_well()


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
