package presenter.backend;

/**
 * What the client's handshake with the gateway agreed; all empty if the gateway does not say.
 *
 * @param clientSubject of a certificate that the gateway verified, as in RFC 4514; else empty
 */
public record TlsFacts(String version, String suite, String serverName, String alpn,
    boolean resumed, String clientSubject) {
  public static final TlsFacts NONE = new TlsFacts("", "", "", "", false, "");
}
