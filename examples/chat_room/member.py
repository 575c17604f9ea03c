#!/usr/bin/env python3
"""A member of the chat room, through the gateway: each line of standard input goes to the room, and
what the others say is printed. `member.py HOST:PORT CERTIFICATE ROOM`"""

import socket
import ssl
import struct
import sys
import threading


def counted(data):
    return struct.pack(">I", len(data)) + data


def first_packet(room):
    """The Thrift call authenticate(1: {1: room}), from which the gateway takes the key."""
    head = b"\x80\x01\x00\x01" + counted(b"authenticate") + struct.pack(">i", 1)
    key = b"\x0b\x00\x01" + counted(room.encode()) + b"\x00"  # a string, and the struct's end
    return counted(head + b"\x0c\x00\x01" + key + b"\x00")


def main():
    address, certificate, room = sys.argv[1:]
    host, port = address.rsplit(":", 1)
    context = ssl.create_default_context(cafile=certificate)
    client = context.wrap_socket(socket.create_connection((host, int(port))),
                                 server_hostname="localhost")
    client.sendall(first_packet(room))

    def say():
        for line in sys.stdin.buffer:
            client.sendall(counted(line.rstrip(b"\n")))

    threading.Thread(target=say, daemon=True).start()
    with client.makefile("rb") as packets:
        while head := packets.read(4):
            packet = packets.read(int.from_bytes(head, "big"))
            is_call = packet.startswith(b"\x80\x01")
            print("somebody comes" if is_call else packet.decode("utf-8", "replace"), flush=True)


if __name__ == "__main__":
    main()
