"""Over a gigabyte each way through one link between the real gateway and a real chat server, in
several crowds of clients; neither has grown since the first crowd."""

import os
import subprocess

from processes import PROGRAMS, InstallationTest, is_sanitized, main

BYTES_EACH_WAY = 1_100_000_000 // (20 if is_sanitized() else 1)

# In use, at the gateway: 16 bytes kept for each of the 67,000 messages would be four times as much.
GROWTH_BYTES_MAX = 256 * 1024
# Resident, at the chat server, which has no page that tells what is in use (soak.* measures that of
# the SDK). Spare pages of malloc have made 1.3 MiB; 256 bytes kept for each message are 16 MiB.
GROWTH_KIB_MAX = 8 * 1024


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
        before = gateway.heap_bytes_in_use(), server.resident_kib()
        start = self.relayed(gateway)
        while self.relayed(gateway) < start + BYTES_EACH_WAY:
            self.crowd(gateway)
        after = gateway.heap_bytes_in_use(), server.resident_kib()
        print(f"{self.relayed(gateway):.3g} bytes each way; gateway {before[0]} → {after[0]} bytes "
              f"in use, chat server {before[1]} → {after[1]} KiB")
        self.assertEqual(gateway.metric("presenter_links_opened_total"), 1)
        if not is_sanitized():
            self.assertLess(after[0] - before[0], GROWTH_BYTES_MAX)
            self.assertLess(after[1] - before[1], GROWTH_KIB_MAX)


if __name__ == "__main__":
    main()
