"""deploy/hooks/aws-autoscaling against a stand-in that writes down what it is asked."""

import os
import shutil
import signal
import subprocess

from aws_stand_in import GROUP, HOOK, INSTANCE, AwsStandIn
from client_case import ClientCase
from processes import ROOT, Process, main

SCRIPT = os.path.join(ROOT, "deploy/hooks/aws-autoscaling")
NAME = {"AutoScalingGroupName": GROUP, "InstanceId": INSTANCE, "LifecycleHookName": HOOK}


class AwsHookTest(ClientCase):
    def setUp(self):
        super().setUp()
        self.aws = AwsStandIn()
        self.addCleanup(self.aws.close)

    def gateway_process(self):
        """Who has the gateway's place: it lives until it is ended."""
        return self.cluster.start(
            Process("gateway", self.cluster.folder, ["tail", "-f", "/dev/null"]))

    def run_hook(self, event, gateway, **more):
        """(exit status, what it printed)"""
        facts = {"PRESENTER_EVENT": event, "PRESENTER_PID": str(gateway.pid),
                 "PRESENTER_ADMIN": self.aws.address}
        done = subprocess.run(["/usr/bin/python3", "-B", SCRIPT, event], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=60, check=False,
                              env={**os.environ, **self.aws.environment, **facts, **more})
        return done.returncode, done.stdout

    @staticmethod
    def left_behind(gateway):
        """Processes of this hook that are about this gateway."""
        count = 0
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    its = file.read().split(b"\0")
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    count += (f"PRESENTER_PID={gateway.pid}".encode() in its
                              and b"aws-autoscaling" in file.read())
            except OSError:
                continue
        return count

    def test_it_beats_while_the_gateway_drains_and_ends_with_it(self):
        self.aws.target_state = "Terminated"
        gateway = self.gateway_process()
        self.assertEqual(self.run_hook("draining", gateway), (0, ""))
        self.wait_until(lambda: self.aws.count("RecordLifecycleActionHeartbeat") >= 3, "it beats")
        self.assertEqual(self.left_behind(gateway), 1)
        for action, parameters in self.aws.calls:
            if action == "RecordLifecycleActionHeartbeat":
                self.assertLessEqual(NAME.items(), parameters.items())
        gateway.kill()
        self.wait_until(lambda: self.left_behind(gateway) == 0, "it has ended with the gateway")

    def test_it_completes_the_action_when_drained(self):
        self.aws.target_state = "Terminated"
        self.aws.failures = 2  # which pass
        status, said = self.run_hook("drained", self.gateway_process())
        self.assertEqual((status, said), (0, f"completed {HOOK} of {GROUP}\n"))
        action, parameters = self.aws.calls[-1]
        self.assertEqual(action, "CompleteLifecycleAction")
        self.assertLessEqual({**NAME, "LifecycleActionResult": "CONTINUE"}.items(),
                             parameters.items())

    def test_a_machine_that_stays_asks_the_group_nothing(self):
        gateway = self.gateway_process()
        for self.aws.target_state in ("InService", None):
            self.assertEqual(self.run_hook("drained", gateway), (
                0, "this machine stays: there is no lifecycle action to complete\n"))
        self.assertEqual(self.aws.calls, [])

    def test_it_tells_the_gateway_when_the_machine_is_to_go(self):
        gateway = self.gateway_process()
        self.assertEqual(self.run_hook("ready", gateway, AWS_AUTOSCALING_DEADLINE="2h"), (0, ""))
        self.assertEqual(self.aws.orders, [])
        self.aws.target_state = "Terminated"
        self.wait_until(lambda: self.aws.orders == ["/drain?deadline=2h"], "the order has come")
        self.wait_until(lambda: self.left_behind(gateway) == 0, "its work is done")

    def test_without_an_admin_endpoint_the_gateway_gets_its_signal(self):
        gateway = self.gateway_process()
        self.run_hook("ready", gateway, PRESENTER_ADMIN="")
        self.aws.target_state = "Terminated"
        self.assertEqual(gateway.wait(30), -signal.SIGTERM)

    def test_the_group_waits_no_longer_than_it_says(self):
        self.aws.target_state = "Terminated"
        self.aws.total_seconds = 1
        gateway = self.gateway_process()
        self.run_hook("draining", gateway)
        self.wait_until(lambda: self.aws.count("RecordLifecycleActionHeartbeat") >= 1, "it beats")
        self.wait_until(lambda: self.left_behind(gateway) == 0, "no beat is of use any more")
        self.assertTrue(gateway.is_running())

    def test_what_is_wrong_is_said(self):
        self.aws.target_state = "Terminated"
        self.aws.hooks = ["one", "two"]
        gateway = self.gateway_process()
        status, said = self.run_hook("drained", gateway)
        self.assertEqual(status, 1)
        self.assertIn("has 2 lifecycle hooks for", said)
        self.assertIn("set AWS_AUTOSCALING_HOOK", said)
        status, _ = self.run_hook("drained", gateway, AWS_AUTOSCALING_HOOK="two")
        self.assertEqual((status, self.aws.calls[-1][1]["LifecycleHookName"]), (0, "two"))

    def test_a_gateway_of_a_group_goes_without_a_word_of_an_operator(self):
        os.makedirs(self.path("hooks"))
        shutil.copy(SCRIPT, self.path("hooks"))
        os.environ.update(self.aws.environment)
        self.addCleanup(lambda: [os.environ.pop(name) for name in self.aws.environment])
        _, self.gateway = self.static_installation(
            tables={"hooks": {"directory": "hooks"}, "drain": {"quiet": "1s"}})
        ann = self.served_client()
        self.aws.target_state = "Terminated"
        self.wait_until(lambda: self.aws.count("RecordLifecycleActionHeartbeat") >= 2, "it beats")
        self.assertEqual(self.gateway.get("/readyz"), (503, "not ready\ndraining\n"))
        self.assertEqual(self.aws.count("CompleteLifecycleAction"), 0)
        ann.tcp.close()
        self.assertEqual(self.gateway.wait(60), 0)
        self.assertEqual(self.aws.count("CompleteLifecycleAction"), 1)
        self.assertIn(f"info hook aws-autoscaling: completed {HOOK} of {GROUP}\n",
                      self.gateway.output())


if __name__ == "__main__":
    main()
