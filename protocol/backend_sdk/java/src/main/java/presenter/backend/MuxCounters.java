package presenter.backend;

import java.util.concurrent.atomic.LongAdder;

/** What a server counts; any thread may read. */
public final class MuxCounters {
  final LongAdder linksAccepted = new LongAdder();
  final LongAdder linksRefused = new LongAdder();
  final LongAdder linksFailed = new LongAdder();
  final LongAdder linksOpen = new LongAdder();
  final LongAdder streamsOpened = new LongAdder();
  final LongAdder streamsAccepted = new LongAdder();
  final LongAdder streamsContinued = new LongAdder();
  final LongAdder streamsRefused = new LongAdder();
  final LongAdder streamsNotOwned = new LongAdder();
  final LongAdder streamsLimited = new LongAdder();
  final LongAdder streamsMoved = new LongAdder();
  final LongAdder streamsHandedOver = new LongAdder();
  final LongAdder streamsOpen = new LongAdder();
  final LongAdder streamsHeld = new LongAdder();
  final LongAdder streamErrors = new LongAdder();

  /** By the names that presenter-chatd writes at its end. */
  public java.util.Map<String, Long> values() {
    java.util.Map<String, Long> all = new java.util.LinkedHashMap<>();
    all.put("links_accepted", linksAccepted.sum());
    all.put("links_refused", linksRefused.sum());
    all.put("links_failed", linksFailed.sum());
    all.put("links_open", linksOpen.sum());
    all.put("streams_opened", streamsOpened.sum());
    all.put("streams_accepted", streamsAccepted.sum());
    all.put("streams_continued", streamsContinued.sum());
    all.put("streams_refused", streamsRefused.sum());
    all.put("streams_not_owned", streamsNotOwned.sum());
    all.put("streams_limited", streamsLimited.sum());
    all.put("streams_moved", streamsMoved.sum());
    all.put("streams_handed_over", streamsHandedOver.sum());
    all.put("streams_open", streamsOpen.sum());
    all.put("streams_held", streamsHeld.sum());
    all.put("stream_errors", streamErrors.sum());
    return all;
  }
}
