package presenter.backend;

/**
 * The stream goes on where another backend's ended.
 *
 * @param cause 1 rebalanced, 2 draining, 3 crash; a newer gateway's number is kept
 * @param node the backend before, for logs
 */
public record Continued(int cause, String node) {
  public static final int REBALANCED = 1;
  public static final int DRAINING = 2;
  public static final int CRASH = 3;
}
