"""A forwarder in front of a gateway that sees how long the TLS records are that come from it."""

from forwarder import ForwardedLink, Forwarder

HEADER_BYTES = 5
APPLICATION_DATA = 23  # in TLS 1.3 everything that is encrypted


class WatchedLink(ForwardedLink):
    def __init__(self, near, far):
        self.lengths = []   # of application data, without their headers
        self._seen = b""    # of a record that is not whole yet
        super().__init__(near, far)

    def on_data(self, source, data):
        if source != "far":
            return
        self._seen += data
        while len(self._seen) >= HEADER_BYTES:
            length = int.from_bytes(self._seen[3:HEADER_BYTES], "big")
            if len(self._seen) < HEADER_BYTES + length:
                return
            if self._seen[0] == APPLICATION_DATA:
                self.lengths.append(length)
            self._seen = self._seen[HEADER_BYTES + length:]


class RecordWatch(Forwarder):
    """Listens on `port` for clients of a gateway; of each there is a link, in order of coming."""

    link_type = WatchedLink
