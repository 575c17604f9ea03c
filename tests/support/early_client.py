"""A TLS client that can send early data and open TCP fast, which Python's ssl cannot: OpenSSL's
library itself, on two memory BIOs, so that every step is the test's.
"""

import ctypes
import socket
import struct

from tls_client import TIMEOUT, address_of

TLS1_2, TLS1_3 = 0x0303, 0x0304
TCPI_OPT_SYN_DATA = 32  # linux/tcp.h: the peer acknowledged data in the SYN
EARLY_REJECTED, EARLY_ACCEPTED = 1, 2
_SSL_CTRL_SET_MIN_PROTO_VERSION, _SSL_CTRL_SET_MAX_PROTO_VERSION = 123, 124
_BIO_CTRL_PENDING, _BIO_C_SET_BUF_MEM_EOF_RETURN = 10, 130
_WANT_READ, _ZERO_RETURN = 2, 6
_SENT_SHUTDOWN, _RECEIVED_SHUTDOWN = 1, 2

_ssl = ctypes.CDLL("libssl.so.3")
_crypto = ctypes.CDLL("libcrypto.so.3")
for _function in (_ssl.TLS_client_method, _ssl.SSL_CTX_new, _ssl.SSL_new, _ssl.SSL_get1_session,
                  _crypto.BIO_new, _crypto.BIO_s_mem):
    _function.restype = ctypes.c_void_p
for _function in (_ssl.SSL_CTX_ctrl, _crypto.BIO_ctrl):
    _function.restype = ctypes.c_long
    _function.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)


def _pointer(value):
    return ctypes.c_void_p(value)


def was_syn_data_taken(tcp):
    """By `tcpi_options`, the sixth byte of struct tcp_info."""
    info = tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 64)
    return bool(info[5] & TCPI_OPT_SYN_DATA)


class TlsEnded(Exception):
    """The gateway ended the session, or TCP under it, before what was waited for."""


class Session:
    """What a client keeps of a connection to resume it; used once, as RFC 8446 C.4 wants."""

    def __init__(self, pointer):
        self.pointer = pointer

    def __del__(self):
        _ssl.SSL_SESSION_free(_pointer(self.pointer))

    @property
    def early_bytes_max(self):
        """What the ticket allows."""
        return _ssl.SSL_SESSION_get_max_early_data(_pointer(self.pointer))

    def allow_early_bytes(self, count):
        """As if the ticket did."""
        _ssl.SSL_SESSION_set_max_early_data(_pointer(self.pointer), count)


