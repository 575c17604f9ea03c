package presenter.chatd;

import io.presenter.chat.Message;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * What one couple has said, numbered, with the newest of it in memory, and who of the two is here;
 * of a file that other chat servers write as well, if there is one.
 */
final class Room {
  private static final int HISTORY_BYTES_MAX = 128 * 1_024;
  private static final int MESSAGE_BYTES = 96;  // of bookkeeping for each

  final List<Session> online = new ArrayList<>(2);
  private final HistoryFile file;  // null: the history is only here
  private final List<String> users = new ArrayList<>(2);
  private final ArrayDeque<Message> history = new ArrayDeque<>();
  private int bytes;
  private long last;

  Room(HistoryFile file) {
    this.file = file;
  }

  // A record without a sequence is no message: its sender has become one of the couple.
  private void keep(Message record) {
    if (record.getSequence() == 0) {
      if (users.size() < 2) {
        users.add(record.getSender());
      }
      return;
    }
    last = record.getSequence();
    history.add(record);
    bytes += costOf(record);
    while (bytes > HISTORY_BYTES_MAX && history.size() > 1) {
      bytes -= costOf(history.poll());
    }
  }

  private void add(Supplier<Message> make) throws IOException {
    if (file != null) {
      file.append(this::keep, make);
      return;
    }
    Message record = make.get();
    if (record != null) {
      keep(record);
    }
  }

  /** What others have written meanwhile. */
  void update() throws IOException {
    if (file != null) {
      file.readNews(this::keep);
    }
  }

  /** The first two users that ask are the couple. */
  boolean admits(String user) throws IOException {
    add(() -> users.contains(user) || users.size() == 2 ? null
        : new Message(0, user, 0, ByteBuffer.allocate(0)));
    return users.contains(user);
  }

  long lastSequence() {
    return last;
  }

  /** The new message's sequence. */
  long append(String sender, long clientId, ByteBuffer body) throws IOException {
    add(() -> new Message(last + 1, sender, clientId, body));
    return last;
  }

  private static int costOf(Message message) {
    return MESSAGE_BYTES + message.getSender().length() + message.bufferForBody().remaining();
  }

  /** At least one if there is one, else no more than about {@code bytesMax} of them. */
  List<Message> after(long sequence, int limit, int bytesMax) throws IOException {
    List<Message> found = new ArrayList<>();
    int[] size = {0};
    visitAfter(sequence, each -> {
      size[0] += costOf(each);
      if (found.size() == limit || !found.isEmpty() && size[0] > bytesMax) {
        return false;
      }
      return found.add(each);
    });
    return found;
  }

  /** Oldest first, until {@code visit} says no. What is too old for the memory is in the file. */
  void visitAfter(long sequence, Predicate<Message> visit) throws IOException {
    boolean isInMemory = history.isEmpty() || history.peek().getSequence() <= sequence + 1;
    if (file != null && !isInMemory) {
      file.readAgain(each -> each.getSequence() <= sequence || visit.test(each));
      return;
    }
    ArrayDeque<Message> found = new ArrayDeque<>();
    for (Iterator<Message> newest = history.descendingIterator(); newest.hasNext(); ) {
      Message each = newest.next();
      if (each.getSequence() <= sequence) {
        break;
      }
      found.push(each);
    }
    while (!found.isEmpty() && visit.test(found.pop())) {
      // the visitor says when it is enough
    }
  }
}
