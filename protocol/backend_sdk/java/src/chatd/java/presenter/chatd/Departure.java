package presenter.chatd;

import io.netty.channel.EventLoop;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import presenter.backend.MuxServer;
import presenter.backend.fleet.Backend;

/**
 * How a chat server leaves the fleet: it says in the map that it drains, waits until the gateways
 * have moved its streams away, takes its entry out, and then ends its links.
 */
final class Departure {
  private static final int LOOK_MS = 50;

  private enum Stage { STAYING, EMPTYING, LEAVING }

  private final EventLoop loop;
  private final MuxServer server;
  private final Backend member;  // null: it is in no fleet
  private final int emptyMs;
  private final int drainMs;
  private final CountDownLatch gone = new CountDownLatch(1);
  private Stage stage = Stage.STAYING;  // this and the others: on the loop
  private boolean isFinal;
  private long leaveAt;

  Departure(EventLoop loop, MuxServer server, Backend member, int emptyMs, int drainMs) {
    this.loop = loop;
    this.server = server;
    this.member = member;
    this.emptyMs = emptyMs;
    this.drainMs = drainMs;
  }

  void awaitGone() throws InterruptedException {
    gone.await();
  }

  /** At SIGTERM. */
  void start() {
    loop.execute(() -> {
      isFinal = true;
      if (stage != Stage.STAYING) {
        return;
      }
      if (member == null) {
        leave();
        return;
      }
      // Whom nobody hears, nobody empties.
      member.startDraining().addListener(said -> loop.execute(() -> {
        if ((Boolean) said.getNow()) {
          startEmptying();
        } else {
          leave();
        }
      }));
    });
  }

  void onOrdered(boolean draining) {
    loop.execute(() -> {
      if (isFinal || stage == Stage.LEAVING) {
        return;
      }
      if (draining) {
        startEmptying();
      } else {
        stage = Stage.STAYING;
      }
    });
  }

  private void startEmptying() {
    if (stage == Stage.STAYING) {
      stage = Stage.EMPTYING;
      leaveAt = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(emptyMs);
      lookAgain();
    }
  }

  private void lookAgain() {
    loop.schedule(() -> {
      if (stage != Stage.EMPTYING) {
        return;
      }
      boolean isEmpty = server.counters().values().get("streams_open") == 0;
      if (isEmpty || System.nanoTime() - leaveAt >= 0) {
        leave();
      } else {
        lookAgain();
      }
    }, LOOK_MS, TimeUnit.MILLISECONDS);
  }

  // Out of the map first, so that no new stream is on its way while the last ones end.
  private void leave() {
    stage = Stage.LEAVING;
    if (member == null) {
      drain();
    } else {
      member.leave().addListener(left -> drain());
    }
  }

  private void drain() {
    server.drain(drainMs).addListener(drained -> gone.countDown());
  }
}
