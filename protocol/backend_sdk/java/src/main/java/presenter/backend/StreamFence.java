package presenter.backend;

/**
 * Whether a backend may serve a stream now. Asked on the event loops of all links, so it must be
 * safe for many threads. After a change of its answers call {@link MuxServer#onFenceChanged}.
 */
public interface StreamFence {
  /** For a stream that is not accepted yet; {@code now}: System.nanoTime(). */
  Answer ask(StreamInfo stream, long now);

  /** For one that is accepted: it may go on. Else it is ended as moved. */
  boolean stillServes(StreamInfo stream);

  /** One of three. */
  sealed interface Answer {}

  record Serve() implements Answer {}

  record Refuse(Refusal refusal) implements Answer {}

  /**
   * Not to be said yet: the stream waits, bounded, neither accepted nor refused.
   *
   * @param againAt when to ask again; null: when onFenceChanged is called
   */
  record Hold(Long againAt) implements Answer {}
}