class EarlyClient:
    """`early`: sent as early data of a resumption. The certificate is not looked at: what is tested
    here is the gateway. Nothing is sent before `handshake`, `start` or `connect_tcp`."""

    def __init__(self, address, version=TLS1_3, resume=None, early=b"", fast_open=False,
                 timeout=TIMEOUT):
        self.address, self.fast_open = address_of(address), fast_open
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connected, self._timeout = False, timeout
        self._context = _ssl.SSL_CTX_new(_pointer(_ssl.TLS_client_method()))
        for which in (_SSL_CTRL_SET_MIN_PROTO_VERSION, _SSL_CTRL_SET_MAX_PROTO_VERSION):
            _ssl.SSL_CTX_ctrl(self._context, which, version, None)
        self._tls = _pointer(_ssl.SSL_new(_pointer(self._context)))
        memory = _pointer(_crypto.BIO_s_mem())
        self._in, self._out = (_pointer(_crypto.BIO_new(memory)) for _ in range(2))
        _crypto.BIO_ctrl(self._in, _BIO_C_SET_BUF_MEM_EOF_RETURN, -1, None)
        _ssl.SSL_set_bio(self._tls, self._in, self._out)
        _ssl.SSL_set_connect_state(self._tls)
        if resume is not None:
            _ssl.SSL_set_session(self._tls, _pointer(resume.pointer))
        if early:
            written = ctypes.c_size_t()
            if _ssl.SSL_write_early_data(self._tls, early, ctypes.c_size_t(len(early)),
                                         ctypes.byref(written)) != 1:
                raise ValueError("the session allows no early data, or less of it")
        else:
            _ssl.SSL_do_handshake(self._tls)  # lays out the ClientHello

    def close(self):
        self.tcp.close()
        if self._tls:
            # Or OpenSSL takes the session for a failed one, and its ticket is of no use any more.
            _ssl.SSL_set_shutdown(self._tls, _SENT_SHUTDOWN | _RECEIVED_SHUTDOWN)
            _ssl.SSL_free(self._tls)
            _ssl.SSL_CTX_free(_pointer(self._context))
            self._tls = None

    # --- bytes

    def take_output(self):
        """What TLS wants sent."""
        size = _crypto.BIO_ctrl(self._out, _BIO_CTRL_PENDING, 0, None)
        buffer = ctypes.create_string_buffer(max(size, 1))
        taken = _crypto.BIO_read(self._out, buffer, size) if size else 0
        return buffer.raw[:taken]

    def send_raw(self, data):
        """In the SYN if TCP is to open fast and the kernel has a cookie."""
        if not self._connected:
            self._connected = True
            if self.fast_open and data:
                data = data[self.tcp.sendto(data, socket.MSG_FASTOPEN, self.address):]
            else:
                self.tcp.connect(self.address)
            # Only now: with a time limit the call that opens it would not wait.
            self.tcp.settimeout(self._timeout)
        if data:
            self.tcp.sendall(data)

    def start(self):
        """Sends the ClientHello, and early data behind it; the bytes."""
        flight = self.take_output()
        self.send_raw(flight)
        return flight

    def _feed(self):
        data = self.tcp.recv(65536)
        if not data:
            raise TlsEnded("TCP has ended")
        _crypto.BIO_write(self._in, data, len(data))

    # --- TLS

    def handshake(self):
        """To its end; early data that was refused is not sent again."""
        self.start()
        while (result := _ssl.SSL_do_handshake(self._tls)) != 1:
            self.send_raw(self.take_output())
            if _ssl.SSL_get_error(self._tls, result) != _WANT_READ:
                raise TlsEnded("the handshake failed")
            self._feed()
        self.send_raw(self.take_output())
        return self

    def read_server_flight(self):
        """Until this side's Finished is laid out, without sending it."""
        self.start()
        while (result := _ssl.SSL_do_handshake(self._tls)) != 1:
            if _ssl.SSL_get_error(self._tls, result) != _WANT_READ:
                raise TlsEnded("the handshake failed")
            self._feed()

    def write(self, data):
        if _ssl.SSL_write(self._tls, data, len(data)) != len(data):
            raise TlsEnded("cannot write")
        self.send_raw(self.take_output())

    def read(self, sending=True):
        """Some bytes; b"" at close_notify. `sending`: what TLS wants sent meanwhile leaves. Before
        `handshake`, what comes in answer to early data; OpenSSL then waits with its Finished."""
        buffer = ctypes.create_string_buffer(65536)
        while (size := _ssl.SSL_read(self._tls, buffer, len(buffer))) <= 0:
            error = _ssl.SSL_get_error(self._tls, size)
            if sending:
                self.send_raw(self.take_output())
            if error == _ZERO_RETURN:
                return b""
            if error != _WANT_READ:
                raise TlsEnded("the session failed")
            self._feed()
        return buffer.raw[:size]

    def read_packet(self, sending=True):
        """One packet of protocol/README.md §9, without its length."""
        data = b""
        while len(data) < 4 or len(data) < 4 + struct.unpack(">I", data[:4])[0]:
            more = self.read(sending)
            if not more:
                raise TlsEnded("a clean end in the middle of a packet")
            data += more
        return data[4:]

    def session(self):
        """After a handshake, and for TLS 1.3 after a read, which is when the ticket comes."""
        return Session(_ssl.SSL_get1_session(self._tls))

    @property
    def is_resumed(self):
        return _ssl.SSL_session_reused(self._tls) == 1

    @property
    def early_status(self):
        return _ssl.SSL_get_early_data_status(self._tls)

    @property
    def was_syn_data_taken(self):
        return was_syn_data_taken(self.tcp)
