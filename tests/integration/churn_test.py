"""Ten thousand clients come, authenticate and go: what the gateway has allocated does not grow.

Under a sanitizer a tenth of them, and what each session leaves behind is for it to say.
"""

import concurrent.futures

from chat_client import ChatClient, generated
from processes import InstallationTest, is_sanitized, main

WARM_UP = 200 if is_sanitized() else 2000
HALF = 500 if is_sanitized() else 5000
CLIENTS_AT_ONCE = 4

# Bytes in use, not resident ones: how many pages malloc keeps depends on the timing. A leak of one
# pointer in each session, the smallest that malloc can show (32 bytes), adds 5,000 × 32 bytes =
# 160,000 in a half. Tables that grow once, and lines of the log on their way, are less than half.
GROWTH_BYTES_MAX = 80_000


class ChurnTest(InstallationTest):
    def come_and_go(self, number):
        with ChatClient(self.gateway, self.cluster.certificates, f"couple-{number % 500}",
                        f"user-{number % 2}") as client:
            client.authenticate()
            if number % 3 == 0:
                client.finish()
            elif number % 3 == 1:
                client.reset()

    def wave(self, count):
        """Bytes in use after `count` clients came and went."""
        with concurrent.futures.ThreadPoolExecutor(CLIENTS_AT_ONCE) as pool:
            for _ in pool.map(self.come_and_go, range(count)):
                pass
        self.wait_nobody_left(self.gateway)
        return self.gateway.heap_bytes_in_use()

    def test_memory_does_not_grow(self):
        generated()
        _, self.gateway = self.static_installation()
        self.wave(WARM_UP)
        middle = self.wave(HALF)
        end = self.wave(HALF)
        if not is_sanitized():
            self.assertLess(end - middle, GROWTH_BYTES_MAX, f"{middle} bytes, then {end}")


if __name__ == "__main__":
    main()
