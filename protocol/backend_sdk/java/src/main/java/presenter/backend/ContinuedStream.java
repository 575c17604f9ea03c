package presenter.backend;

/**
 * Where another backend gave a stream up. What was unread there can be read here.
 *
 * @param cause one of {@link Continued}'s numbers
 * @param node the backend before, for logs
 * @param state what its application gave
 * @param consumed bytes of the client that were taken before
 * @param produced bytes that were sent to the client before
 * @param finished this side's end has been sent already: nothing more can be
 */
public record ContinuedStream(int cause, String node, byte[] state, long consumed, long produced,
    boolean finished) {}
