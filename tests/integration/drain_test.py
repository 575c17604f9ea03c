"""A gateway is taken out: it serves on until nobody is left and nobody comes, then it ends."""

import json
import selectors
import signal
import subprocess
import time

from client_case import ClientCase
from processes import PROGRAMS, main

NETWORK = "127.0.0.0/24"


class DrainTest(ClientCase):
    def setUp(self):
        super().setUp()
        _, self.gateway = self.static_installation(
            tables={"drain": {"quiet": "1s"}, "workers": {"count": 2}})

    def status(self):
        return json.loads(self.gateway.get("/drain")[1])

    def wait_for_state(self, state):
        self.wait_until(lambda: self.status()["state"] == state, f"it is {state}")

    def run_ctl(self, *words):
        run = self.cluster.presenterctl("gateway", *words, "--gateway", self.gateway.admin)
        return run.returncode, run.stdout, run.stderr

    def start_ctl(self, *words):
        child = subprocess.Popen(
            [f"{PROGRAMS}/presenterctl", "gateway", *words, "--gateway", self.gateway.admin],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        return child

    def test_sigterm_drains_while_stale_clients_come(self):
        ann = self.served_client()
        self.assertEqual(self.status()["state"], "up")
        self.gateway.signal(signal.SIGTERM)
        self.wait_for_state("draining")
        self.assertEqual(self.gateway.get("/readyz"), (503, "not ready\ndraining\n"))
        self.assertEqual(self.gateway.metric("presenter_ready"), 1, "who comes is served")
        ben = self.served_client(user="ben")
        self.assert_talks(ann, ben)
        self.wait_until(lambda: self.status()["quiet_left_seconds"] == 0, "nobody else came")
        page = self.status()
        self.assertEqual((page["state"], page["clients"]), ("draining", 2), "they may stay")
        self.assertEqual([(each["network"], each["clients"])
                          for each in page["arrivals"]["networks"]], [(NETWORK, 1)])
        self.assertEqual(page["eta_seconds"], {"rule": None, "deadline": None})
        self.assertEqual(self.gateway.metric("presenter_drain_state", state="draining"), 1)
        self.assertEqual(self.gateway.metric("presenter_drain_arrivals_total"), 1)
        self.assertGreater(self.gateway.metric("presenter_drain_seconds"), 1)
        self.assert_talks(ann, ben)
        for client in (ann, ben):
            client.tcp.close()
        self.assertEqual(self.gateway.wait(30), 0)
        self.assertRegex(self.gateway.output(), r"info draining: SIGTERM, 1 clients are here\n")
        self.assertRegex(self.gateway.output(), r"info drained after \d+\.\d s\n")

    def test_an_idle_gateway_waits_for_quiet(self):
        begun = time.monotonic()
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(30), 0)
        self.assertGreaterEqual(time.monotonic() - begun, 1)

    def test_it_is_taken_back(self):
        ann = self.served_client()
        self.assertEqual(self.run_ctl("drain")[0], 0)
        self.wait_for_state("draining")
        status, out, err = self.run_ctl("undrain")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"(?m) up +1 ")
        self.assertEqual(self.gateway.get("/readyz"), (200, "ready\n"))
        ben = self.served_client(user="ben")
        self.assert_talks(ann, ben)
        self.assertEqual(self.status()["arrivals"]["clients"], 0)
        # It forgot nothing of how to drain.
        for client in (ann, ben):
            client.tcp.close()
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(self.gateway.wait(30), 0)

    def test_a_deadline_closes_at_an_even_pace(self):
        clients = [self.served_client(f"couple {number}") for number in range(20)]
        with selectors.DefaultSelector() as waiting:
            for client in clients:
                waiting.register(client.tcp, selectors.EVENT_READ, client)
            ctl = self.start_ctl("drain", "--deadline", "10s", "--wait")
            closed = []
            while waiting.get_map():
                for key, _ in waiting.select(30):
                    waiting.unregister(key.fileobj)
                    self.assertEqual(key.data.receive_to_end(), b"", "cleanly")
                    key.data.tcp.close()
                    closed.append(time.monotonic())
        self.assertEqual(self.gateway.wait(30), 0)
        # Without a pace all of them go within milliseconds.
        self.assertGreater(closed[-1] - closed[0], 2)
        self.assertGreater(closed[14] - closed[5], 0.5)
        self.assertEqual(ctl.wait(30), 0)
        self.assertNotIn("whoever is left", self.gateway.output())

    def test_whoever_comes_until_the_deadline_is_closed_at_the_end(self):
        ann = self.served_client()
        self.assertEqual(self.run_ctl("drain", "--deadline", "48h")[0], 0)
        self.wait_for_state("draining")
        self.assertAlmostEqual(self.status()["eta_seconds"]["deadline"], 48 * 3600, delta=60)
        self.assertEqual(self.run_ctl("drain", "--deadline", "1s")[0], 0, "another deadline")
        self.assertEqual(ann.receive_to_end(), b"")
        ann.tcp.close()
        self.assertEqual(self.gateway.wait(30), 0)

    def test_a_second_sigterm_is_in_a_hurry(self):
        ann = self.served_client()
        self.gateway.signal(signal.SIGTERM)
        self.wait_for_state("draining")
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(ann.receive_to_end(), b"", "close_notify, not a truncation")
        ann.tcp.close()
        self.assertEqual(self.gateway.wait(30), 0)
        self.assertNotIn("drained", self.gateway.output())

    def test_a_sigterm_behind_an_order_changes_nothing(self):
        ann = self.served_client()
        self.assertEqual(self.run_ctl("drain")[0], 0)
        self.gateway.signal(signal.SIGTERM)
        ben = self.served_client(user="ben")
        self.assert_talks(ann, ben)
        for client in (ann, ben):
            client.tcp.close()
        self.assertEqual(self.gateway.wait(30), 0)

    def test_who_waits_hears_that_it_is_taken_back(self):
        self.served_client()
        ctl = self.start_ctl("drain", "--wait")
        self.wait_for_state("draining")
        self.assertEqual(self.run_ctl("undrain")[0], 0)
        self.assertEqual(ctl.wait(30), 1)
        self.assertIn("somebody has taken the order back", ctl.stderr.read())

    def test_who_waits_hears_that_it_has_ended(self):
        ctl = self.start_ctl("drain", "--wait")
        self.assertEqual(self.gateway.wait(30), 0)
        self.assertEqual(ctl.wait(30), 0)

    def test_the_table_and_its_exit_status(self):
        self.served_client()
        status, out, err = self.run_ctl("status")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out.splitlines()[0].split()[:4], ["GATEWAY", "VERSION", "UP", "FOR"])
        self.assertRegex(out, r"(?m)^GATEWAY +STATE +CLIENTS ")
        self.assertRegex(out, r"(?m)^\S+ +up +1 +- +0 +0 +- +- +none$")
        for wrong in ("0s", "49h", "soon", "5"):
            status, _, err = self.run_ctl("drain", "--deadline", wrong)
            self.assertEqual(status, 2, wrong)
            self.assertIn("the deadline must be 1s to 48h", err)
        self.assertEqual(self.status()["state"], "up")
        self.run_ctl("drain")
        self.wait_for_state("draining")
        self.served_client(user="ben")
        _, out, _ = self.run_ctl("status")
        self.assertRegex(out, r"(?m)^who came to \S+ since its record was removed:$")
        self.assertRegex(out, rf"(?m)^{NETWORK} +1 +\d+ s ago$")
        [page] = json.loads(self.run_ctl("status", "--json")[1])["gateways"]
        self.assertEqual(page["state"], "draining")


