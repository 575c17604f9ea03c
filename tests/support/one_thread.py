"""Stops one thread of a process and lets it go on: a worker that is stuck, seen from outside."""

import ctypes
import os

PTRACE_DETACH = 17
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
WALL = 0x40000000  # waitpid: threads as well

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def thread_of(pid, name):
    """The thread of that name."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8") as comm:
            if comm.read().strip() == name:
                return int(thread)
    raise LookupError(f"process {pid} has no thread {name}")


class StoppedThread:
    """with StoppedThread(thread): …"""

    def __init__(self, thread):
        self.thread = thread

    def __enter__(self):
        self.request(PTRACE_SEIZE)
        self.request(PTRACE_INTERRUPT)
        os.waitpid(self.thread, WALL)

    def __exit__(self, *_):
        self.request(PTRACE_DETACH)

    def request(self, what):
        if libc.ptrace(what, self.thread, None, None) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"ptrace: {os.strerror(number)}")
