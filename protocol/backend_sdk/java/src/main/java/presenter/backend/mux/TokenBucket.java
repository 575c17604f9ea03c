package presenter.backend.mux;

/** So many events a second, and a burst of them at once. The time is passed in, in nanoseconds. */
public final class TokenBucket {
  private final long interval;
  private final long burst;
  private long tokens;
  private long filled;

  public TokenBucket(long perSecond, long burst, long now) {
    interval = Math.max(1_000_000_000L / perSecond, 1);
    this.burst = burst;
    tokens = burst;
    filled = now;
  }

  public boolean take(long now) {
    refill(now);
    if (tokens == 0) {
      return false;
    }
    --tokens;
    return true;
  }

  /** After a take that failed: nanoseconds until the next token. */
  long untilNext(long now) {
    return Math.max(interval - (now - filled), 0);
  }

  private void refill(long now) {
    if (now - filled <= 0) {
      return;
    }
    long more = (now - filled) / interval;
    tokens = Math.min(burst, tokens + Math.min(more, burst));
    filled = tokens == burst ? now : filled + more * interval;
  }
}
