package presenter.backend;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectPackage;

import io.netty.buffer.PooledByteBufAllocator;
import io.netty.util.ResourceLeakDetector;
import io.netty.util.ResourceLeakDetectorFactory;
import java.io.PrintWriter;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/**
 * All tests in one process, under Netty's leak detector at its strictest, which must find nothing:
 * {@code RunTests [CLASS …]}. Exit status 0 if all is well.
 */
public final class RunTests {
  private static final AtomicInteger LEAKS = new AtomicInteger();

  private static final class Detector<T> extends ResourceLeakDetector<T> {
    Detector(Class<?> type, int interval) {
      super(type, interval);
    }

    @Override
    protected void reportTracedLeak(String type, String records) {
      LEAKS.incrementAndGet();
      System.err.println("LEAK of " + type + records);
    }

    @Override
    protected void reportUntracedLeak(String type) {
      LEAKS.incrementAndGet();
      System.err.println("LEAK of " + type);
    }
  }

  private static final class Names implements TestExecutionListener {
    private long began;

    @Override
    public void executionStarted(TestIdentifier test) {
      began = System.nanoTime();
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      if (test.isTest()) {
        System.out.printf("%-10s %5d ms  %s%n", result.getStatus(),
            (System.nanoTime() - began) / 1_000_000, test.getLegacyReportingName() + " of "
            + test.getParentId().orElse("").replaceAll(".*\\.|]", ""));
      }
    }
  }

  private RunTests() {}

  /** Leaks that the garbage collector has found by now. */
  static int leaksFound() throws InterruptedException {
    for (int i = 0; i < 3; ++i) {
      System.gc();
      System.runFinalization();
      // The detector reports when it is given something new to watch.
      PooledByteBufAllocator.DEFAULT.buffer(1).release();
    }
    return LEAKS.get();
  }

  public static void main(String[] names) throws Exception {
    ResourceLeakDetector.setLevel(ResourceLeakDetector.Level.PARANOID);
    ResourceLeakDetectorFactory.setResourceLeakDetectorFactory(new ResourceLeakDetectorFactory() {
      @Override
      @SuppressWarnings("deprecation")
      public <T> ResourceLeakDetector<T> newResourceLeakDetector(Class<T> type, int interval,
          long maxActive) {
        return new Detector<>(type, interval);
      }
    });
    LauncherDiscoveryRequestBuilder request = LauncherDiscoveryRequestBuilder.request();
    if (names.length == 0) {
      request.selectors(selectPackage("presenter"));
    }
    for (String name : names) {
      request.selectors(selectClass("presenter." + name));
    }
    SummaryGeneratingListener summary = new SummaryGeneratingListener();
    Launcher launcher = LauncherFactory.create();
    launcher.execute(request.build(), summary, new Names());
    summary.getSummary().printFailuresTo(new PrintWriter(System.err), 30);
    long failed = summary.getSummary().getTotalFailureCount();
    long succeeded = summary.getSummary().getTestsSucceededCount();
    int leaks = leaksFound();
    System.out.println(succeeded + " succeeded, " + failed + " failed, " + leaks + " leaks");
    System.exit(failed == 0 && leaks == 0 && succeeded > 0 ? 0 : 1);
  }
}
