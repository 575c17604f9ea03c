"""bench/capacity/calculate, and the page that quotes it."""

import importlib.machinery
import importlib.util
import json
import os
import re
import shlex
import subprocess
import unittest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
PROGRAM = os.path.join(ROOT, "bench/capacity/calculate")
loader = importlib.machinery.SourceFileLoader("calculate", PROGRAM)
calculate = importlib.util.module_from_spec(importlib.util.spec_from_loader("calculate", loader))
loader.exec_module(calculate)

FIGURES = {
    "gateway_kib_per_client": 1, "backend_kib_per_client": 20, "gateway_us_per_new_client": 500,
    "gateway_us_per_full_handshake": 400, "gateway_us_per_resumed_handshake": 200,
    "gateway_us_per_message": 50, "backend_us_per_message": 10, "link_bytes_per_message": 300,
    "zookeeper_packets_per_gateway": 0.5, "zookeeper_packets_per_backend": 0.5,
    "backend_loss_found_seconds": 7}


def reckoned(*words):
    return calculate.capacity(calculate.parsed(list(words)), FIGURES)


class CapacityTest(unittest.TestCase):
    def test_cpu_decides(self):
        # 100,000 messages of 50 us and 100 newcomers of 400 us: 5.04 cores, of which each gateway
        # may use one.
        result = reckoned("--clients", "100000", "--rate", "1", "--cores", "2", "--busy", "0.5",
                          "--comes-again", "1000", "--resumed", "0.5")
        self.assertEqual(result["gateways_needed_for_cpu"], 6)
        self.assertEqual(result["gateways"], 7)
        self.assertAlmostEqual(result["busy_share_with_one_gateway_less"], 5.04 / 12)
        self.assertAlmostEqual(result["busy_share_of_cores"], 5.04 / 14)

    def test_memory_decides(self):
        result = reckoned("--clients", str(2**22), "--rate", "0", "--memory-gib", "1",
                          "--comes-again", "1e9")
        self.assertEqual(result["gateways_needed_for_memory"], 4)
        self.assertEqual(result["gateways"], 5)

    def test_links_and_zookeeper(self):
        result = reckoned("--clients", "1000", "--cores", "4", "--backends", "3",
                          "--links-per-worker", "2")
        self.assertEqual(result["gateways"], 2)
        self.assertEqual(result["links"], 2 * 4 * 2 * 3)
        self.assertEqual(result["zookeeper_sessions"], 5)
        self.assertEqual(result["zookeeper_packets_per_second"], 2.5)

    def test_losses(self):
        result = reckoned("--clients", "30000", "--rate", "0", "--comes-again", "1e9", "--cores",
                          "1", "--backends", "3", "--resumed", "0")
        self.assertEqual(result["gateway_loss_clients"], 15000)
        self.assertAlmostEqual(result["gateway_loss_seconds"], 15000 * 500e-6, places=3)
        self.assertAlmostEqual(result["backend_loss_seconds"], 7 + 10000 / (250 * 2))
        self.assertIsNone(reckoned("--clients", "10", "--backends", "1")["backend_loss_seconds"])

    def test_slower_cores_take_longer(self):
        fast, slow = (reckoned("--clients", "1000000", "--slower", each) for each in ("1", "2"))
        self.assertAlmostEqual(slow["busy_share_of_cores"] * slow["gateways"],
                               2 * fast["busy_share_of_cores"] * fast["gateways"])

    def test_nonsense_is_refused(self):
        for words in (["--clients", "0"], ["--clients", "-1"], ["--clients", "10", "--busy", "1"],
                      ["--clients", "10", "--cores", "0"], ["--clients", "10", "--rate", "nan"],
                      ["--clients", "10", "--resumed", "2"], ["--clients", "x"], []):
            with self.subTest(words=words):
                done = subprocess.run([PROGRAM, *words], capture_output=True, text=True,
                                      check=False)
                self.assertEqual(done.returncode, 2)
                self.assertIn("error: ", done.stderr)

    # --- the page

    def page(self):
        with open(os.path.join(ROOT, "bench/capacity.md"), encoding="utf-8") as file:
            return file.read()

    def test_the_page_quotes_the_figures(self):
        with open(calculate.FIGURES, encoding="utf-8") as file:
            figures = json.load(file)
        rows = re.findall(r"^\| `([a-z0-9_]+)` \| ([0-9.]+) \|", self.page(), re.M)
        self.assertEqual({name: float(value) for name, value in rows}, figures)

    def test_the_page_quotes_what_is_reckoned(self):
        [command] = re.findall(r"^    (bench/capacity/calculate .*)$", self.page(), re.M)
        said = subprocess.run(shlex.split(command), cwd=ROOT, capture_output=True, text=True,
                              check=True).stdout
        self.assertIn("".join(f"    {line}\n" for line in said.splitlines()), self.page())


if __name__ == "__main__":
    unittest.main()
