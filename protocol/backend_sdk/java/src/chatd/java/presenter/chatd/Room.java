package presenter.chatd;

import io.presenter.chat.Message;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/** What one couple has said, numbered and bounded in bytes, and who of the two is there. */
final class Room {
  private static final int HISTORY_BYTES_MAX = 128 * 1_024;
  private static final int MESSAGE_BYTES = 96;  // of bookkeeping for each

  final List<Session> online = new ArrayList<>(2);
  private final List<String> users = new ArrayList<>(2);
  private final ArrayDeque<Message> history = new ArrayDeque<>();
  private int bytes;
  private long last;

  /** The first two users that ask are the couple. */
  boolean admits(String user) {
    if (users.contains(user)) {
      return true;
    }
    return users.size() < 2 && users.add(user);
  }

  long lastSequence() {
    return last;
  }

  Message append(String sender, long clientId, ByteBuffer body) {
    Message message = new Message(++last, sender, clientId, body);
    history.add(message);
    bytes += costOf(message);
    while (bytes > HISTORY_BYTES_MAX && history.size() > 1) {
      bytes -= costOf(history.poll());
    }
    return message;
  }

  private static int costOf(Message message) {
    return MESSAGE_BYTES + message.getSender().length() + message.bufferForBody().remaining();
  }

  /** At least one if there is one, else no more than about {@code bytesMax} of them. */
  List<Message> after(long sequence, int limit, int bytesMax) {
    List<Message> found = new ArrayList<>();
    int size = 0;
    for (Message each : history) {
      if (each.getSequence() > sequence) {
        size += costOf(each);
        if (found.size() == limit || !found.isEmpty() && size > bytesMax) {
          break;
        }
        found.add(each);
      }
    }
    return found;
  }
}
