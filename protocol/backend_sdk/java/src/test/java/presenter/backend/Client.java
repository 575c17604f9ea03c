package presenter.backend;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.Socket;
import java.util.ArrayDeque;
import presenter.backend.wire.Frame;
import presenter.backend.wire.FrameReader;
import presenter.backend.wire.FrameWriter;

/** A blocking client, by a socket or by a stream of a gateway that has only this one. */
interface Client {
  void write(byte[] bytes) throws IOException;

  /** EOFException at the end. */
  byte[] read(int size) throws IOException;

  void finish() throws IOException;

  void close() throws IOException;

  final class Tcp implements Client {
    private final Socket socket;

    Tcp(int port) throws IOException {
      socket = new Socket("127.0.0.1", port);
      socket.setSoTimeout(20_000);
    }

    @Override
    public void write(byte[] bytes) throws IOException {
      socket.getOutputStream().write(bytes);
    }

    @Override
    public byte[] read(int size) throws IOException {
      byte[] bytes = new byte[size];
      new DataInputStream(socket.getInputStream()).readFully(bytes);
      return bytes;
    }

    @Override
    public void finish() throws IOException {
      socket.shutdownOutput();
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }

    @Override
    public String toString() {
      return "socket";
    }
  }

  /** One thread may write while another reads: who lacks credit reads frames meanwhile. */
  final class Stream implements Client {
    private static final int WINDOW = 65_536;

    private final Socket socket;
    private final DataInputStream in;
    private final ArrayDeque<byte[]> received = new ArrayDeque<>();
    private int taken;  // of the first of them
    private int consumed;
    private long credit = WINDOW;
    private boolean isOver;
    private boolean isReading;

    Stream(int port) throws IOException {
      socket = new Socket("127.0.0.1", port);
      socket.setSoTimeout(20_000);
      in = new DataInputStream(socket.getInputStream());
      say(FakeGateway.hello(WINDOW, 0, 0), FakeGateway.open(1));
    }

    private synchronized void say(Frame... frames) throws IOException {
      ByteBuf out = Unpooled.buffer();
      for (Frame each : frames) {
        FrameWriter.write(out, each);
      }
      out.getBytes(0, socket.getOutputStream(), out.readableBytes());
    }

    @Override
    public void write(byte[] bytes) throws IOException {
      for (int done = 0; done < bytes.length; ) {
        int size = takeCredit(bytes.length - done);
        ByteBuf out = Unpooled.buffer();
        FrameWriter.writeData(out, 1, false, Unpooled.wrappedBuffer(bytes), done, size);
        synchronized (this) {
          out.getBytes(0, socket.getOutputStream(), out.readableBytes());
        }
        done += size;
      }
    }

    private synchronized int takeCredit(int wanted) throws IOException {
      while (credit == 0) {
        readFrame();
      }
      int size = (int) Math.min(Math.min(wanted, 16_384), credit);
      credit -= size;
      return size;
    }

    @Override
    public synchronized byte[] read(int size) throws IOException {
      byte[] bytes = new byte[size];
      for (int done = 0; done < size; ) {
        byte[] first = received.peek();
        if (first == null) {
          if (isOver) {
            throw new EOFException();
          }
          readFrame();
          continue;
        }
        int n = Math.min(size - done, first.length - taken);
        System.arraycopy(first, taken, bytes, done, n);
        done += n;
        taken += n;
        if (taken == first.length) {
          received.poll();
          taken = 0;
        }
        consume(n);
      }
      return bytes;
    }

    private void consume(int n) throws IOException {
      consumed += n;
      if (consumed >= WINDOW / 2) {
        say(new Frame.Credit(1, consumed), new Frame.Credit(0, consumed));
        consumed = 0;
      }
    }

    /** By one thread; the other waits for what it brings. */
    private synchronized void readFrame() throws IOException {
      if (isReading) {
        waitForTheOther();
        return;
      }
      isReading = true;
      byte[] frame;
      try {
        frame = readBytes();
      } finally {
        isReading = false;
        notifyAll();
      }
      onFrame(Unpooled.wrappedBuffer(frame), frame.length);
    }

    private void waitForTheOther() throws IOException {
      try {
        wait();
      } catch (InterruptedException interrupted) {
        throw new IOException(interrupted);
      }
    }

    // The lock is let go of while the socket has nothing.
    private byte[] readBytes() throws IOException {
      while (in.available() == 0 && !socket.isInputShutdown()) {
        waitShortly();
      }
      byte[] frame = new byte[in.readInt()];
      in.readFully(frame);
      return frame;
    }

    private void waitShortly() throws IOException {
      try {
        wait(1);
      } catch (InterruptedException interrupted) {
        throw new IOException(interrupted);
      }
    }

    private void onFrame(ByteBuf frame, int size) {
      FrameReader reader = new FrameReader();
      if (FrameReader.isData(frame, 0)) {
        reader.readData(frame, 0, size);
        byte[] payload = new byte[reader.payloadSize];
        frame.getBytes(reader.payloadIndex, payload);
        received.add(payload);
        return;
      }
      Frame said = reader.readControl(frame, 0, size);
      if (said instanceof Frame.Credit more && more.stream() == 1) {
        credit += more.bytes();
      } else if (said instanceof Frame.Finish || said instanceof Frame.Reset) {
        isOver = true;
      }
    }

    @Override
    public void finish() throws IOException {
      say(new Frame.Finish(1));
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }

    @Override
    public String toString() {
      return "stream";
    }
  }
}
