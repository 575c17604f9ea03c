"""The integration tests' harness: `InstallationTest` starts processes and shows their logs.

The processes themselves are deploy/demonstration/cluster.py's, the same that `deploy/demo` runs.
The programs are found through PRESENTER_BIN, which ctest sets.
"""

import contextlib
import os
import re
import resource
import signal
import sys
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(ROOT, "deploy/demonstration"))

# pylint: disable=wrong-import-position,unused-import
from cluster import (ChatServer, Cluster, ClusterError, Gateway, Process, free_port, toml,  # noqa
                     wait_until)
from powerdns import PowerDns  # noqa

PROGRAMS = os.environ.get("PRESENTER_BIN", os.path.join(ROOT, "build/release/bin"))

# A thousand clients need more than the usual 1,024 descriptors, here and in what is started.
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)

# A limit for a broken run, also under a sanitizer on a busy machine; nothing is measured by it.
PATIENCE = 60


# How a sanitizer's report begins. It may come when a program ends, whose status no test looks at.
FINDING = re.compile(r"^.*(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|:\d+:\d+: runtime error:)",
                     re.M)
FINDING_CHARACTERS_MAX = 6000
CRASHES = {-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL, -signal.SIGFPE}


class WatchedCluster(Cluster):
    """A `Cluster` that fails, when it ends, if one of its programs crashed or was found faulty."""

    def stop(self):
        super().stop()
        findings = [finding for process in self.processes for finding in findings_of(process)]
        if findings:
            raise ClusterError("\n".join(findings))


def findings_of(process):
    """Of all the runs of this process, and the status of the last one."""
    if process.child is None:
        return
    with open(process.log_path, encoding="utf-8", errors="replace") as log:
        written = log.read()
    report = FINDING.search(written)
    if report:
        yield f"{process.name}:\n{written[report.start():][:FINDING_CHARACTERS_MAX]}"
    elif process.child.returncode in CRASHES:
        yield f"{process.name} ended with {signal.Signals(-process.child.returncode).name}"


class InstallationTest(unittest.TestCase):
    """A test case with a `WatchedCluster` of its own; what it started ends with the test."""

    maxDiff = 4000

    def setUp(self):
        self.cluster = WatchedCluster(PROGRAMS)
        signal.signal(signal.SIGTERM, self._end)
        self.addCleanup(self.cluster.close)
        self.addCleanup(self._show_logs_on_failure)

    def _end(self, received, _frame):
        # unittest takes SystemExit for a test that fails, cleans up after it, and would go on.
        result = self._outcome.result
        result.failfast = True  # of subtests
        result.stop()
        sys.exit(128 + received)

    def _show_logs_on_failure(self):
        result = self._outcome.result
        # What fails inside a subTest is reported under an object of its own.
        failed = any(getattr(test, "test_case", test) is self
                     for test, _ in result.failures + result.errors)
        if failed or sys.exc_info()[0]:
            self.tell_failure()

    def tell_failure(self):
        """What a test that has failed shows; a case may have more to tell."""
        print(self.cluster.log_tails(), file=sys.stderr)

    def wait_until(self, predicate, what, seconds=PATIENCE):
        return wait_until(predicate, seconds, what)

    def path(self, name):
        """Of a file in the cluster's folder."""
        return os.path.join(self.cluster.folder, name)

    def write_private(self, name, content):
        """Puts bytes, at once and for their owner only, into this file of the folder; its path."""
        path = self.path(name)
        with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                  "wb") as file:
            file.write(content)
        os.replace(path + ".new", path)
        return path

    def chat_servers(self, names, **options):
        return [self.cluster.chat_server(name, **options) for name in names]

    def static_installation(self, names=("chat-a",), tables=None, **options):
        """Chat servers and one gateway with links to all of them. Returns (servers, gateway)."""
        servers = self.chat_servers(names, **options)
        gateway = self.cluster.gateway("gateway", self.cluster.static_shards(servers), tables)
        gateway.wait_ready()
        return servers, gateway

    def zookeeper_installation(self, names=("chat-a",), tables=None):
        """ZooKeeper, chat servers registered there, one gateway that watches it."""
        zookeeper = self.cluster.zookeeper()
        servers = self.chat_servers(names, zookeeper=zookeeper.connect_string)
        gateway = self.cluster.gateway("gateway", {"zookeeper": zookeeper.connect_string}, tables)
        gateway.wait_ready()
        self.wait_for_servers(gateway, names)
        return zookeeper, servers, gateway

    def wait_for_servers(self, gateway, names):
        """Until every worker of the gateway has the map with exactly these servers, and links."""
        self.wait_until(lambda: gateway.metric("presenter_map_backends") == len(names),
                        f"the gateway's map has {list(names)}")
        self.wait_until(lambda: gateway.metric("presenter_links_up") == len(names)
                        * gateway.tables.get("upstream", {}).get("links_per_worker", 1)
                        * gateway.tables["workers"]["count"], "all links are up")

    def wait_nobody_left(self, gateway):
        for name in ("presenter_clients_open", "presenter_streams_open"):
            self.wait_until(lambda name=name: gateway.metric(name) == 0, f"{name} is 0")

    def wait_closed(self, gateway, reason, count=1):
        """Until `presenter_closes_total{reason=…}` has reached `count`."""
        try:
            self.wait_until(lambda: gateway.metric("presenter_closes_total", reason=reason)
                            >= count, f"{count} closed for {reason}", 20)
        except ClusterError as error:
            closes = gateway.metrics().by_label("presenter_closes_total", "reason")
            self.fail(f"{error}; counted so far: {closes}")


def is_sanitized():
    """Memory then is the sanitizer's, and no measure of ours."""
    return bool(os.environ.get("PRESENTER_SANITIZE"))


def has_ended(pid):
    """Also a process that nobody has asked for its status: where the first process of a container
    is a program like another, nobody ever asks for that of an orphan."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def tcp_established_to(pid, ports):
    """How many TCP sockets of this process are established towards these ports.

    Only its own: another process's socket may by chance be bound to a port of the same number."""
    own = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            own.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    count = 0
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        for line in list(table)[1:]:
            fields = line.split()
            remote, state, inode = fields[2], fields[3], fields[9]
            count += (state == "01" and int(remote.split(":")[1], 16) in ports
                      and f"socket:[{inode}]" in own)
    return count


def main():
    unittest.main(verbosity=2)
