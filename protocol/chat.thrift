// The demonstration chat protocol that clients speak through the gateway. The gateway itself reads
// one field of one message: the couple_id of `authenticate` (key_path "1.1").

namespace cpp presenter.chat
namespace py presenter_chat
namespace java io.presenter.chat

struct AuthRequest {
  1: string couple_id
  2: string user_id
  3: binary token
  4: optional string device
}

struct AuthResult {
  1: string server       // the chat server's name: which shard answered
  2: i64 last_sequence   // of the couple's history, 0 when it is empty
  3: optional string history  // whose numbers they are, if not this server's alone: all servers
                              // that say the same have one history
}

struct Message {
  1: i64 sequence        // per couple, from 1, without gaps
  2: string sender       // user_id
  3: i64 client_id       // chosen by the sender, to match what it sent
  4: binary body
}

exception NotAuthenticated {
  1: string why
}

service Chat {
  AuthResult authenticate(1: AuthRequest request) throws (1: NotAuthenticated refused)

  // Returns the message's sequence once it is in the history; the partner gets `deliver`.
  i64 send(1: i64 client_id, 2: binary body) throws (1: NotAuthenticated refused)

  // Up to `limit` messages with a sequence above `after`, oldest first.
  list<Message> history(1: i64 after, 2: i32 limit) throws (1: NotAuthenticated refused)

  // Server to client: the server sends this call on the same connection, at any time.
  oneway void deliver(1: Message message)
}

// No client sees this: what one chat server leaves to the next of a client whose stream moves, or
// deposits with the gateway for the day it dies. Servers of two versions meet in a rolling update,
// so fields are only added.
struct ClientState {
  1: string couple_id      // empty: it has not authenticated
  2: string user_id
  3: bool is_compact       // the encoding of its last call
  4: i64 told              // what has been sent to it of the history, or is in `output`
  5: binary input          // what has come and is not served: packets, the last one in part
  6: binary output         // what has not been sent
  7: optional i64 left_as  // input and output are in a file, which has the same number
}
