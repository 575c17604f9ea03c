import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * Clients of Java's own TLS 1.2, of a gateway whose chat server echoes. For each suite one that
 * makes a session and one that resumes it.
 *
 * <pre>java Tls12Client.java PORT AUTHORITY SERVER_NAME FIRST_PACKET_IN_HEX SUITE…</pre>
 *
 * Says "all are served", waits for the end of its input, and has the gateway end each of them.
 */
public final class Tls12Client {
  private static final int[] LENGTHS = {1, 15, 16, 17, 1_000, 16_383, 16_384, 16_385, 100_000};
  private static final int PATIENCE_MS = 60_000;

  private final SSLSocket socket;

  private Tls12Client(SSLContext context, int port, String serverName, String suite)
      throws Exception {
    Socket tcp = new Socket("127.0.0.1", port);
    socket = (SSLSocket) context.getSocketFactory().createSocket(tcp, serverName, port, true);
    socket.setSoTimeout(PATIENCE_MS);
    SSLParameters wanted = new SSLParameters(new String[] {suite}, new String[] {"TLSv1.2"});
    wanted.setEndpointIdentificationAlgorithm("HTTPS");
    socket.setSSLParameters(wanted);
    socket.startHandshake();
    check(socket.getSession().getCipherSuite().equals(suite), "another suite");
  }

  // A session that is resumed keeps its time.
  private long sessionMadeAt() {
    return socket.getSession().getCreationTime();
  }

  private void echo(byte[] data) throws Exception {
    OutputStream out = socket.getOutputStream();
    out.write(data);
    out.flush();
    byte[] back = socket.getInputStream().readNBytes(data.length);
    check(Arrays.equals(back, data), data.length + " bytes came back as others");
  }

  private void echoAll(byte[] firstPacket) throws Exception {
    echo(firstPacket);
    Random dice = new Random(firstPacket.length);
    for (int length : LENGTHS) {
      byte[] data = new byte[length];
      dice.nextBytes(data);
      echo(data);
    }
  }

  private void end() throws Exception {
    socket.shutdownOutput();
    InputStream in = socket.getInputStream();
    check(in.read() == -1, "it does not end");
    socket.close();
  }

  private static void check(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalStateException(otherwise);
    }
  }

  private static SSLContext contextThatTrusts(Path authority) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream file = Files.newInputStream(authority)) {
      store.setCertificateEntry(
          "authority", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLSv1.2");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }

  public static void main(String[] arguments) throws Exception {
    int port = Integer.parseInt(arguments[0]);
    byte[] firstPacket = HexFormat.of().parseHex(arguments[3]);
    List<Tls12Client> clients = new ArrayList<>();
    for (String suite : Arrays.asList(arguments).subList(4, arguments.length)) {
      SSLContext context = contextThatTrusts(Path.of(arguments[1]));
      Tls12Client first = new Tls12Client(context, port, arguments[2], suite);
      first.echoAll(firstPacket);
      Thread.sleep(2);  // so that a session of its own would have another time
      Tls12Client again = new Tls12Client(context, port, arguments[2], suite);
      again.echoAll(firstPacket);
      check(first.sessionMadeAt() == again.sessionMadeAt(), suite + " was not resumed");
      clients.add(first);
      clients.add(again);
    }
    System.out.println("all are served");
    while (System.in.read() != -1) {}
    for (Tls12Client client : clients) {
      client.end();
    }
  }
}
