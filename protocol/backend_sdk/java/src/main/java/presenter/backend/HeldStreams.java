package presenter.backend;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Streams of a link that wait, neither accepted nor refused: until the fence knows, or until the
 * state of one that is continued has come. Bounds: those of the server for all its links together.
 */
final class HeldStreams {
  private static final class Held {
    long deadline;
    int bytes;
  }

  private final MuxServer server;
  private final MuxLink link;
  private final Map<MuxChannel, Held> held = new LinkedHashMap<>();
  private final Map<MuxChannel, Continued> incomplete = new LinkedHashMap<>();

  HeldStreams(MuxServer server, MuxLink link) {
    this.server = server;
    this.link = link;
  }

  /** Its Checkpoint is the next frame; before it nothing else comes. */
  void addIncomplete(MuxChannel stream, Continued from) {
    incomplete.put(stream, from);
  }

  Continued continuedFrom(MuxChannel stream) {
    return incomplete.get(stream);
  }

  void hold(MuxChannel stream, StreamFence.Hold until) {
    Held entry = new Held();
    if (!server.takeHeld(1, 0)) {
      link.refuse(stream, busy());
      return;
    }
    long now = System.nanoTime();
    entry.deadline = now + TimeUnit.MILLISECONDS.toNanos(server.options().holdTimeoutMs);
    held.put(stream, entry);
    askAt(stream, entry, until.againAt());
  }

  private Refusal busy() {
    return Refusal.busy(server.options().busyRetryMs);
  }

  private void askAt(MuxChannel stream, Held entry, Long againAt) {
    long now = System.nanoTime();
    long wait = entry.deadline - now;
    if (againAt != null) {
      wait = Math.min(wait, againAt - now);
    }
    // One millisecond more: a timer that is early would ask for nothing.
    link.loop().schedule(() -> {
      if (held.get(stream) == entry) {
        ask(stream, entry, true);
      }
    }, Math.max(wait, 0) + 1_000_000, TimeUnit.NANOSECONDS);
  }

  private void ask(MuxChannel stream, Held entry, boolean isTimed) {
    StreamFence.Answer answer = server.ask(stream.info());
    if (answer instanceof StreamFence.Serve) {
      forget(stream);
      stream.start();
    } else if (answer instanceof StreamFence.Refuse refuse) {
      refuse(stream, refuse.refusal());
    } else if (entry.deadline - System.nanoTime() <= 0) {
      refuse(stream, busy());
    } else if (isTimed || ((StreamFence.Hold) answer).againAt() != null) {
      askAt(stream, entry, ((StreamFence.Hold) answer).againAt());
    }
  }

  void askAll() {
    for (MuxChannel stream : new ArrayList<>(held.keySet())) {
      Held entry = held.get(stream);
      if (entry != null) {
        ask(stream, entry, false);
      }
    }
  }

  void onInput(MuxChannel stream, int bytes) {
    Held entry = held.get(stream);
    if (entry == null) {
      return;
    }
    // Whoever brings it above the bound pays: others came first.
    if (server.takeHeld(0, bytes)) {
      entry.bytes += bytes;
    } else {
      refuse(stream, busy());
    }
  }

  private void refuse(MuxChannel stream, Refusal why) {
    forget(stream);
    link.refuse(stream, why);
  }

  void refuseAll() {
    ArrayList<MuxChannel> all = new ArrayList<>(held.keySet());
    all.addAll(incomplete.keySet());
    all.forEach(stream -> refuse(stream, Refusal.shuttingDown()));
  }

  void forget(MuxChannel stream) {
    incomplete.remove(stream);
    Held entry = held.remove(stream);
    if (entry != null) {
      server.giveHeld(1, entry.bytes);
    }
  }
}
