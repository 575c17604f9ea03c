"""A TLS client whose every step is visible: half-close, truncation, reset, reading or not reading.

On ssl.MemoryBIO, because ssl.SSLSocket can neither send close_notify alone nor tell a clean end
from a truncated one.
"""

import socket
import ssl
import struct

TIMEOUT = 60


class Truncated(Exception):
    """TCP ended without TLS close_notify."""


class Alerted(Truncated):
    """An error alert came instead of close_notify: its name, as "internal_error"."""


def address_of(text):
    host, port = text.rsplit(":", 1)
    return host.strip("[]"), int(port)


class TlsClient:
    """One TLS client of a gateway; `receive` gives b"" after a clean end, raises Truncated else."""

    def __init__(self, address, certificates, version=None, timeout=TIMEOUT, resume=None,
                 fast_open=False, server_name="localhost", prepare=None):
        """`resume`: an earlier client, of the same version, whose session is to be resumed.
        `fast_open`: the first bytes come in the SYN, if the kernel has a cookie of that address.
        `prepare` is given the SSLContext before it is used."""
        self._to_open = address_of(address) if fast_open else None
        self.tcp = (socket.socket() if fast_open
                    else socket.create_connection(address_of(address), timeout))
        # A socket with a time limit would not wait in the call that opens it so.
        self.tcp.settimeout(None if fast_open else timeout)
        self.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A session belongs to its context.
        context = (resume.context if resume
                   else ssl.create_default_context(cafile=certificates.authority))
        self.context = context
        # Python hides a missing close_notify unless it is told not to.
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        if version is not None:
            context.minimum_version = context.maximum_version = version
        if prepare and not resume:
            prepare(context)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, server_hostname=server_name,
                                    session=resume.tls.session if resume else None)
        self._run(self.tls.do_handshake)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tcp.close()

    @property
    def version(self):
        return self.tls.version()

    def _flush(self):
        data = self._out.read() if self._out.pending else b""
        if data and self._to_open:
            data = data[self.tcp.sendto(data, socket.MSG_FASTOPEN, self._to_open):]
            self._to_open = None
        if data:
            self.tcp.sendall(data)

    def _run(self, step, *arguments):
        """One TLS operation, fed from the socket until it is through."""
        while True:
            try:
                value = step(*arguments)
                self._flush()
                return value
            except ssl.SSLWantReadError:
                self._flush()
                data = self.tcp.recv(65536)
                if data:
                    self._in.write(data)
                else:
                    self._in.write_eof()

    def send(self, data):
        self.tls.write(data)
        self._flush()

    def receive(self, bytes_max=65536):
        try:
            return self._run(self.tls.read, bytes_max)
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLError as error:
            if error.reason == "UNEXPECTED_EOF_WHILE_READING":
                raise Truncated() from None
            _, alert, name = error.reason.partition("_ALERT_")
            if alert:
                raise Alerted(name.lower()) from None
            raise

    def receive_exactly(self, size):
        data = bytearray()
        while len(data) < size:
            more = self.receive(size - len(data))
            if not more:
                raise EOFError(f"ended after {len(data)} of {size} bytes")
            data += more
        return bytes(data)

    def receive_to_end(self):
        data = bytearray()
        while more := self.receive():
            data += more
        return bytes(data)

    def finish(self):
        """close_notify: this side will send no more; the other direction stays open."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self._flush()

    def truncate(self):
        """TCP FIN without close_notify."""
        self.tcp.shutdown(socket.SHUT_WR)

    def reset(self):
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.tcp.close()
