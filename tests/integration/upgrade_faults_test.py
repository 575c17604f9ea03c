"""A call fails, hangs or kills at each step of an upgrade before another process has taken the
gateway's place: the old one serves on. upgrade_failures_test.py has what preloads no library.
"""

import contextlib
import errno
import os
import signal
import socket
import subprocess

from faults import HANGS, KILLS, Faults
from processes import PROGRAMS, Gateway, has_ended, main
from tls_client import address_of
from upgrade_case import TLS_12, UpgradeCase


class FaultTest(UpgradeCase):
    BIG = 16 * 1024  # bytes that a worker takes at once only when it writes down what it has

    def setUp(self):
        super().setUp()
        self.faults = Faults(self.path("faults"))
        self.addCleanup(self.faults.close)
        shards = self.cluster.static_shards(self.chat_servers(("chat-a",), echo=True))
        self.gateway = self.cluster.start(self.faults.preloaded(Gateway(
            "gateway", self.cluster.folder, PROGRAMS, self.cluster.certificates, shards,
            {"upgrade": {"timeout": "5s", "settle": "60s"},
             # A worker that shows its backends once a second would take its faults.
             "metrics": {"backends_max": 0},
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

    def wait_failed(self, result, reason):
        self.wait_step("idle")
        last = self.page()["last"]
        self.assertEqual(last["result"], result)
        self.assertRegex(last["reason"], reason)
        self.faults.fail_nothing()
        self.assertEqual(self.people.failures, [])

    @contextlib.contextmanager
    def held_while_it_settles(self):
        """An upgrade that waits for somebody's handshake, until the end of the scope."""
        with socket.create_connection(address_of(self.gateway.address)) as shaking:
            shaking.sendall(b"\x16")
            self.wait_until(lambda: self.gateway.metric("presenter_clients_open",
                                                        phase="handshake") == 1, "one shakes hands")
            os.kill(self.page()["pid"], signal.SIGUSR2)  # presenterctl would ask for pages
            self.wait_step("settle")
            yield

    def new_process(self):
        return int(subprocess.run(["pgrep", "-P", str(self.page()["pid"])], capture_output=True,
                                  check=True, text=True).stdout)

    def test_the_check_hangs(self):
        self.order("--program", self.program("hangs", "exec sleep 600"))
        self.wait_step("check")
        self.faults.advance_steady_clock(25)
        self.wait_failed("failed_check", "did not end within its time")
        self.check_that_all_is_well()

    def test_a_worker_hangs_when_it_is_asked(self):
        self.faults.fail_allocation("worker 0", 0, fate=HANGS)
        self.order()
        self.wait_step("survey")
        self.faults.advance_steady_clock(25)
        self.wait_failed("failed_check", "a worker does not answer")
        self.check_that_all_is_well()

    def test_a_worker_has_no_memory_when_it_is_asked(self):
        """Its answer comes as soon as there is some: who looks at clients costs nobody theirs."""
        # What its loop itself keeps from one turn to the next it has afterwards.
        self.assertEqual(self.run_ctl("--dry-run")[0], 0)
        self.faults.fail_allocation("worker 0", 0)
        status, _, err = self.run_ctl("--dry-run")
        self.assertEqual((status, err, self.faults.failed()), (0, "", 1))
        self.faults.fail_nothing()
        self.check_that_all_is_well()

    def test_while_it_settles(self):
        with self.held_while_it_settles():
            os.kill(self.new_process(), signal.SIGKILL)
            self.wait_failed("failed_adopt", "has ended: killed by signal 9")
        with self.held_while_it_settles():
            os.kill(self.new_process(), signal.SIGSTOP)
        self.wait_failed("failed_adopt", "upgrade.timeout")
        self.check_that_all_is_well()

    def test_the_old_process_has_no_memory_for_the_state(self):
        with self.held_while_it_settles():
            # Nobody may ask for a page from here on: it would be taken for the state.
            self.faults.fail_allocation("presenter", 0, bytes_min=4_096)
        self.gateway.wait_for_line("the state cannot be kept: Cannot allocate memory")
        self.wait_failed("failed_freeze", "the state cannot be kept: Cannot allocate memory")
        self.check_that_all_is_well()

    def test_the_old_process_hangs(self):
        client = self.echo_client()
        with self.held_while_it_settles():
            self.faults.fail_call("memfd_create", HANGS)
        self.wait_until(self.faults.has_been_called, "all workers stand still, and it hangs")
        self.assert_echoes(client, b"its worker does not wait for that")
        self.faults.fail_nothing()
        self.wait_failed("failed_adopt", "upgrade.timeout|too long")
        self.check_that_all_is_well()

    def test_the_old_process_crashes(self):
        self.faults.fail_call("says adopted", HANGS)
        self.order()
        self.wait_step("adopt")
        successor = self.new_process()
        os.kill(self.gateway.pid, signal.SIGKILL)
        self.faults.fail_nothing()
        self.wait_until(lambda: has_ended(successor), "the new one ends as well")

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


if __name__ == "__main__":
    main()
