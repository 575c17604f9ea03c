"""`Faults`: makes memory, calls of the kernel, threads, names and clocks fail in a program that
runs as it is shipped.

The program is started with faults.cpp preloaded; what is to fail is written into a file that both
have mapped, at any time, and counts there how often it has.
"""

import mmap
import os
import struct

from processes import PROGRAMS

LIBRARY = os.path.abspath(os.path.join(PROGRAMS, "../lib/libpresenter_faults.so"))
NEVER = -1

# faults.cpp, struct orders
LAYOUT = struct.Struct("=11q16s")
FIELDS = ("allocations", "failures", "failed", "bytes_min", "call", "calls", "fate", "threads",
          "names_hang", "wall_ahead", "steady_ahead")
# In faults.cpp's order, from 1.
CALLS = ("memfd_create", "socketpair", "posix_spawn", "maps the state", "epoll_create1",
         "says adopted")
HANGS, KILLS = -1, -2


class Faults:
    """Confined to one file; several programs may share it. Nothing fails until it is told to."""

    def __init__(self, path):
        self.path = path
        with open(path, "w+b") as file:
            file.write(LAYOUT.pack(NEVER, 0, 0, 0, 0, 0, 0, NEVER, 0, 0, 0, b""))
            file.flush()
            self._orders = mmap.mmap(file.fileno(), LAYOUT.size)

    def close(self):
        self._orders.close()

    def environment(self):
        # The loader would only warn, and the program go on without any fault.
        if not os.path.exists(LIBRARY):
            raise FileNotFoundError(f"there is no {LIBRARY}: build the target presenter_faults")
        return {"LD_PRELOAD": LIBRARY, "PRESENTER_TEST_FAULTS": self.path}

    def preloaded(self, process):
        """The same process, to be started with the faults in it."""
        settings = [f"{name}={value}" for name, value in self.environment().items()]
        process.command = ["env", *settings, *process.command]
        return process

    def fail_allocation(self, thread, number, times=1, bytes_min=0, fate=0):
        """Of the thread of this name, that allocation from now on, and the next ones; only those
        of so many bytes count. `fate`: HANGS until fail_nothing()."""
        self._write("failures", 0)
        self._write("failed", 0)
        self._write("bytes_min", bytes_min)
        self._write("fate", fate)
        self._orders[8 * len(FIELDS):] = thread.encode()[:15].ljust(16, b"\0")
        self._write("allocations", number)
        self._write("failures", times)

    def failed(self):
        """How many allocations have failed since they were told to."""
        return self._read("failed")

    def fail_no_allocation(self):
        self._write("failures", 0)

    def fail_call(self, name, fate, number=0):
        """One of CALLS, the one of that number from now on. `fate`: an errno, HANGS or KILLS."""
        self._write("fate", fate)
        self._write("calls", number)
        self._write("call", CALLS.index(name) + 1)

    def has_been_called(self):
        """Whether the call that fail_call named has come."""
        return self._read("calls") < 0

    def fail_nothing(self):
        """What hangs goes on."""
        for field in ("failures", "call", "fate"):
            self._write(field, 0)
        self._write("threads", NEVER)

    def allow_threads(self, count):
        self._write("threads", count)

    def let_names_hang(self):
        self._write("names_hang", 1)

    def set_wall_clock(self, ahead):
        """So many seconds ahead of the machine's; below 0: behind."""
        self._write("wall_ahead", int(ahead * 1e9))

    def advance_steady_clock(self, seconds):
        """Only ever forward, as it goes: its users need not bear anything else."""
        self._write("steady_ahead", self._read("steady_ahead") + int(seconds * 1e9))

    def _write(self, field, value):
        at = 8 * FIELDS.index(field)
        self._orders[at:at + 8] = struct.pack("=q", value)

    def _read(self, field):
        at = 8 * FIELDS.index(field)
        return struct.unpack("=q", self._orders[at:at + 8])[0]
