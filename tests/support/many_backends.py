#!/usr/bin/env python3
"""`many_backends.py COUNT`: so many backends that echo, in one process, each with a name and a port
of its own, which it prints: `backend-7 40123`."""

import asyncio
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../examples"))

# pylint: disable=wrong-import-position
from minimal_backend import serve_link  # noqa


async def listen(name):
    async def on_link(reader, writer):
        await serve_link(reader, writer, name)
    server = await asyncio.start_server(on_link, "127.0.0.1", 0)
    print(name, server.sockets[0].getsockname()[1], flush=True)
    return server


async def main(count):
    servers = [await listen(f"backend-{number}") for number in range(count)]
    print("all listen", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
