"""No thread's failure leaves a process that nobody can end: memory, threads, descriptors and names
are made to fail, under each thread in turn, and each time there is a line that says so and an exit
with status 1, or the service goes on.

What throws is operator new, preloaded: every callback of every thread that allocates is made to
throw, at each of its allocations.
"""

import os
import re
import resource
import signal
import socket
import ssl
import subprocess

from client_case import ClientCase
from faults import Faults
from processes import PROGRAMS, ChatServer, Gateway, free_port, main
from thrift.Thrift import TException
from tls_client import TlsClient, Truncated, address_of

# What a client may meet at a gateway that fails or is ended.
CLIENT_ERRORS = (OSError, EOFError, TException, ssl.SSLError, Truncated, AssertionError)

# As an operator's ulimit says it.
NO_THREAD = r"Resource temporarily unavailable \(ulimit -u, TasksMax\)$"

NOBODYS_UID = "61234"


def as_user_of_threads(count):
    """A command's beginning: it may have so many threads. The kernel counts those of a user, and
    none of root's; another user's process may read our files all the same."""
    limit = ["prlimit", f"--nproc={count}"]
    if os.geteuid() != 0:
        return limit  # of the tests' own user, who has more already
    return ["setpriv", "--reuid", NOBODYS_UID, "--clear-groups",
            "--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", *limit]


class FailureCase(ClientCase):
    def setUp(self):
        super().setUp()
        self.faults = Faults(self.path("faults"))
        self.addCleanup(self.faults.close)

    def prepared(self, name="gateway", shards=None, **tables):
        """A gateway that is not started yet; with one chat server, if nothing else is said."""
        if shards is None:
            shards = self.cluster.static_shards(self.chat_servers(["chat-a"]))
        return self.faults.preloaded(Gateway(name, self.cluster.folder, PROGRAMS,
                                             self.cluster.certificates, shards, tables))

    def start_failing(self, process):
        """Exit status and output of one that does not come to serve."""
        with self.assertRaises(Exception):
            self.cluster.start(process)
        return process.wait(20), process.output()

    def run_with_faults(self, program, *words):
        return subprocess.run([os.path.join(PROGRAMS, program), *words], timeout=60,
                              capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL,
                              env={**os.environ, **self.faults.environment()})

    def end(self, gateway, status=0):
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.wait(30), status, gateway.log_tail())


