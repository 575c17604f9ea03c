package presenter.chatd;

import io.presenter.chat.AuthRequest;
import io.presenter.chat.AuthResult;
import io.presenter.chat.Message;
import io.presenter.chat.NotAuthenticated;
import java.nio.ByteBuffer;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The chat's logic: couples, who is online, who gets what. Confined to one event loop. */
final class Service {
  private static final int BODY_BYTES_MAX = 64 * 1_024;
  private static final int HISTORY_MESSAGES_MAX = 1_000;
  private static final int HISTORY_REPLY_BYTES_MAX = 64 * 1_024;
  private static final int COUPLES_MAX = 100_000;

  private final String server;
  private final Map<String, Room> rooms = new LinkedHashMap<>();
  long messages;
  long deliveries;
  long deliveriesSkipped;

  Service(String server) {
    this.server = server;
  }

  AuthResult authenticate(Session session, AuthRequest request) throws NotAuthenticated {
    String couple = request.getCouple_id();
    String user = request.getUser_id();
    if (session.room != null) {
      throw new NotAuthenticated("authenticated already");
    }
    if (couple == null || couple.isEmpty() || user == null || user.isEmpty()) {
      throw new NotAuthenticated("couple_id and user_id must not be empty");
    }
    Room room = rooms.get(couple);
    if (room == null) {
      forgetOffline();
      room = rooms.size() < COUPLES_MAX ? new Room() : null;
      if (room == null) {
        throw new NotAuthenticated("too many couples");
      }
      rooms.put(couple, room);
    }
    if (!room.admits(user)) {
      throw new NotAuthenticated("not one of this couple");
    }
    for (Session other : List.copyOf(room.online)) {
      if (other.user.equals(user)) {  // came in again: the earlier one is to go
        leave(other);
        other.close();
      }
    }
    room.online.add(session);
    session.room = room;
    session.user = user;
    return new AuthResult(server, room.lastSequence());
  }

  private void forgetOffline() {
    Iterator<Room> oldest = rooms.values().iterator();
    while (rooms.size() >= COUPLES_MAX && oldest.hasNext()) {
      if (oldest.next().online.isEmpty()) {
        oldest.remove();
      }
    }
  }

  private static Room roomOf(Session session) throws NotAuthenticated {
    if (session.room == null) {
      throw new NotAuthenticated("authenticate first");
    }
    return session.room;
  }

  /** The sequence; the partner gets the message behind it. */
  Message send(Session session, long clientId, ByteBuffer body) throws NotAuthenticated {
    Room room = roomOf(session);
    if (body.remaining() > BODY_BYTES_MAX) {
      throw new NotAuthenticated("body above 65,536 bytes");
    }
    ++messages;
    return room.append(session.user, clientId, body);
  }

  void deliver(Session from, Message message) {
    for (Session other : from.room.online) {
      if (other == from) {
        continue;
      }
      // Who does not read sees the gap in the sequences, and asks for what is lacking.
      boolean isDelivered = other.deliver(message);
      deliveries += isDelivered ? 1 : 0;
      deliveriesSkipped += isDelivered ? 0 : 1;
    }
  }

  List<Message> history(Session session, long after, int limit) throws NotAuthenticated {
    int most = Math.max(0, Math.min(limit, HISTORY_MESSAGES_MAX));
    return roomOf(session).after(after, most, HISTORY_REPLY_BYTES_MAX);
  }

  void leave(Session session) {
    if (session.room != null) {
      session.room.online.remove(session);
      session.room = null;
    }
  }
}
