"""15,000 idle clients at one gateway, authenticated and with their streams on a link, cost less
than a KiB each of its memory, all that it has taken since its start counted, soon after they have
come, 1,000 at once; of TLS 1.3 or 1.2. The next 15,000 add nothing. And /metrics says what the
memory is for.

PRESENTER_IDLE_CLIENTS is the size of a crowd. Under a sanitizer it is smaller, and the process's
memory is not judged, for it is the sanitizer's; what the gateway itself counts is.
"""

import os

from processes import PROGRAMS, ClusterError, InstallationTest, Process, is_sanitized, main

CLIENTS = int(os.environ.get("PRESENTER_IDLE_CLIENTS", 1000 if is_sanitized() else 15000))
CLIENTS_BY_PART = min(CLIENTS, 3000)
AT_ONCE = 1000
CROWD_SECONDS = 180  # until all are served; a limit for a broken run
BYTES_PER_CLIENT_MAX = 1024


class IdleMemoryTest(InstallationTest):
    def process_bytes(self):
        """PSS; 0 under a sanitizer."""
        if is_sanitized():
            return 0
        return self.gateway.pss_kib() * 1024

    def setUp(self):
        super().setUp()
        # A slow machine may take its time for them.
        _, self.gateway = self.static_installation(
            echo=True, tables={"tls": {"handshake_timeout": "5m"}, "auth": {"timeout": "5m"}})
        self.fresh = self.process_bytes()

    def crowd(self, clients, options=()):
        """Clients that are served and then hold still, until the processes returned are stopped."""
        return [self.part_of_crowd(min(AT_ONCE, clients - before), options)
                for before in range(0, clients, AT_ONCE)]

    def part_of_crowd(self, clients, options):
        """All come at once: how many handshakes are under way shows in the memory for long."""
        crowd = Process("crowd", self.cluster.folder, [
            os.path.join(PROGRAMS, "presenter-load"), "idle", *options,
            "--gateway", self.gateway.address, "--ca", self.cluster.certificates.authority,
            "--server-name", "localhost", "--clients", clients, "--connect-rate", "3000",
            "--connect-timeout", "120", "--answer-timeout", CROWD_SECONDS,
            "--source-addresses", "4", "--seconds", "3600", "--no-progress"])
        self.cluster.start(crowd).wait_for_line(f"^ready {clients}$", CROWD_SECONDS)
        return crowd

    def cost_of_crowd(self, options=()):
        """Clients come, and cost no more than that once what their handshakes took is given back;
        then they go. Returns what each cost."""
        def bytes_each():
            return (self.process_bytes() - self.fresh) / CLIENTS

        crowd = self.crowd(CLIENTS, options)
        try:
            self.wait_until(lambda: bytes_each() < BYTES_PER_CLIENT_MAX, "memory is given back")
        except ClusterError:
            self.fail(f"{CLIENTS} idle clients cost {bytes_each():.0f} bytes each: {self.parts()}")
        cost = bytes_each()
        for part in crowd:
            part.stop()
        self.wait_nobody_left(self.gateway)
        return cost

    def test_less_than_a_kib_for_each_and_nothing_for_the_next_crowd(self):
        first = self.cost_of_crowd()
        second = self.cost_of_crowd(["--tls12"])
        print(f"{CLIENTS} idle clients: {first:.0f} bytes each; of TLS 1.2, in their places, "
              f"{second:.0f}")

    def test_less_than_a_kib_for_each_of_tls_1_2(self):
        cost = self.cost_of_crowd(["--tls12"])
        print(f"{CLIENTS} idle clients of TLS 1.2: {cost:.0f} bytes each")

    def parts(self):
        return self.gateway.metrics().by_label("presenter_memory_bytes", "part")

    def idle_parts(self):
        return self.gateway.metrics().by_label("presenter_client_idle_bytes", "part")

    def test_the_parts_on_metrics_grow_by_what_each_idle_client_holds(self):
        before = self.parts()
        self.crowd(CLIENTS_BY_PART)
        self.wait_until(lambda: self.idle_parts()["openssl"] == 0, "all are detached")
        idle = self.idle_parts()
        self.assertLess(sum(idle.values()), BYTES_PER_CLIENT_MAX)
        for part in ("sessions", "records", "streams"):
            # They are shown ten times a second; a table of streams has room for more of them.
            self.wait_until(lambda part=part: self.parts()[part] - before[part]
                            >= 0.95 * CLIENTS_BY_PART * idle[part], f"{part} have grown")
            self.assertLess(self.parts()[part] - before[part], 1.3 * CLIENTS_BY_PART * idle[part])


if __name__ == "__main__":
    main()