class ThreadsTest(FailureCase):
    def test_all_workers_or_none_before_it_is_ready(self):
        shards = self.cluster.static_shards(self.chat_servers(["chat-a"]))
        for made in (0, 1, 4, 7):
            with self.subTest(made=made):
                gateway = self.prepared(f"gateway-{made}", shards, workers={"count": 8})
                self.faults.allow_threads(made)
                status, said = self.start_failing(gateway)
                self.assertEqual(status, 1)
                self.assertNotIn("presenter ready", said)
                self.assertRegex(said, re.compile(
                    rf"critical workers\.count: the thread of worker {made + 1} of 8 cannot be "
                    rf"made: {NO_THREAD}", re.M))

    def test_by_the_kernels_own_limit(self):
        gateway = Gateway("gateway", self.cluster.folder, PROGRAMS, self.cluster.certificates,
                          self.cluster.static_shards(self.chat_servers(["chat-a"])),
                          {"workers": {"count": 8}})
        gateway.command = [*as_user_of_threads(4), *gateway.command]
        status, said = self.start_failing(gateway)
        self.assertEqual(status, 1, said)
        self.assertNotIn("presenter ready", said)
        self.assertRegex(said, re.compile(
            r"critical workers\.count: the thread of worker [1-4] of 8 cannot be made: "
            + NO_THREAD, re.M))

    def test_the_first_thread_for_zookeeper(self):
        gateway = self.prepared(shards={"zookeeper": f"127.0.0.1:{free_port()}/presenter"})
        self.faults.allow_threads(0)
        status, said = self.start_failing(gateway)
        self.assertEqual(status, 1)
        self.assertRegex(said, re.compile(
            rf"critical shards\.zookeeper: a thread for it cannot be made: {NO_THREAD}", re.M))

    def test_zookeepers_own_threads_are_tried_again(self):
        zookeeper = self.cluster.zookeeper()
        gateway = self.prepared(shards={"zookeeper": zookeeper.connect_string})
        self.faults.allow_threads(3)  # the worker's, that for ZooKeeper, and one of its two
        self.cluster.start(gateway)
        gateway.wait_for_line(r"warning ZooKeeper at \S+ cannot be used: its threads cannot be "
                              r"made \(ulimit -u, TasksMax\)")
        self.wait_until(lambda: gateway.metric("presenter_zookeeper_open_failures_total") > 0,
                        "it is counted")
        self.faults.allow_threads(-1)
        self.wait_until(lambda: gateway.metric("presenter_zookeeper_connected") == 1, "connected")
        self.end(gateway)

    def test_the_other_programs(self):
        orders = [
            ("presenter-load", "echo", "--gateway", "127.0.0.1:1", "--clients", "4",
             "--threads", "4", "--insecure"),
            ("presenter-load", "storm", "--gateway", "127.0.0.1:1", "--at-once", "4",
             "--seconds", "0.1"),
            ("presenterctl", "drain", "chat-a", "--zookeeper",
             f"127.0.0.1:{free_port()}/presenter", "--timeout", "0.2"),
            ("presenter-chatd", "--name", "chat-z", "--listen", "127.0.0.1:0", "--zookeeper",
             f"127.0.0.1:{free_port()}/presenter")]
        for program, *words in orders:
            for made in (0, 2) if program == "presenter-load" else (0,):
                with self.subTest(program=program, words=words[0], made=made):
                    self.faults.allow_threads(made)
                    done = self.run_with_faults(program, *words)
                    self.assertIn(done.returncode, (1, 2, 3), done.stderr)
                    self.assertRegex(done.stderr, rf"(?m)^{program}.*: \S+")

    def test_threads_of_the_load_generator(self):
        servers = self.chat_servers(["chat-a"], echo=True)
        gateway = self.cluster.start(self.prepared(shards=self.cluster.static_shards(servers)))
        gateway.wait_ready()
        command = ["presenter-load", "echo", "--gateway", gateway.address, "--clients", "8",
                   "--threads", "2", "--seconds", "0.2", "--insecure"]
        for number in range(1_000, 2_000, 100):
            with self.subTest(allocation=number):
                self.faults.fail_allocation("presenter-load", number)
                done = self.run_with_faults(*command)
                self.assertIn(done.returncode, (0, 1, 2), done.stderr)
                if done.returncode == 2:
                    self.assertIn("presenter-load: std::bad_alloc\n", done.stderr)


