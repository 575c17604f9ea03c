"""What an operator meets: arguments, exit statuses, signals, systemd, what the log says at a start
that goes wrong; and that the documents name every key, metric and close reason that there is."""

import contextlib
import glob
import os
import re
import select
import signal
import socket
import ssl
import subprocess

from one_thread import StoppedThread, thread_of
from processes import PROGRAMS, ROOT, Gateway, InstallationTest, free_port, main, toml
from tls_client import address_of

PRESENTER = os.path.join(PROGRAMS, "presenter")
CONFIGURATION = os.path.join(ROOT, "deploy/configuration.md")
MONITORING = os.path.join(ROOT, "deploy/monitoring.md")
REFERENCE = os.path.join(ROOT, "deploy/presenter.toml")


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def run(*words):
    """(exit status, standard output, standard error)"""
    done = subprocess.run([PRESENTER, *words], capture_output=True, text=True, timeout=60,
                          check=False, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def client_hello():
    """The first bytes of a client of TLS 1.3."""
    out = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out,
                                                   server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return out.read()
    raise AssertionError("a handshake that needs no server")


class DocumentsTest(InstallationTest):
    def write(self, name, text):
        path = os.path.join(self.cluster.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def keys_of_the_program(self):
        """{"listen.backlog", …}: what it says that each table has, asked by a key that none has."""
        tables = re.findall(r"^(?:# )?\[([\w.]+)\]", text_of(REFERENCE), re.M)
        path = self.write("asked.toml", "[zzzzzzzz]\n" + "".join(
            f"[{table}]\nzzzzzzzzzzzzzzzzzzzzzzzz = 1\n" for table in tables))
        _, _, said = run("--config", path, "--check")
        [all_tables] = re.findall(r": zzzzzzzz: unknown table; the file has (.*)$", said, re.M)
        self.assertEqual(sorted(all_tables.split(", ")),
                         sorted(table for table in tables if "." not in table))
        return {f"{table}.{key}" for table, keys in
                re.findall(r"unknown key; \[([\w.]+)\] has (.*)$", said, re.M)
                for key in keys.split(", ")} - {"tls.certificates", *tables}

    def test_every_key_is_documented_and_none_besides(self):
        keys = self.keys_of_the_program()
        self.assertGreater(len(keys), 50)
        documented = self.defaults_of_the_document()
        self.assertEqual(set(documented), keys)
        referred = self.values_of_the_reference()
        self.assertEqual(set(referred), keys)
        for key, default in documented.items():
            # What is not code is in words: required, none, where it comes from.
            if default.startswith("`"):
                with self.subTest(key=key):
                    self.assertEqual(default.strip("`"), referred[key].strip('"'))

    def test_the_tables_are_those_of_the_program(self):
        """PRESENTER_GOLDEN_WRITE=1 writes them into the document."""
        status, said, _ = run("--help-config", "--markdown")
        self.assertEqual(status, 0)
        document = text_of(CONFIGURATION)
        for heading, table in re.findall(r"^(## \[[\w.]+\]\n)\n((?:\|.*\n)+)", said, re.M):
            with self.subTest(heading=heading):
                found = re.search(re.escape(heading) + r"[^#]*?((?:^\|.*\n)+)", document, re.M)
                self.assertIsNotNone(found)
                if os.environ.get("PRESENTER_GOLDEN_WRITE"):
                    document = document[:found.start(1)] + table + document[found.end(1):]
                else:
                    self.assertEqual(found.group(1), table)
        if os.environ.get("PRESENTER_GOLDEN_WRITE"):
            with open(CONFIGURATION, "w", encoding="utf-8") as file:
                file.write(document)

    def test_help_of_the_configuration(self):
        status, said, _ = run("--help-config", "listen.backlog")
        self.assertEqual(status, 0)
        self.assertRegex(said, r"default +4096\n *environment +PRESENTER_LISTEN_BACKLOG")
        status, said, _ = run("--help-config")
        self.assertEqual((status, "\nlog.level " in said), (0, True))
        self.assertEqual(run("--help-config", "log.levl"), (
            2, "", "presenter: there is no key or section 'log.levl', did you mean 'log.level'?; "
            "see presenter --help-config\n"))

    def defaults_of_the_document(self):
        """{"listen.backlog": "`4096`", …}: one table for each section, with its keys alone."""
        defaults = {}
        for section in re.split(r"^## ", text_of(CONFIGURATION), flags=re.M):
            for key, default in re.findall(r"^\| `([\w.]+\.\w+)` \| (.*?) \|", section, re.M):
                self.assertTrue(section.startswith(f"[{key.rpartition('.')[0]}]\n"), key)
                self.assertNotIn(key, defaults)
                defaults[key] = default
        return defaults

    def values_of_the_reference(self):
        table, values = None, {}
        for line in text_of(REFERENCE).splitlines():
            header = re.match(r"(?:# )?\[([\w.]+)\]", line)
            table = header.group(1) if header else table
            entry = re.match(r"(?:# )?(\w+) = (.*?)(?:  # .*)?$", line)
            if entry:
                values[f"{table}.{entry.group(1)}"] = entry.group(2)
        return values

    def test_the_reference_configuration_is_accepted(self):
        reference = text_of(REFERENCE)
        certificates = self.cluster.certificates
        with open(certificates.authority, "rb") as file, \
                open(certificates.certificate, "ab") as chain:
            chain.write(file.read())  # else there is a word about an issuer that is not there
        own = (reference.replace("server.pem", certificates.certificate)
               .replace("server.key", certificates.private_key))
        status, _, said = run("--config", self.write("as_is.toml", own), "--check")
        self.assertEqual((status, said), (0, ""))
        # Every key in force, but for those that need files of their own or exclude another.
        every = re.sub(r"(?m)^# (?=\w+ = |  |\[)", "", own)
        every = re.sub(r"(?m)^(ocsp_response|client_ca|ticket_key_file|file|zookeeper_auth_file"
                       r"|saved_map|names|api_key_file|ca_file|directory|token_file) = .*\n", "",
                       every)
        status, _, said = run("--config", self.write("every.toml", every), "--check")
        self.assertEqual((status, said), (0, ""))

    def test_every_metric_is_documented_and_none_besides(self):
        _, gateway = self.static_installation()
        _, page = gateway.get("/metrics")
        names = re.findall(r"`([a-z]\w*[a-z])`", self.section_of_monitoring("Metrics"))
        documented = {name if name.startswith("process_") else f"presenter_{name}"
                      for name in names}
        families = re.findall(r"^# TYPE (\S+) (\S+)$", page, re.M)
        self.assertEqual(len(set(families)), len(families), "each family once")
        for family, kind in families:
            with self.subTest(family=family):
                self.assertEqual(kind == "counter", family.endswith("_total"))
                self.assertIn(family, documented)
        # Some are on the page only where there is something to say.
        sources = "".join(text_of(path) for path in glob.glob(f"{ROOT}/gateway/operate/*.cpp"))
        self.assertEqual([name for name in documented if f'"{name}"' not in sources], [])

    def test_every_close_reason_is_documented_and_none_besides(self):
        _, gateway = self.static_installation()
        _, page = gateway.get("/metrics")
        section = self.section_of_monitoring("Why clients were closed")
        documented = {name for name in re.findall(r"`([a-z_]+)`", section)
                      if not name.startswith("presenter_")}
        reasons = re.findall(r'^presenter_closes_total\{reason="(\w+)"\}', page, re.M)
        # The rule that a backend may break, in the example.
        self.assertEqual(documented - {"window_exceeded"}, set(reasons))

    def section_of_monitoring(self, heading):
        return text_of(MONITORING).split(f"\n## {heading}\n")[1].split("\n## ")[0]


class ProgramTest(InstallationTest):
    def gateway(self, name="gateway", tables=None, shards=None):
        """Of a map file, if nothing else is said, that names a server which is not there."""
        path = os.path.join(self.cluster.folder, "shards.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('[[server]]\nname = "chat-a"\nhost = "127.0.0.1"\nport = 9\n')
        return Gateway(name, self.cluster.folder, PROGRAMS, self.cluster.certificates,
                       shards or {"file": path}, tables)

    def run_failing(self, gateway):
        """Exit status and log of a gateway that does not come to serve."""
        with open(gateway.config_path, "w", encoding="utf-8") as file:
            file.write(toml(gateway.tables))
        status, _, said = run("--config", gateway.config_path)
        return status, said

    def test_wrong_arguments(self):
        for words in ([], ["--bogus"], ["--config"], ["--config", "a", "more"]):
            with self.subTest(words=words):
                status, out, said = run(*words)
                self.assertEqual((status, out), (2, ""))
                self.assertRegex(said, r"\Apresenter: .*; see presenter --help\n\Z")
        for word in ("--help", "--version"):
            status, out, said = run(word)
            self.assertEqual((status, said), (0, ""))
            self.assertRegex(out, r"presenter \d|Usage: presenter ")

    def test_a_configuration_that_cannot_be_read(self):
        absent = os.path.join(self.cluster.folder, "absent.toml")
        self.assertEqual(run("--config", absent)[::2],
                         (1, f"cannot read '{absent}': No such file or directory\n"))
        status, _, said = run("--config", self.cluster.folder, "--check")
        self.assertEqual(status, 1)
        self.assertIn("Is a directory", said)

    def test_an_address_in_use_is_named_with_its_key(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            for table in ("listen", "admin"):
                with self.subTest(table=table):
                    status, said = self.run_failing(
                        self.gateway(table, {table: {"address": address}}))
                    self.assertEqual(status, 1)
                    self.assertIn(f"critical {table}.address: cannot listen on {address}: "
                                  "Address already in use\n", said)

    def test_a_second_gateway_on_the_address_is_a_warning(self):
        first = self.cluster.start(self.gateway("first"))
        self.assertNotIn("another process", first.output())
        second = self.cluster.start(self.gateway("second", {"listen": {"address": first.address}}))
        second.wait_for_line(f"warning listen.address: another process listens on {first.address} ")

    def test_a_gateway_is_replaced_as_the_document_says(self):
        """One configuration, its admin address included: the new one first, then the old ends."""
        admin = f"127.0.0.1:{free_port()}"
        first = self.cluster.start(self.gateway("first", {"admin": {"address": admin}}))
        same = {"listen": {"address": first.address}, "admin": {"address": admin}}
        second = self.cluster.start(self.gateway("second", same))
        second.wait_for_line(f"warning admin.address: {admin} is taken")
        self.assertEqual(second.admin, admin)
        self.assertEqual(first.metric("presenter_workers"), 1, "the first answers there")
        self.assertEqual(first.stop(), 0)
        second.wait_for_line(f"info admin.address: {admin} is free, and answered by this gateway")
        self.assertEqual(second.get("/healthz"), (200, "ok\n"))
        self.assertEqual(second.stop(), 0)

    def test_a_gateway_that_waits_for_its_admin_address_ends_like_any(self):
        admin = f"127.0.0.1:{free_port()}"
        first = self.cluster.start(self.gateway("first", {"admin": {"address": admin}}))
        second = self.cluster.start(self.gateway("second", {
            "listen": {"address": first.address}, "admin": {"address": admin}}))
        self.assertEqual(second.stop(), 0)
        self.assertEqual(first.get("/healthz"), (200, "ok\n"))

    def test_it_tells_what_it_can_hold(self):
        gateway = self.cluster.start(self.gateway(tables={"limits": {"clients_max": 100_000_000}}))
        said = gateway.wait_for_line(r"info presenter \S+: 1 workers, at most (\d+) clients with "
                                     r"(\d+) descriptors")
        self.assertEqual(int(said.group(1)), gateway.metric("presenter_clients_max"))
        self.assertEqual(int(said.group(2)), gateway.metric("process_max_fds"))
        gateway.wait_for_line(r"warning limits\.clients_max: 100000000 do not fit into \d+ desc")

    def test_an_overload_is_told(self):
        """More handshakes at once than a worker comes to within the time that they have: with a key
        so slow that it cannot, whoever else has the processor. The clients have been accepted
        before: those that still wait in the kernel would be taken in one by one."""
        crowd = 2_000
        slow = self.path("slow")
        self.cluster.certificates.issue(slow, "DNS:localhost",
                                        new_key=["-newkey", "rsa:4096", "-nodes"])
        servers = self.chat_servers(["chat-a"])
        gateway = self.cluster.gateway("gateway", self.cluster.static_shards(servers), {
            "tls": {"certificate": f"{slow}.pem", "private_key": f"{slow}.key",
                    "handshake_timeout": "2s"}})
        gateway.wait_ready()
        self.assertEqual(gateway.get("/readyz"), (200, "ready\n"))
        hello = client_hello()
        with contextlib.ExitStack() as sockets:
            clients = [sockets.enter_context(socket.create_connection(address_of(gateway.address)))
                       for _ in range(crowd)]
            self.wait_until(
                lambda: gateway.metric("presenter_clients_accepted_total") == crowd, "all accepted")
            for client in clients:
                # On a slow machine the first of them have been closed already.
                with contextlib.suppress(ConnectionError):
                    client.sendall(hello)
            self.wait_closed(gateway, "overloaded")
            self.wait_until(lambda: "note: overloaded" in gateway.get("/readyz")[1], "it is noted")
            self.assertEqual(gateway.get("/readyz")[0], 200)
            gateway.wait_for_line(r"warning overloaded: \d+ clients in the last 10 s ")

    def test_signals_for_log_files_are_ignored(self):
        gateway = self.cluster.start(self.gateway())
        for number in (signal.SIGUSR1, signal.SIGPIPE):
            gateway.signal(number)
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line("SIGHUP: .* is in force")
        self.assertEqual(gateway.get("/healthz"), (200, "ok\n"))
        self.assertEqual(gateway.stop(), 0)

    def test_systemd_is_told(self):
        path = os.path.join(self.cluster.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(60)
            gateway = self.gateway()
            gateway.command = ["env", f"NOTIFY_SOCKET={path}", *gateway.command]
            self.cluster.start(gateway)
            self.assertEqual(manager.recv(100), b"READY=1")
            gateway.signal(signal.SIGTERM)
            self.assertEqual(manager.recv(100), b"STOPPING=1")
            self.assertEqual(gateway.wait(60), 0)

    def test_the_watchdog_is_fed_only_while_every_worker_turns(self):
        path = os.path.join(self.cluster.folder, "watchdog")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(60)
            gateway = self.gateway(tables={"workers": {"count": 2}})
            gateway.command = ["env", f"NOTIFY_SOCKET={path}", "WATCHDOG_USEC=400000",
                               *gateway.command]
            self.cluster.start(gateway)
            self.await_message(manager, b"READY=1")
            self.await_message(manager, b"WATCHDOG=1")
            with StoppedThread(thread_of(gateway.pid, "worker 1")):
                self.wait_until(lambda: gateway.get("/healthz") == (
                    503, "not ok\nworker 1 has not turned its loop for 0.4 s\n"), "health says so")
                self.drop_messages(manager)
                self.assertEqual(select.select([manager], [], [], 0.5)[0], [], "no sign of life")
                gateway.wait_for_line("warning worker 1 does not answer: the service manager")
            self.await_message(manager, b"WATCHDOG=1")
            self.assertEqual(gateway.get("/healthz"), (200, "ok\n"))
            self.assertEqual(gateway.stop(), 0)

    def await_message(self, manager, wanted):
        while manager.recv(100) != wanted:
            pass

    def drop_messages(self, manager):
        while select.select([manager], [], [], 0)[0]:
            manager.recv(100)

    def test_zookeeper_that_never_answers_is_told(self):
        where = f"127.0.0.1:{free_port()}"
        gateway = self.cluster.start(self.gateway(
            shards={"zookeeper": f"{where}/presenter", "session_timeout": "1s"}))
        gateway.wait_for_line(f"warning ZooKeeper at {where} does not answer")
        status, missing = gateway.get("/readyz")
        self.assertEqual(status, 503)
        self.assertIn("ZooKeeper is not connected\n", missing)

    def test_a_wrong_chroot_is_told(self):
        zookeeper = self.cluster.zookeeper()
        gateway = self.cluster.start(self.gateway(
            shards={"zookeeper": f"{zookeeper.connect_string}/elsewhere"}))
        gateway.wait_for_line(r"warning \S*/elsewhere/servers is not in ZooKeeper")


if __name__ == "__main__":
    main()
