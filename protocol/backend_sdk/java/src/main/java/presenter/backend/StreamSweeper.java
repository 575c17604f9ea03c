package presenter.backend;

import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.concurrent.TimeUnit;

/**
 * Ends the streams of a link that are served and should not be: their keys have gone to another
 * backend, and no gateway has moved them. At a pace, for each is a client that comes back.
 */
final class StreamSweeper {
  private static final int LOOKS_PER_STEP = 2_048;
  private static final int STEP_MS = 10;

  private final MuxServer server;
  private final MuxLink link;
  private final LinkedHashSet<MuxChannel> served = new LinkedHashSet<>();
  private ArrayDeque<MuxChannel> toCheck = new ArrayDeque<>();
  private boolean isWaiting;

  StreamSweeper(MuxServer server, MuxLink link) {
    this.server = server;
    this.link = link;
  }

  void add(MuxChannel stream) {
    if (server.options().fence != null) {
      served.add(stream);
    }
  }

  void remove(MuxChannel stream) {
    served.remove(stream);
  }

  /** Looks at each, `moveAfterMs` from now. */
  void start() {
    if (!isWaiting && server.options().fence != null) {
      isWaiting = true;
      link.loop().schedule(this::begin, server.options().moveAfterMs, TimeUnit.MILLISECONDS);
    }
  }

  private void begin() {
    toCheck = new ArrayDeque<>(served);
    step();
  }

  private void step() {
    isWaiting = false;
    for (int looks = 0; looks < LOOKS_PER_STEP && !toCheck.isEmpty(); ++looks) {
      MuxChannel next = toCheck.peek();
      if (served.contains(next) && !server.options().fence.stillServes(next.info())) {
        if (!server.takeMove()) {
          break;
        }
        server.counters().streamsMoved.increment();
        next.endMoved();
      }
      toCheck.poll();
    }
    if (!toCheck.isEmpty()) {
      isWaiting = true;
      link.loop().schedule(this::step, STEP_MS, TimeUnit.MILLISECONDS);
    }
  }
}
