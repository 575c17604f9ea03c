# Compiler settings shared by every target of ours; third-party and generated code is SYSTEM.

set(PRESENTER_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize= (address,undefined or thread)")
option(PRESENTER_BATCHES "Compile several sources as one (presenter_targets.cmake)" OFF)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
  endif()
  set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
  set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")
  add_compile_options(-fno-omit-frame-pointer)
  find_program(PRESENTER_CCACHE ccache)
  if(PRESENTER_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${PRESENTER_CCACHE})
  endif()
endif()

if(PRESENTER_SANITIZE)
  add_compile_options(-fsanitize=${PRESENTER_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PRESENTER_SANITIZE})
  # With sanitizers g++ 12 inlines the one half of Asio's coroutine frame allocation, and not the
  # other, and takes them for a mismatch.
  add_compile_options(-Wno-mismatched-new-delete)
  if(PRESENTER_SANITIZE MATCHES "thread")
    # Asio 1.81 uses std::atomic_thread_fence, which gcc's thread sanitizer cannot see and warns of.
    add_compile_options(-Wno-tsan)
  endif()
endif()

# Warnings are errors for those who change the tree (presets dev, asan, tsan and CI, by
# CMAKE_COMPILE_WARNING_AS_ERROR), not for those who build it: each new compiler knows new ones.
add_library(presenter_options INTERFACE)
target_compile_options(presenter_options INTERFACE -Wall -Wextra -Wpedantic -Wconversion)
target_compile_definitions(presenter_options INTERFACE BOOST_ASIO_NO_DEPRECATED)
target_include_directories(presenter_options INTERFACE ${PROJECT_SOURCE_DIR})
