"""A fleet of servers in C++ and in Java: they agree on who owns a key, on epochs and on fences, and
streams go from one to the other, also those of couples that chat. The tests are those of a fleet in
C++ alone."""

import fencing_test
import handoff_test
import processes


class MixedCluster(processes.WatchedCluster):
    """Every second chat server is in Java."""

    def chat_server(self, name, **options):
        is_java = name[-1] in "bd24"
        return super().chat_server(name, program="presenter-chatd" + ("-java" if is_java else ""),
                                   **options)


processes.WatchedCluster = MixedCluster


class MixedHandoffs(handoff_test.EchoHandoffTest):
    pass


class MixedChatHandoffs(handoff_test.ChatHandoffTest):
    pass


class MixedFencing(fencing_test.FencingTest):
    pass


if __name__ == "__main__":
    processes.main()
