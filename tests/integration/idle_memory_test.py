"""An idle TLS 1.3 client, authenticated and with its stream on a link, costs less than a KiB of the
gateway's memory, soon after a crowd of them has come at once; the next crowd adds nothing. What one
of TLS 1.2 holds is less than 16 KiB; and /metrics says what the memory is for.

PRESENTER_IDLE_CLIENTS is the size of a crowd. Under a sanitizer it is smaller, and the process's
memory is not judged; what the gateway itself counts is.
"""

import os
import re
import signal
import subprocess

from processes import PROGRAMS, ClusterError, InstallationTest, is_sanitized, main

CLIENTS = int(os.environ.get("PRESENTER_IDLE_CLIENTS", 1000 if is_sanitized() else 5000))
BYTES_PER_CLIENT_MAX = 1024
PROCESS_BYTES_PER_CLIENT_MAX = float("inf") if is_sanitized() else BYTES_PER_CLIENT_MAX
CLIENTS_TLS12 = CLIENTS // 10
BYTES_PER_TLS12_CLIENT_MAX = 16 * 1024

# What the worker takes once: OpenSSL's tables and pools, buffers, the first pages of its heap. So
# that a crowd of any size is held to the figure for each client alone.
WARM_UP = 200


class Crowd:
    """presenter-load idle: clients that are served and then hold still, until it is left."""

    def __init__(self, test, gateway, clients, environment=None):
        self.child = subprocess.Popen(
            [os.path.join(PROGRAMS, "presenter-load"), "idle", "--gateway", gateway.address,
             "--ca", test.cluster.certificates.authority, "--server-name", "localhost",
             "--clients", str(clients), "--connect-rate", "3000", "--connect-timeout", "120",
             "--source-addresses", "4", "--seconds", "3600", "--no-progress"],
            stdout=subprocess.PIPE, text=True, env=environment)
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
        first = self.crowd(CLIENTS, empty, PROCESS_BYTES_PER_CLIENT_MAX)
        second = self.crowd(CLIENTS, empty, PROCESS_BYTES_PER_CLIENT_MAX)
        print(f"{CLIENTS} idle clients: {first:.0f} bytes each, the second time {second:.0f}")

    def parts(self):
        return self.gateway.metrics().by_label("presenter_memory_bytes", "part")

    def idle_parts(self):
        return self.gateway.metrics().by_label("presenter_client_idle_bytes", "part")

    def test_the_parts_on_metrics_grow_by_what_each_idle_client_holds(self):
        _, self.gateway = self.static_installation(echo=True)
        before = self.parts()
        Crowd(self, self.gateway, CLIENTS)
        self.wait_until(lambda: self.idle_parts()["openssl"] == 0, "all are detached")
        idle = self.idle_parts()
        self.assertLess(sum(idle.values()), BYTES_PER_CLIENT_MAX)
        for part in ("sessions", "records", "streams"):
            # They are shown ten times a second; a table of streams has room for more of them.
            self.wait_until(lambda part=part: self.parts()[part] - before[part]
                            >= 0.95 * CLIENTS * idle[part], f"{part} have grown")
            self.assertLess(self.parts()[part] - before[part], 1.3 * CLIENTS * idle[part])

    def test_less_than_16_kib_is_held_by_a_client_of_tls_1_2(self):
        _, self.gateway = self.static_installation(echo=True)
        path = os.path.join(self.cluster.folder, "tls12.cnf")
        with open(path, "w", encoding="ascii") as file:
            file.write("openssl_conf = c\n[c]\nssl_conf = s\n[s]\nsystem_default = d\n"
                       "[d]\nMaxProtocol = TLSv1.2\n")
        Crowd(self, self.gateway, CLIENTS_TLS12, {**os.environ, "OPENSSL_CONF": path})
        self.wait_until(lambda: self.gateway.metric("presenter_clients_openssl") == CLIENTS_TLS12,
                        "all are OpenSSL's")
        idle = self.idle_parts()
        print(f"an idle client of TLS 1.2 holds {sum(idle.values()):.0f} bytes: {idle}")
        self.assertGreater(idle["openssl"], 1024)
        self.assertLess(sum(idle.values()), BYTES_PER_TLS12_CLIENT_MAX)


if __name__ == "__main__":
    main()