class IdleFirstTest(ClientCase):
    def test_whoever_has_been_silent_for_longest_goes_first(self):
        _, self.gateway = self.static_installation(tables={"drain": {"quiet": "1s"}})
        talking, silent = (self.served_client(f"couple {number}") for number in range(2))
        order = ("gateway", "drain", "--gateway", self.gateway.admin)
        self.assertEqual(self.cluster.presenterctl(*order).returncode, 0)
        self.wait_until(lambda: json.loads(self.gateway.get("/drain")[1])["quiet_left_seconds"]
                        == 0, "a second has passed")
        relayed = self.gateway.metric("presenter_relayed_bytes_total", direction="to_backend")
        talking.send_text(1, b"still here")
        self.wait_until(lambda: self.gateway.metric("presenter_relayed_bytes_total",
                                                    direction="to_backend") > relayed, "it came")
        self.assertEqual(self.cluster.presenterctl(*order, "--deadline", "8s").returncode, 0)
        self.wait_closed(self.gateway, "gateway_draining")
        self.assertEqual(silent.receive_to_end(), b"")
        self.assertTrue(self.gateway.is_running())
        self.assertEqual(self.gateway.metric("presenter_streams_open"), 1, "the other may stay")
        for client in (silent, talking):
            client.tcp.close()
        self.assertEqual(self.gateway.wait(30), 0)


class NoDrainTest(ClientCase):
    def test_without_the_table_sigterm_ends_it_and_an_order_still_drains(self):
        _, self.gateway = self.static_installation()
        ann = self.served_client()
        self.assertEqual(self.cluster.presenterctl(
            "gateway", "drain", "--gateway", self.gateway.admin).returncode, 0)
        page = json.loads(self.gateway.get("/drain")[1])
        self.assertEqual((page["state"] != "up", page["quiet_seconds"]), (True, 600))
        self.gateway.signal(signal.SIGTERM)
        self.assertEqual(ann.receive_to_end(), b"")
        ann.tcp.close()
        self.assertEqual(self.gateway.wait(30), 0)


if __name__ == "__main__":
    main()
