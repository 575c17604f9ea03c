package presenter.backend.mux;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.util.List;

/** What is to be written: control frames, which overtake Data without a copy, and Data. */
final class LinkOutput {
  private static final int CONTROL_BYTES = 256;
  private static final int DATA_BYTES = 1_024;

  private final ByteBufAllocator allocator;
  private ByteBuf control;
  private ByteBuf data;

  LinkOutput(ByteBufAllocator allocator) {
    this.allocator = allocator;
  }

  ByteBuf control() {
    control = control == null ? allocator.ioBuffer(CONTROL_BYTES) : control;
    return control;
  }

  ByteBuf data() {
    data = data == null ? allocator.ioBuffer(DATA_BYTES) : data;
    return data;
  }

  int controlSize() {
    return control == null ? 0 : control.readableBytes();
  }

  int dataSize() {
    return data == null ? 0 : data.readableBytes();
  }

  /** In the order in which they are to be written; {@code out} has to release them. */
  void moveTo(List<ByteBuf> out) {
    if (control != null) {
      out.add(control);
    }
    if (data != null) {
      out.add(data);
    }
    control = null;
    data = null;
  }

  void dropControl() {
    if (control != null) {
      control.release();
      control = null;
    }
  }

  void dropData() {
    if (data != null) {
      data.release();
      data = null;
    }
  }
}
