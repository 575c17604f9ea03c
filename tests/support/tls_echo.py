"""A TLS server of no kind that Presenter knows, on a thread of its own: it echoes, answers frames,
says nothing, stands still for a while or resets whoever is served."""

import asyncio
import socket
import ssl
import struct
import threading


class TlsEcho:
    """`serve(reader, writer)` is a coroutine: one of this class, or a test's own. A context."""

    def __init__(self, certificates, serve):
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificates.certificate, certificates.private_key)
        self._serve = serve
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        self._loop.set_exception_handler(lambda *_: None)  # clients that are gone
        server = self._loop.run_until_complete(asyncio.start_server(
            self._serve_one, "127.0.0.1", 0, ssl=self._tls, backlog=1000))
        self.address = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        server.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve_one(self, reader, writer):
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def echo(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()

    @staticmethod
    async def frames(reader, writer):
        """Answers `ok` to each, however long it is."""
        while True:
            length = struct.unpack(">I", await reader.readexactly(4))[0]
            await reader.readexactly(length)
            writer.write(b"\0\0\0\2ok")
            await writer.drain()

    @staticmethod
    async def silent(reader, _writer):
        while await reader.read(65536):
            pass

    @staticmethod
    async def resets(reader, writer):
        """In the middle of the second read."""
        writer.write(await reader.read(65536))
        await writer.drain()
        await reader.read(1)
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
