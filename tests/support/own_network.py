"""A network of the test's own: what the kernel keeps per network can be set there.

Of the thread that calls `enter_own_network` and of the processes that it starts. It needs root, or
a kernel that lets users make namespaces; without either it fails.
"""

import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 0x1000, 0x4000, 0x40000, 2
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914
IFF_UP = 1
OWN_FILES = ("resolv.conf", "nsswitch.conf", "hosts")

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong,
                        ctypes.c_void_p)


def enter_own_network():
    """A new network namespace with nothing but its loopback device, which is up."""
    _unshare(CLONE_NEWNET)
    set_up("lo")


def enter_own_names(folder, name_servers, hosts=("127.0.0.1 localhost",)):
    """An own network whose names are asked for at these addresses only, port 53.

    What stands in /etc is hidden behind files of `folder` for this thread and what it starts."""
    _unshare(CLONE_NEWNET | CLONE_NEWNS)
    set_up("lo")
    _mount("none", "/", MS_REC | MS_PRIVATE)
    # So long the C library waits for a name server, and asks it once; c-ares has times of its own.
    servers = [f"nameserver {address}" for address in name_servers]
    contents = ([*servers, "options timeout:30 attempts:1"], ["hosts: files dns"], hosts)
    for name, lines in zip(OWN_FILES, contents):
        path = os.path.join(folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join([*lines, ""]))
        _mount(path, os.path.realpath(f"/etc/{name}"), MS_BIND)


def leave_own_names():
    """The files of /etc are seen again; before the folder goes. The network stays one's own."""
    for name in OWN_FILES:
        _LIBC.umount2(os.path.realpath(f"/etc/{name}").encode(), MNT_DETACH)


def _unshare(flags):
    flags |= 0 if os.geteuid() == 0 else CLONE_NEWUSER
    if _LIBC.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare: no network namespace of our own")


def _mount(source, target, flags):
    if _LIBC.mount(source.encode(), target.encode(), None, flags, None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


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
