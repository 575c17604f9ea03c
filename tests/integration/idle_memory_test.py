"""An idle TLS 1.3 client, authenticated and with its stream on a link, costs less than a KiB of the
gateway's memory, soon after a crowd of them has come at once; the next crowd adds nothing.

PRESENTER_IDLE_CLIENTS is the size of a crowd.
"""

import os
import re
import signal
import subprocess

from processes import PROGRAMS, ClusterError, InstallationTest, main

CLIENTS = int(os.environ.get("PRESENTER_IDLE_CLIENTS", 5000))
BYTES_PER_CLIENT_MAX = 1024

# What the worker takes once: OpenSSL's tables and pools, buffers, the first pages of its heap. So
# that a crowd of any size is held to the figure for each client alone.
WARM_UP = 200


class Crowd:
    """presenter-load idle: clients that are served and then hold still, until it is left."""

    def __init__(self, test, gateway, clients):
        self.child = subprocess.Popen(
            [os.path.join(PROGRAMS, "presenter-load"), "idle", "--gateway", gateway.address,
             "--ca", test.cluster.certificates.authority, "--server-name", "localhost",
             "--clients", str(clients), "--connect-rate", "3000", "--connect-timeout", "120",
             "--source-addresses", "4", "--seconds", "3600", "--no-progress"],
            stdout=subprocess.PIPE, text=True)
        test.addCleanup(self.leave)
        test.assertEqual(self.child.stdout.readline(), f"ready {clients}\n")

    def leave(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            self.child.communicate()


class IdleMemoryTest(InstallationTest):
    def pss_bytes(self):
        with open(f"/proc/{self.gateway.pid}/smaps_rollup", encoding="ascii") as rollup:
            return int(re.search(r"^Pss:\s+(\d+) kB", rollup.read(), re.M).group(1)) * 1024

    def crowd(self, clients, bytes_before, bytes_each_max):
        """Clients come, and cost no more than that once what their handshakes took is given back;
        then they go. Returns what each cost."""
        def bytes_each():
            return (self.pss_bytes() - bytes_before) / clients

        crowd = Crowd(self, self.gateway, clients)
        try:
            self.wait_until(lambda: bytes_each() < bytes_each_max, "memory is given back")
        except ClusterError:
            self.fail(f"{clients} idle clients cost {bytes_each():.0f} bytes each")
        cost = bytes_each()
        crowd.leave()
        self.wait_nobody_left(self.gateway)
        return cost

    def test_less_than_a_kib_for_each_and_nothing_for_the_next_crowd(self):
        _, self.gateway = self.static_installation(echo=True)
        self.crowd(WARM_UP, 0, float("inf"))
        empty = self.pss_bytes()
        first = self.crowd(CLIENTS, empty, BYTES_PER_CLIENT_MAX)
        second = self.crowd(CLIENTS, empty, BYTES_PER_CLIENT_MAX)
        print(f"{CLIENTS} idle clients: {first:.0f} bytes each, the second time {second:.0f}")


if __name__ == "__main__":
    main()
