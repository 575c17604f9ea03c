package presenter.chatd;

import io.netty.channel.EventLoop;
import java.io.IOException;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.HashSet;
import java.util.Set;

/**
 * Tells the service on its loop whose history another chat server has perhaps added to. Bounds: a
 * name for each couple, until the loop has looked; where the kernel has forgotten some, all.
 */
final class HistoryWatch {
  private final Service service;
  private final EventLoop loop;
  private final Object mutex = new Object();
  private Set<String> changed = new HashSet<>();  // guarded by mutex, as the next one
  private boolean hasMissedSome;

  private HistoryWatch(Service service, EventLoop loop) {
    this.service = service;
    this.loop = loop;
  }

  static void start(HistoryFolder folder, Service service, EventLoop loop) throws IOException {
    WatchService files = folder.path().getFileSystem().newWatchService();
    folder.path().register(files, StandardWatchEventKinds.ENTRY_MODIFY);
    HistoryWatch watch = new HistoryWatch(service, loop);
    Thread thread = new Thread(() -> watch.follow(files), "histories");
    thread.setDaemon(true);
    thread.start();
  }

  private void follow(WatchService files) {
    try {
      while (true) {
        WatchKey key = files.take();
        note(key);
        key.reset();
      }
    } catch (InterruptedException ended) {
      Thread.currentThread().interrupt();
    }
  }

  private void note(WatchKey key) {
    synchronized (mutex) {
      boolean isPosted = hasMissedSome || !changed.isEmpty();
      for (WatchEvent<?> event : key.pollEvents()) {
        if (event.kind() == StandardWatchEventKinds.OVERFLOW) {
          hasMissedSome = true;
        } else {
          changed.add(event.context().toString());
        }
      }
      if (!isPosted) {
        loop.execute(this::tell);
      }
    }
  }

  private void tell() {
    Set<String> files;
    boolean all;
    synchronized (mutex) {
      files = changed;
      all = hasMissedSome;
      changed = new HashSet<>();
      hasMissedSome = false;
    }
    if (all) {
      service.onHistoriesChanged();
      return;
    }
    for (String file : files) {
      String couple = HistoryFolder.coupleOf(file);
      if (couple != null) {
        service.onHistoryChanged(couple);
      }
    }
  }
}
