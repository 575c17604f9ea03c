package presenter.backend;

/**
 * Why a stream is not served. The gateway, not the client, deals with not_owner and busy.
 *
 * @param mapEpoch with NOT_OWNER: the epoch known here; else null
 * @param retryAfterMs with BUSY; else null
 */
public record Refusal(RefuseReason reason, Long mapEpoch, Integer retryAfterMs) {
  public static Refusal denied() {
    return new Refusal(RefuseReason.DENIED, null, null);
  }

  public static Refusal busy(int retryAfterMs) {
    return new Refusal(RefuseReason.BUSY, null, retryAfterMs);
  }

  public static Refusal notOwner(long mapEpoch) {
    return new Refusal(RefuseReason.NOT_OWNER, mapEpoch, null);
  }

  static Refusal shuttingDown() {
    return new Refusal(RefuseReason.SHUTTING_DOWN, null, null);
  }
}
