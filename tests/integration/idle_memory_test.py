"""15,000 idle clients of TLS 1.3 at one gateway, authenticated and with their streams on a link,
cost less than a KiB each of its memory, all that it has taken since its start counted, soon after
they have come at once. The next 15,000 add nothing. Of TLS 1.2 they cost less than 15 KiB, counted
by what is in use: how densely OpenSSL's blocks lie in resident memory depends on who came when. And
/metrics says what the memory is for.

PRESENTER_IDLE_CLIENTS is the size of a crowd. Under a sanitizer it is smaller, and the process's
memory is not judged, for it is the sanitizer's; what the gateway itself counts is.
"""

import os

from processes import PROGRAMS, ClusterError, InstallationTest, Process, is_sanitized, main

CLIENTS = int(os.environ.get("PRESENTER_IDLE_CLIENTS", 1000 if is_sanitized() else 15000))
CLIENTS_BY_PART = min(CLIENTS, 3000)
CROWD_SECONDS = 180  # until all are served; a limit for a broken run
BYTES_PER_CLIENT_MAX = 1024
BYTES_PER_TLS12_CLIENT_MAX = 15 * 1024


class IdleMemoryTest(InstallationTest):
    def process_bytes(self):
        """PSS; 0 under a sanitizer."""
        if is_sanitized():
            return 0
        return self.gateway.pss_kib() * 1024

    def taken_bytes(self):
        """Of the process's memory, since its start."""
        return self.process_bytes() - self.fresh

    def setUp(self):
        super().setUp()
        # All come at once, and a slow machine may take its time for them.
        _, self.gateway = self.static_installation(
            echo=True, tables={"tls": {"handshake_timeout": "5m"}, "auth": {"timeout": "5m"}})
        self.fresh = self.process_bytes()

    def crowd(self, clients, options=()):
        """presenter-load idle: clients that are served and then hold still, until it is stopped."""
        crowd = Process("crowd", self.cluster.folder, [
            os.path.join(PROGRAMS, "presenter-load"), "idle", *options,
            "--gateway", self.gateway.address, "--ca", self.cluster.certificates.authority,
            "--server-name", "localhost", "--clients", clients, "--connect-rate", "3000",
            "--connect-timeout", "120", "--source-addresses", "4", "--seconds", "3600",
            "--no-progress"])
        self.cluster.start(crowd).wait_for_line(f"^ready {clients}$", CROWD_SECONDS)
        return crowd

    def cost_of_crowd(self, bytes_each_max, taken_bytes, options=()):
        """Clients come, and cost no more than that once what their handshakes took is given back;
        then they go. Returns what each cost."""
        def bytes_each():
            return taken_bytes() / CLIENTS

        crowd = self.crowd(CLIENTS, options)
        try:
            self.wait_until(lambda: bytes_each() < bytes_each_max, "memory is given back")
        except ClusterError:
            self.fail(f"{CLIENTS} idle clients cost {bytes_each():.0f} bytes each: {self.parts()}")
        cost = bytes_each()
        crowd.stop()
        self.wait_nobody_left(self.gateway)
        return cost

    def test_less_than_a_kib_for_each_and_nothing_for_the_next_crowd(self):
        first = self.cost_of_crowd(BYTES_PER_CLIENT_MAX, self.taken_bytes)
        second = self.cost_of_crowd(BYTES_PER_CLIENT_MAX, self.taken_bytes)
        print(f"{CLIENTS} idle clients: {first:.0f} bytes each, the second time {second:.0f}")

    def test_less_than_15_kib_for_each_of_tls_1_2_which_are_given_back(self):
        cost = self.cost_of_crowd(BYTES_PER_TLS12_CLIENT_MAX,
                                  lambda: sum(self.parts().values()), ["--tls12"])
        print(f"{CLIENTS} idle clients of TLS 1.2: {cost:.0f} bytes each")
        # What stays for the next who come is less than they took as clients of TLS 1.3.
        self.wait_until(lambda: self.taken_bytes() < 2 * BYTES_PER_CLIENT_MAX * CLIENTS,
                        "memory is given back")

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