class ExceptionsTest(FailureCase):
    """At each allocation of each thread, while clients come, talk and go, and an operator looks."""

    SWEEP = range(0, 72, 3)

    def setUp(self):
        super().setUp()
        [self.chat] = self.chat_servers(["chat-a"])
        self.shards = self.cluster.static_shards([self.chat])
        self.gateway = None
        self.started = 0
        self.outcomes = {"goes on": 0, "ended": 0}

    def ensure_gateway(self):
        if self.gateway is not None and self.gateway.is_running():
            return
        self.started += 1
        self.gateway = self.cluster.start(self.prepared(
            f"gateway-{self.started}", self.shards, workers={"count": 2},
            shutdown={"timeout": "1s"}))
        self.gateway.wait_ready()

    def work(self):
        """Everything that a thread has to do, whether it works or not."""
        def attempt(what):
            try:
                return what()
            except CLIENT_ERRORS:
                return None
        for user in ("ann", "ben", "ann"):
            attempt(lambda user=user: self.served_client("couple", user).send_text(1, b"hello"))
        for page in ("/shards", "/whois?key=couple", "/what-if?add=chat-b", "/metrics", "/readyz"):
            attempt(lambda page=page: self.gateway.get(page))
        self.gateway.signal(signal.SIGHUP)

    def is_served(self):
        try:
            self.served_client("probe").tcp.close()
            return self.gateway.get("/metrics")[0] == 200
        except CLIENT_ERRORS:
            return False

    def outcome(self, thread):
        """Of a failure that has happened: "ended" with a line, or "goes on"."""
        def look():
            if "critical" in self.gateway.output() or not self.gateway.is_running():
                return "ended"
            return "goes on" if self.is_served() and self.is_served() else None
        result = self.wait_until(look, "it ends or goes on")
        if result == "ended":
            self.assertEqual(self.gateway.wait(30), 1, self.gateway.log_tail())
            self.assertRegex(self.gateway.output(),
                             rf"(?m)critical {thread}: failed by an exception: std::bad_alloc$")
        self.outcomes[result] += 1
        return result

    def sweep(self, thread, names):
        for number in self.SWEEP:
            with self.subTest(thread=thread, allocation=number):
                self.ensure_gateway()
                self.faults.fail_allocation(thread, number)
                # Which worker gets a client is the kernel's choice: another one each time, perhaps.
                for _ in range(3):
                    self.work()
                    if self.faults.failed() != 0:
                        break
                else:
                    self.faults.fail_no_allocation()
                    continue
                self.outcome(names)
        if self.gateway.is_running():
            self.end(self.gateway)
        self.assertGreater(sum(self.outcomes.values()), len(self.SWEEP) // 2, "it failed")

    def test_a_worker(self):
        self.sweep("worker 1", "worker 1")
        self.assertGreater(self.outcomes["ended"], 0)

    def test_the_control_thread(self):
        self.sweep("presenter", "(control thread|presenter)")
        self.assertGreater(self.outcomes["goes on"], 0, "a page that cannot be made is only that")

    def test_a_worker_that_never_gets_memory_again(self):
        for number in (0, 5, 20):
            with self.subTest(allocation=number):
                self.ensure_gateway()
                self.served_client()
                self.faults.fail_allocation("worker 0", number, times=1_000_000)
                self.work()
                self.gateway.wait_for_line("critical worker 0: failed by an exception: std::bad_al")
                self.assertEqual(self.gateway.wait(30), 1, self.gateway.log_tail())
                self.faults.fail_no_allocation()

    def test_others_clients_are_closed_cleanly(self):
        self.ensure_gateway()
        clients = [self.served_client(f"couple-{number}") for number in range(12)]
        for number in self.SWEEP:  # until one that is no client's alone
            self.faults.fail_allocation("worker 1", number)
            self.work()
            if self.faults.failed() and self.outcome("worker 1") == "ended":
                break
        ends = [client.receive_to_end() for client in clients]
        self.assertEqual(set(ends), {b""}, "close_notify, for those of the worker that failed too")

    def test_a_thread_of_zookeepers(self):
        zookeeper = self.cluster.zookeeper()
        gateway = self.cluster.start(self.prepared(
            shards={"zookeeper": zookeeper.connect_string}))
        self.wait_until(lambda: gateway.metric("presenter_zookeeper_connected") == 1, "connected")
        self.faults.fail_allocation("zookeeper", 0)
        self.chat_servers(["chat-z"], zookeeper=zookeeper.connect_string)
        self.assertEqual(gateway.wait(30), 1)
        self.assertRegex(gateway.output(),
                         r"(?m)critical zookeeper: failed by an exception: std::bad_alloc$")

    def test_a_thread_of_zookeepers_in_the_other_programs(self):
        where = self.cluster.zookeeper().connect_string
        thrown = "nobody catches what thread 'zookeeper' throws: std::bad_alloc"
        chat = self.cluster.start(self.faults.preloaded(
            ChatServer("chat-z", self.cluster.folder, PROGRAMS, zookeeper=where)))
        chat.wait_for_line("is registered")
        self.faults.fail_allocation("zookeeper", 0)
        self.chat_servers(["chat-y"], zookeeper=where)  # it is told of that
        self.assertEqual(chat.wait(30), 1)
        self.assertIn(f"\npresenter-chatd: {thrown}\n", chat.output())
        self.faults.fail_allocation("zookeeper", 0)
        done = self.run_with_faults("presenterctl", "drain", "chat-y", "--zookeeper", where)
        self.assertEqual((done.returncode, done.stderr), (3, f"presenterctl: {thrown}\n"))

    def test_a_chat_server(self):
        for number in range(0, 60, 6):
            chat = self.faults.preloaded(ChatServer(f"chat-{number}", self.cluster.folder,
                                                    PROGRAMS))
            with self.subTest(allocation=number):
                self.cluster.start(chat)
                gateway = self.cluster.gateway(f"before-{number}",
                                               self.cluster.static_shards([chat]),
                                               {"upstream": {"opening_timeout": "1s"}})
                gateway.wait_ready()
                self.faults.fail_allocation("presenter-chatd", number)
                try:
                    self.served_client(gateway=gateway).send_text(1, b"hello")
                except CLIENT_ERRORS:
                    pass
                chat.signal(signal.SIGTERM)
                self.faults.fail_no_allocation()
                # One that has failed and ends takes no signal any more.
                self.assertIn(chat.wait(30), (0, 1, -signal.SIGTERM), chat.log_tail())
                if chat.child.returncode != 0:
                    self.assertRegex(chat.output(), r"(?m)^presenter-chatd \S+: \S+")
                gateway.stop()


class MemoryTest(FailureCase):
    def test_without_any_more_it_ends_or_goes_on(self):
        self.gateway = self.cluster.start(self.prepared(shutdown={"timeout": "1s"}))
        self.gateway.wait_ready()
        self.served_client("before")
        with open(f"/proc/{self.gateway.pid}/statm", encoding="ascii") as statm:
            now = int(statm.read().split()[0]) * resource.getpagesize()
        resource.prlimit(self.gateway.pid, resource.RLIMIT_AS, (now, resource.RLIM_INFINITY))
        for number in range(300):
            try:
                self.served_client(f"couple-{number}").send_text(1, b"x" * 2000)
            except CLIENT_ERRORS:
                break
        if self.gateway.is_running():
            resource.prlimit(self.gateway.pid, resource.RLIMIT_AS,
                             (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if "critical" not in self.gateway.output():
            self.served_client("after")
            return self.end(self.gateway)
        self.assertEqual(self.gateway.wait(30), 1)


class DescriptorsTest(FailureCase):
    def test_none_left_and_some_again(self):
        self.gateway = self.cluster.start(self.prepared())
        self.gateway.wait_ready()
        before = self.served_client("before")
        used = len(os.listdir(f"/proc/{self.gateway.pid}/fd"))
        hard = resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE, (used, hard))
        waiting = [socket.create_connection(address_of(address), 30)
                   for address in (self.gateway.address, self.gateway.admin)]
        self.gateway.wait_for_line("error clients wait to be accepted: Too many open files")
        self.gateway.wait_for_line("warning admin: accept failed: Too many open files")
        before.send_text(1, b"here")
        resource.prlimit(self.gateway.pid, resource.RLIMIT_NOFILE, (hard, hard))
        for one in waiting:
            one.close()
        self.served_client("after")
        self.assertEqual(self.gateway.get("/healthz")[0], 200)
        self.end(self.gateway)

    def test_started_with_the_standard_ones_closed(self):
        listen, admin = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.gateway = self.prepared(listen={"address": listen}, admin={"address": admin},
                                     log={"level": "debug"})
        command = self.gateway.command
        self.gateway.command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command]
        self.gateway.wait_for_line = lambda *_: re.match("(.*) (.*)", f"{listen} {admin}")
        self.cluster.start(self.gateway)

        def is_ready():
            try:
                return self.gateway.get("/readyz")[0] == 200
            except OSError:
                return False
        self.wait_until(is_ready, "it serves")
        for number in range(3):
            self.assertEqual(os.readlink(f"/proc/{self.gateway.pid}/fd/{number}"), "/dev/null")
        ann, ben = self.served_client(), self.served_client(user="ben")
        self.gateway.signal(signal.SIGHUP)  # lines of the log
        self.assert_talks(ann, ben)
        self.end(self.gateway)


class NamesTest(FailureCase):
    def test_a_name_that_never_resolves_holds_no_end_up(self):
        self.faults.let_names_hang()
        self.gateway = self.cluster.start(self.prepared(
            shards={"zookeeper": "zookeeper.invalid:2181/presenter"}, shutdown={"timeout": "1s"}))
        waiting = self.waiting_client()
        self.wait_until(lambda: self.gateway.metric("presenter_clients_open", phase="opening") == 1,
                        "it waits")
        self.gateway.signal(signal.SIGTERM)
        self.assertIn(b"shutting_down", waiting.receive_to_end())
        with self.assertRaises(ConnectionError):
            TlsClient(self.gateway.address, self.cluster.certificates)
        waiting.tcp.close()
        self.assertEqual(self.gateway.wait(15), 0)


if __name__ == "__main__":
    main()
