// The version, as --version and presenter_build_info tell it; CMakeLists.txt sets it.
#pragma once

namespace presenter::gateway {

inline constexpr const char* version = PRESENTER_VERSION;

}  // namespace presenter::gateway
