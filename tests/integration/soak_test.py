"""Over a gigabyte each way through one link between the real gateway and a real chat server, in
several crowds of clients; both are as large afterwards as after the first crowd."""

import os
import subprocess

from processes import PROGRAMS, InstallationTest, is_sanitized, main

BYTES_EACH_WAY = 1_100_000_000 // (20 if is_sanitized() else 1)

# malloc's spare pages move by some 100 KiB from crowd to crowd; 16 bytes kept for each of the
# 67,000 messages would be as much as this.
GROWTH_KIB_MAX = 1024


class SoakTest(InstallationTest):
    def crowd(self, gateway):
        """Clients come, send as fast as their echoes return, check each byte, and go."""
        run = subprocess.run(
            [os.path.join(PROGRAMS, "presenter-load"), "echo", "--gateway", gateway.address,
             "--ca", self.cluster.certificates.authority, "--server-name", "localhost",
             "--clients", "64", "--window", "4", "--message-bytes", "16384", "--seconds", "2",
             "--no-progress"],
            capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.wait_nobody_left(gateway)

    def relayed(self, gateway):
        """Bytes in the direction that has had less."""
        return min(gateway.metrics().by_label("presenter_relayed_bytes_total",
                                              "direction").values())

    def test_a_gigabyte_each_way_on_one_link(self):
        (server,), gateway = self.static_installation(echo=True)
        self.crowd(gateway)
        before = gateway.resident_kib(), server.resident_kib()
        start = self.relayed(gateway)
        while self.relayed(gateway) < start + BYTES_EACH_WAY:
            self.crowd(gateway)
        after = gateway.resident_kib(), server.resident_kib()
        print(f"{self.relayed(gateway):.3g} bytes each way; gateway {before[0]} → {after[0]} KiB, "
              f"chat server {before[1]} → {after[1]} KiB")
        self.assertEqual(gateway.metric("presenter_links_opened_total"), 1)
        if not is_sanitized():
            for small, large in zip(before, after):
                self.assertLess(large - small, GROWTH_KIB_MAX)


if __name__ == "__main__":
    main()
