package presenter.chatd;

import io.presenter.chat.AuthRequest;
import io.presenter.chat.AuthResult;
import io.presenter.chat.ClientState;
import io.presenter.chat.Message;
import io.presenter.chat.NotAuthenticated;
import java.io.IOException;
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
  private final HistoryFolder shared;
  private final Map<String, Room> rooms = new LinkedHashMap<>();
  long messages;
  long deliveries;
  long deliveriesSkipped;
  long historyFailures;

  /** With {@code shared}, which may be null, clients come from other chat servers and go there. */
  Service(String server, HistoryFolder shared) {
    this.server = server;
    this.shared = shared;
  }

  HistoryFolder shared() {
    return shared;
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
    if (shared != null && !(HistoryFolder.isName(couple) && HistoryFolder.isName(user))) {
      throw new NotAuthenticated("couple_id or user_id above 60 bytes, or not in UTF-8");
    }
    Room room = findOrAdd(couple);
    if (room == null) {
      throw new NotAuthenticated("too many couples");
    }
    try {
      if (!room.admits(user)) {
        throw new NotAuthenticated("not one of this couple");
      }
    } catch (IOException failed) {
      ++historyFailures;
      throw new NotAuthenticated("the history cannot be read");
    }
    tell(room);
    join(session, couple, room, user);
    session.told = room.lastSequence();
    AuthResult result = new AuthResult(server, session.told);
    return shared == null ? result : result.setHistory(HistoryFolder.HISTORY_NAME);
  }

  /** The client comes from another chat server, which left this of it. */
  void resume(Session session, ClientState state) throws IOException, NotAuthenticated {
    String couple = state.getCouple_id();
    if (couple.isEmpty()) {
      return;
    }
    Room room = findOrAdd(couple);
    if (room == null) {
      throw new NotAuthenticated("too many couples");
    }
    // Whoever has authenticated here has done so after the one who comes, and is the one to stay.
    if (onlineOf(room, state.getUser_id()) != null) {
      throw new NotAuthenticated("has come in anew");
    }
    room.update();
    join(session, couple, room, state.getUser_id());
    session.told = state.getTold();
    tell(room);
  }

  private Room findOrAdd(String couple) {
    Room room = rooms.get(couple);
    if (room == null) {
      forgetOffline();
      if (rooms.size() < COUPLES_MAX) {
        room = new Room(shared == null ? null : new HistoryFile(shared.fileOf(couple)));
        rooms.put(couple, room);
      }
    }
    return room;
  }

  private void forgetOffline() {
    Iterator<Room> oldest = rooms.values().iterator();
    while (rooms.size() >= COUPLES_MAX && oldest.hasNext()) {
      if (oldest.next().online.isEmpty()) {
        oldest.remove();
      }
    }
  }

  private static Session onlineOf(Room room, String user) {
    return room.online.stream().filter(each -> each.user.equals(user)).findAny().orElse(null);
  }

  private void join(Session session, String couple, Room room, String user) {
    Session earlier = onlineOf(room, user);
    if (earlier != null) {
      earlier.close();
    }
    room.online.add(session);
    session.room = room;
    session.couple = couple;
    session.user = user;
  }

  private static Room roomOf(Session session) throws NotAuthenticated {
    if (session.room == null) {
      throw new NotAuthenticated("authenticate first");
    }
    return session.room;
  }

  /** The sequence. The partner has the message, and the sender what its partner wrote before. */
  long send(Session session, long clientId, ByteBuffer body) throws NotAuthenticated {
    Room room = roomOf(session);
    if (body.remaining() > BODY_BYTES_MAX) {
      throw new NotAuthenticated("body above 65,536 bytes");
    }
    try {
      long sequence = room.append(session.user, clientId, body);
      ++messages;
      tell(room);
      return sequence;
    } catch (IOException failed) {
      ++historyFailures;
      throw new NotAuthenticated("the history cannot be written");
    }
  }

  List<Message> history(Session session, long after, int limit) throws NotAuthenticated {
    int most = Math.max(0, Math.min(limit, HISTORY_MESSAGES_MAX));
    try {
      return roomOf(session).after(after, most, HISTORY_REPLY_BYTES_MAX);
    } catch (IOException failed) {
      ++historyFailures;
      throw new NotAuthenticated("the history cannot be read");
    }
  }

  /** Another chat server has perhaps added to it. */
  void onHistoryChanged(String couple) {
    Room room = rooms.get(couple);
    if (room != null) {
      catchUp(room);
    }
  }

  void onHistoriesChanged() {
    rooms.values().forEach(this::catchUp);
  }

  // Who is not online reads it when somebody comes.
  private void catchUp(Room room) {
    if (room.online.isEmpty()) {
      return;
    }
    try {
      room.update();
    } catch (IOException failed) {
      ++historyFailures;
    }
    tell(room);
  }

  /** What each has not had yet. Its own messages it knows by the answers. */
  private void tell(Room room) {
    for (Session each : List.copyOf(room.online)) {
      try {
        room.visitAfter(each.told, message -> {
          each.told = message.getSequence();
          if (!message.getSender().equals(each.user)) {
            deliver(each, message);
          }
          return true;
        });
      } catch (IOException failed) {
        ++historyFailures;
      }
    }
  }

  private void deliver(Session to, Message message) {
    // Who does not read sees the gap in the sequences, and asks for what is lacking.
    boolean isDelivered = to.deliver(message);
    deliveries += isDelivered ? 1 : 0;
    deliveriesSkipped += isDelivered ? 0 : 1;
  }

  void leave(Session session) {
    if (session.room != null) {
      session.room.online.remove(session);
      session.room = null;
    }
  }
}
