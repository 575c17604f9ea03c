"""An operator's hooks: what they are told, in which order, and what comes of it if one fails."""

import os
import signal
import subprocess

from client_case import ClientCase
from processes import PROGRAMS, Gateway, has_ended, main, toml


class HooksTest(ClientCase):
    def setUp(self):
        super().setUp()
        self.folder = self.path("hooks")
        self.told = self.path("told")
        os.makedirs(self.folder)
        self.tables = {"hooks": {"directory": "hooks"}, "drain": {"quiet": "1s"},
                       "gateway": {"name": "gw-1"}}

    def hook(self, name, script, mode=0o755):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(path, mode)

    def lines(self):
        if not os.path.exists(self.told):
            return []
        with open(self.told, encoding="utf-8") as file:
            return file.read().splitlines()

    def run_failing(self, *words):
        """Exit status and log of a gateway that does not come to serve."""
        shards = self.path("shards.toml")
        with open(shards, "w", encoding="utf-8") as file:
            file.write('[[server]]\nname = "chat-a"\nhost = "127.0.0.1"\nport = 9\n')
        gateway = Gateway("failing", self.cluster.folder, PROGRAMS, self.cluster.certificates,
                          {"file": shards}, self.tables)
        with open(gateway.config_path, "w", encoding="utf-8") as file:
            file.write(toml(gateway.tables))
        done = subprocess.run([f"{PROGRAMS}/presenter", "--config", gateway.config_path, *words],
                              capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL)
        return done.returncode, done.stderr

    def test_they_run_in_order_at_every_event(self):
        self.hook("20-second", f'echo "second $1" >> {self.told}')
        self.hook("10-first", "cd $(dirname $0)/..\n"
                              'echo "first $PRESENTER_EVENT $PRESENTER_NAME $PRESENTER_ADDRESS '
                              '$PRESENTER_ADMIN $PRESENTER_CLIENTS $PRESENTER_PID" >> told\n'
                              'echo "hello from $PRESENTER_EVENT"')
        _, self.gateway = self.static_installation(tables=self.tables)
        self.wait_until(lambda: len(self.lines()) == 4, "the gateway is ready")
        ann = self.served_client()
        self.gateway.signal(signal.SIGTERM)
        self.wait_until(lambda: self.gateway.metric(
            "presenter_hooks_runs_total", event="draining", result="done") == 2, "it drains")
        self.assertEqual(len(self.lines()), 6)
        ann.tcp.close()
        self.assertEqual(self.gateway.wait(30), 0)
        self.assertEqual(self.lines()[1::2], [f"second {event}" for event in
                                              ("starting", "ready", "draining", "drained")])
        facts = f"{self.gateway.address} {self.gateway.admin}"
        pid = self.gateway.pid
        self.assertEqual(self.lines()[::2], [
            f"first starting gw-1 127.0.0.1:0 127.0.0.1:0 0 {pid}",
            f"first ready gw-1 {facts} 0 {pid}", f"first draining gw-1 {facts} 1 {pid}",
            f"first drained gw-1 {facts} 0 {pid}"])
        self.assertIn("info hook 10-first: hello from ready\n", self.gateway.output())

    def test_one_that_fails_at_the_start_ends_it(self):
        self.hook("10-fails", 'echo "no disk"; exit 3')
        self.hook("20-next", f"echo next >> {self.told}")
        status, said = self.run_failing()
        self.assertEqual(status, 1)
        self.assertIn("info hook 10-fails: no disk\n", said)
        self.assertIn("critical hooks.directory: the start is given up: 10-fails exit status 3\n",
                      said)
        self.assertEqual(self.lines(), [])

    def test_one_that_hangs_at_the_start_is_ended_in_its_time(self):
        self.tables["hooks"]["timeout"] = "300ms"
        self.hook("10-hangs", "exec tail -f /dev/null")
        status, said = self.run_failing()
        self.assertEqual(status, 1)
        self.assertIn("the start is given up: 10-hangs did not end within its time\n", said)

    def test_later_failures_are_told_and_hold_nothing_up(self):
        self.hook("10-fails", '[ "$1" = starting ] || exit 3')
        self.hook("20-next", f'echo "$1" >> {self.told}')
        _, self.gateway = self.static_installation(tables=self.tables)
        self.wait_until(lambda: self.lines() == ["starting", "ready"], "the gateway is ready")
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(30), 0)
        self.assertEqual(self.lines(), ["starting", "ready", "draining", "drained"])
        self.assertIn("warning hooks.directory: at drained: 10-fails exit status 3\n",
                      self.gateway.output())

    def test_a_second_sigterm_waits_for_no_hook(self):
        self.hook("10-hangs", f'[ "$1" = drained ] || exit 0\necho $$ >> {self.told}\n'
                              "exec tail -f /dev/null")
        _, self.gateway = self.static_installation(tables=self.tables)
        self.gateway.signal(signal.SIGTERM)
        self.wait_until(self.lines, "the hook of drained runs")
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(30), 0)
        [hook] = self.lines()
        self.wait_until(lambda: has_ended(hook), "the hook is gone")

    def test_what_cannot_be_run_is_a_mistake(self):
        self.hook("10-plain", "", 0o644)
        self.hook("20-open", "", 0o757)
        status, said = self.run_failing("--check")
        self.assertEqual(status, 1)
        self.assertRegex(said, r"toml:\d+: hooks\.directory: '\S+/10-plain' is not executable")
        self.assertRegex(said, r"toml:\d+: hooks\.directory: '\S+/20-open' may be written by oth")
        self.tables["hooks"]["directory"] = "absent"
        status, said = self.run_failing("--check")
        self.assertEqual(status, 1)
        self.assertRegex(said, r"toml:\d+: hooks\.directory: there is no folder '\S+/absent'\n")


if __name__ == "__main__":
    main()
