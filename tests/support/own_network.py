"""A network of the test's own: what the kernel keeps per network can be set there.

Of the thread that calls `enter_own_network` and of the processes that it starts. It needs root, or
a kernel that lets users make namespaces; without either it fails.
"""

import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1


def enter_own_network():
    """A new network namespace with nothing but its loopback device, which is up."""
    flags = CLONE_NEWNET | (0 if os.geteuid() == 0 else CLONE_NEWUSER)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare: no network namespace of our own")
    set_up("lo")


def set_up(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh22x", device.encode(), 0)
        flags = struct.unpack_from("h", fcntl.ioctl(any_socket, SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", device.encode(),
                                                          flags | IFF_UP))


def allow_fast_open(bits):
    """1: clients may send data in a SYN; 2: servers may take it. Of this network."""
    with open("/proc/sys/net/ipv4/tcp_fastopen", "w", encoding="ascii") as setting:
        setting.write(str(bits))


def tcp_counter(name):
    """One of the kernel's TcpExt counters of this network."""
    with open("/proc/thread-self/net/netstat", encoding="ascii") as table:
        names, values = (line.split() for line in table if line.startswith("TcpExt:"))
    return int(dict(zip(names, values))[name])
