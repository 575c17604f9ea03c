// Where the lines go that a library of this project has to say about its work. By itself it says
// nothing: the program's log is the program's own.
#pragma once

#include <functional>
#include <string_view>

#include "base/export.hpp"

namespace presenter {

enum class log_level { debug, info, warning, error };

using log_handler = std::function<void(log_level level, std::string_view line)>;

// For the whole process, before anything else of the SDK is made. `line` has no end of line, and is
// valid during the call. Lines below `least` are not said; with `debug` all are, however often they
// come, else those that would come again and again are held back. An empty handler: silence.
// Called on the threads of the SDK's users, and at `debug` on those of ZooKeeper's client as well.
PRESENTER_EXPORT void set_log_handler(log_handler handler, log_level least = log_level::info);

// Another `least` for the handler that is set. Any thread, any time.
PRESENTER_EXPORT void set_log_least(log_level least);

}  // namespace presenter
