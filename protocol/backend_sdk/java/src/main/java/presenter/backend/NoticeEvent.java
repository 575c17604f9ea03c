package presenter.backend;

/**
 * A user event of a stream: its gateway will close the client. The application may ask the client
 * to come back at a good moment; nothing need be done.
 *
 * @param reason 1 gateway draining, 2 shedding; a newer gateway's number is kept
 */
public record NoticeEvent(int reason, int withinMs) {}
