package presenter.backend;

/**
 * A user event of a stream: another backend owns its key now. No more input comes than what has
 * arrived. Answer by {@link MuxChannel#handOver}; a pipeline in which nobody takes this event out
 * is moved at once, and its client reconnects.
 *
 * @param reason 1 rebalanced, 2 draining; a newer gateway's number is kept
 * @param deadlineMs so long the gateway waits for the answer
 */
public record HandoffEvent(int reason, long mapEpoch, int deadlineMs) {}
