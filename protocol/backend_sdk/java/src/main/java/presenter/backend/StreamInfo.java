package presenter.backend;

import java.nio.charset.StandardCharsets;
import presenter.backend.wire.Frame;

/**
 * What the gateway says about a stream and its client. Its strings come from clients and peers:
 * they are bounded, not clean.
 *
 * @param stream its number on the link, for logs
 * @param key the routing key
 * @param mapEpoch of the shard map by which the gateway chose this backend; 0: none
 * @param clientAddress IPv4 or IPv6, as text; empty if the gateway does not say
 * @param tag the gateway's name for the stream, for logs at both ends
 * @param earlyData the first bytes may be sent again by whoever recorded them, see
 *     {@link MuxServerBootstrap#takesEarlyData}
 * @param continued what came before at another backend; null: nothing
 */
public record StreamInfo(long stream, byte[] key, long mapEpoch, String clientAddress,
    int clientPort, TlsFacts tls, String tag, boolean earlyData, ContinuedStream continued) {

  /** The key as text, which it need not be. */
  public String keyText() {
    return new String(key, StandardCharsets.UTF_8);
  }

  static StreamInfo of(Frame.Open open) {
    return new StreamInfo(open.stream(), open.key(), open.mapEpoch(), open.clientAddress(),
        open.clientPort(), open.tls(), open.tag(), open.earlyData(), null);
  }

  StreamInfo with(ContinuedStream before) {
    return new StreamInfo(stream, key, mapEpoch, clientAddress, clientPort, tls, tag, earlyData,
        before);
  }
}
