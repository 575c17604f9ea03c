# presenter_library(NAME SOURCES … LINK …)       one static library: one folder of the tree
# presenter_program(NAME SOURCES … LINK …)       one program, written to build/<preset>/bin
# presenter_unit_test(NAME SOURCES … LINK …)     one GoogleTest program, every TEST a ctest case;
#                                                OPTIMIZED, if it computes for long
# presenter_thrift(NAME FILE x.thrift LANG cpp)  generated C++ as a SYSTEM library

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

# With PRESENTER_BATCHES several sources of a library or program are compiled as one: the headers of
# Asio and spdlog cost each of them more than its own code does. Names in anonymous namespaces must
# differ within a batch; clang-tidy, which reads each source alone, finds what a batch hides.
function(presenter_batches name)
  if(PRESENTER_BATCHES)
    set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
  endif()
endfunction()

# A program is an eighth of its size without symbols. They stand beside it as NAME.debug, where gdb
# and perf look by themselves.
function(presenter_symbols_apart name)
  if(PRESENTER_SANITIZE OR NOT CMAKE_OBJCOPY OR NOT CMAKE_STRIP)
    return()
  endif()
  add_custom_command(
    TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_OBJCOPY} --only-keep-debug $<TARGET_FILE:${name}> $<TARGET_FILE:${name}>.debug
    COMMAND ${CMAKE_STRIP} --strip-unneeded $<TARGET_FILE:${name}>
    COMMAND ${CMAKE_OBJCOPY} --add-gnu-debuglink=$<TARGET_FILE:${name}>.debug
            $<TARGET_FILE:${name}>
    VERBATIM)
endfunction()

function(presenter_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} PRIVATE presenter_options)
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  presenter_batches(${name})
endfunction()

function(presenter_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} presenter_options)
  presenter_batches(${name})
  presenter_symbols_apart(${name})
endfunction()

# Tests are compiled without optimisation, which takes a third of their time; what they test is not.
function(presenter_unit_test name)
  cmake_parse_arguments(ARG "OPTIMIZED" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gmock GTest::gtest_main
                                        presenter_options)
  presenter_batches(${name})
  if(PRESENTER_BATCHES)
    # A test's own type in a coroutine: gcc takes a batch's parts for headers that others include.
    target_compile_options(${name} PRIVATE -Wno-subobject-linkage)
  endif()
  if(NOT PRESENTER_SANITIZE AND NOT ARG_OPTIMIZED)
    target_compile_options(${name} PRIVATE -O0)
  endif()
  set(seconds 120)
  if(PRESENTER_SANITIZE)
    set(seconds 600)  # random schedules take ten times as long there
  endif()
  gtest_discover_tests(${name} PROPERTIES TIMEOUT ${seconds} DISCOVERY_TIMEOUT 60)
endfunction()

# Generates C++ from an IDL file into the build tree; include it as "<file>_types.h".
function(presenter_thrift name)
  cmake_parse_arguments(ARG "" "FILE" "OUTPUTS" ${ARGN})
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${name}_gen)
  file(MAKE_DIRECTORY ${out})
  list(TRANSFORM ARG_OUTPUTS PREPEND ${out}/)
  add_custom_command(
    OUTPUT ${ARG_OUTPUTS}
    COMMAND ${PRESENTER_THRIFT_COMPILER} --gen cpp:no_skeleton -out ${out}
            ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_FILE}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_FILE}
    VERBATIM)
  add_library(${name} STATIC ${ARG_OUTPUTS})
  target_include_directories(${name} SYSTEM PUBLIC ${out})
  target_link_libraries(${name} PUBLIC PkgConfig::THRIFT)
  target_compile_options(${name} PRIVATE -w)
endfunction()
