"""`UpgradeCase`: a test case whose gateway's place is taken by another process."""

import json
import os
import signal
import ssl
import stat
import subprocess

from client_case import ClientCase
from echo_crowd import EchoCrowd
from processes import PROGRAMS, has_ended

TLS_12 = {"version": ssl.TLSVersion.TLSv1_2}


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

    def serving_pid(self):
        """None: the process that was asked is being replaced (gateway/upgrade/README.md)."""
        try:
            status, body = self.gateway.get("/upgrade")
        except OSError:  # it had gone by the time it was asked
            return None
        return None if status == 503 else json.loads(body)["pid"]

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

    def order(self, *words):
        """Given, and nobody waits for it."""
        ctl = subprocess.Popen([f"{PROGRAMS}/presenterctl", "gateway", "upgrade", "--gateway",
                                self.gateway.admin, *words],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(ctl.wait)
        self.addCleanup(ctl.kill)

    def wait_step(self, step):
        self.wait_until(lambda: self.page()["step"] == step, f"the step {step}")

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
