"""Whatever goes wrong before another process has taken a gateway's place, the old one serves on.

At each step the new process, or what it needs, fails, crashes and hangs.
"""

import contextlib
import errno
import json
import os
import signal
import socket
import stat
import subprocess

from faults import HANGS, KILLS, Faults
from processes import PROGRAMS, Gateway, has_ended, is_sanitized, main
from tls_client import address_of
from upgrade_case import TLS_12, UpgradeCase


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
        self.assertIn("[upgrade]\n", good)
        with open(self.gateway.config_path, "w", encoding="utf-8") as file:
            file.write(good.replace("[workers]\ncount = 2", "[workers]\ncount = 0")
                       .replace("[upgrade]", '[log]\nlevel = "debug"\n[limits]\n'
                                "clients_max = 77\n[upgrade]"))
        self.check_that_all_is_well()
        self.assertEqual(self.gateway.metric("presenter_clients_max"), 77)
        self.assertEqual(json.loads(self.gateway.get("/log-level")[1])["level"], "debug")

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
        self.order("--program", path)
        self.wait_step("start")
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
            {"upgrade": {"timeout": "10s" if is_sanitized() else "1s", "settle": "60s"},
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
