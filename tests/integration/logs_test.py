"""A log that nobody takes, and the journal's priorities."""

import fcntl
import os

from client_case import ClientCase
from processes import main

LINE = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "


class LogsTest(ClientCase):
    def installation(self, **log):
        _, self.gateway = self.static_installation(tables={"log": log}, echo=True)

    # --- nobody takes it

    def start_with_errors_to(self, descriptor):
        self.gateway.stop()
        self.gateway.errors_to = descriptor
        self.gateway.start()
        self.gateway.wait_ready()

    def serve(self, count=40):
        for _ in range(count):
            client = self.echo_client()
            self.assert_echoes(client)
            client.finish()
            self.assertEqual(client.receive_to_end(), b"")

    def dropped(self):
        return self.gateway.metric("presenter_log_lines_dropped_total")

    def test_a_pipe_that_nobody_reads_holds_nobody_up(self):
        self.installation(level="debug")
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        self.start_with_errors_to(writer)
        os.close(writer)
        self.serve()
        self.assertGreater(self.dropped(), 0)
        os.set_blocking(reader, False)
        for line in os.read(reader, 65536).decode().splitlines():
            self.assertRegex(line, LINE)
        dropped = self.dropped()
        self.serve(1)
        first = os.read(reader, 65536).decode().splitlines()[0]
        self.assertRegex(first, LINE + f"warning {dropped:.0f} lines of the log were dropped: ")
        self.assertEqual(self.gateway.stop(), 0)

    def test_a_full_disk_holds_nobody_up(self):
        self.installation(level="debug")
        with open("/dev/full", "wb", buffering=0) as full:
            self.start_with_errors_to(full.fileno())
        self.serve(3)
        self.assertGreater(self.dropped(), 3)
        self.assertEqual(self.gateway.stop(), 0)

    def test_the_journal_is_told_priorities(self):
        self.installation()
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        found = os.fstat(writer)
        os.environ["JOURNAL_STREAM"] = f"{found.st_dev}:{found.st_ino}"
        self.addCleanup(os.environ.pop, "JOURNAL_STREAM")
        self.start_with_errors_to(writer)
        os.close(writer)
        os.set_blocking(reader, False)
        lines = os.read(reader, 65536).decode().splitlines()
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, r"^<[346]>\d{4}-\S+ (info|warning|error) ")


if __name__ == "__main__":
    main()
