"""Whatever goes wrong before another process has taken a gateway's place, the old one serves on.

The new process, or what it needs, fails, crashes and hangs; upgrade_faults_test.py has calls do so.
"""

import json
import os
import signal
import stat

from processes import is_sanitized, main
from upgrade_case import TLS_12, UpgradeCase


class FailureTest(UpgradeCase):
    # A sanitizer's program takes its time to start.
    TIMEOUT = "10s" if is_sanitized() else "5s"

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
        # The undefined behaviour sanitizer needs a descriptor of its own to know a type.
        if not is_sanitized():
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


if __name__ == "__main__":
    main()
