# The SDK as other programs see it: one static and one shared library for each component, made of
# the objects of the folders' libraries, and public headers. protocol/backend_sdk/README.md lists
# what is public; whatever is not named here stays inside.
#
#   presenter::backend_sdk    streams of clients, behind gateways
#   presenter::shard_router   a backend's place in the fleet: registration, the map, leaving

set(PRESENTER_BACKEND_SDK_HEADERS
    base/export.hpp
    base/log_handler.hpp
    protocol/errc.hpp
    protocol/limits.hpp
    protocol/stream_facts.hpp
    protocol/transport/link_executor.hpp
    protocol/backend_sdk/acceptor_options.hpp
    protocol/backend_sdk/mux_acceptor.hpp
    protocol/backend_sdk/mux_stream.hpp
    protocol/backend_sdk/pending_operation.hpp
    protocol/backend_sdk/stream_errc.hpp
    protocol/backend_sdk/stream_fence.hpp
    protocol/backend_sdk/stream_info.hpp
    protocol/backend_sdk/stream_port.hpp
    protocol/backend_sdk/websocket.hpp)
set(PRESENTER_SHARD_ROUTER_HEADERS
    protocol/backend_sdk/backend.hpp
    protocol/backend_sdk/departure.hpp
    shard_router/backend_entry.hpp
    shard_router/hash_ring.hpp
    shard_router/limits.hpp
    shard_router/shard_counters.hpp
    shard_router/shard_map.hpp)

# Inside the tree a header is "protocol/…", outside <presenter/protocol/…>: copies that include each
# other so stand in include/ of the build folder, and are what is installed.
set(public_headers ${PRESENTER_BACKEND_SDK_HEADERS})
if(PRESENTER_SHARD_ROUTER)
  list(APPEND public_headers ${PRESENTER_SHARD_ROUTER_HEADERS})
endif()
set(PRESENTER_INCLUDE_DIR ${PROJECT_BINARY_DIR}/include)
list(TRANSFORM public_headers PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE header_sources)
list(TRANSFORM public_headers PREPEND ${PRESENTER_INCLUDE_DIR}/presenter/
     OUTPUT_VARIABLE header_copies)
add_custom_command(
  OUTPUT ${header_copies}
  COMMAND ${CMAKE_COMMAND} -D "HEADERS=${public_headers}" -D FROM=${PROJECT_SOURCE_DIR}
          -D TO=${PRESENTER_INCLUDE_DIR}/presenter -P
          ${CMAKE_CURRENT_LIST_DIR}/presenter_public_headers.cmake
  DEPENDS ${header_sources} ${CMAKE_CURRENT_LIST_DIR}/presenter_public_headers.cmake
  VERBATIM)
add_custom_target(presenter_public_headers DEPENDS ${header_copies})

# presenter_component(NAME STATIC|SHARED OF target… [PUBLIC target…] [PRIVATE target…]
#                     [INSTALLED library…])
# PRIVATE: what it links; INSTALLED: the same, as those say it who link the installed static one.
function(presenter_component name kind)
  cmake_parse_arguments(ARG "" "" "OF;PUBLIC;PRIVATE;INSTALLED" ${ARGN})
  string(TOLOWER ${kind} suffix)
  set(target presenter_${name}_${suffix}_library)
  # In the shared library only what is marked with PRESENTER_EXPORT is seen.
  set_target_properties(${ARG_OF} PROPERTIES POSITION_INDEPENDENT_CODE ON
                                             CXX_VISIBILITY_PRESET hidden
                                             VISIBILITY_INLINES_HIDDEN ON)
  list(TRANSFORM ARG_OF REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>")
  add_library(${target} ${kind} ${ARG_OF})
  add_library(presenter::${name}_${suffix} ALIAS ${target})
  set_target_properties(
    ${target}
    PROPERTIES OUTPUT_NAME presenter_${name} EXPORT_NAME ${name}_${suffix} LINKER_LANGUAGE CXX
               VERSION ${PROJECT_VERSION}
               SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  target_include_directories(
    ${target} PUBLIC $<BUILD_INTERFACE:${PRESENTER_INCLUDE_DIR}>
                     $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${ARG_PUBLIC} Boost::headers Threads::Threads)
  if(kind STREQUAL SHARED)
    target_link_libraries(${target} PRIVATE ${ARG_PRIVATE} -Wl,--no-undefined)
    presenter_symbols_apart(${target})
  else()
    foreach(library ${ARG_PRIVATE})
      target_link_libraries(${target} INTERFACE $<BUILD_INTERFACE:$<LINK_ONLY:${library}>>)
    endforeach()
    foreach(library ${ARG_INSTALLED})
      target_link_libraries(${target} INTERFACE $<INSTALL_INTERFACE:${library}>)
    endforeach()
  endif()
  add_dependencies(${target} presenter_public_headers)
endfunction()

include(GNUInstallDirs)
set(kinds STATIC)
if(PROJECT_IS_TOP_LEVEL AND NOT PRESENTER_SANITIZE)
  list(APPEND kinds SHARED)
endif()
foreach(kind ${kinds})
  string(TOLOWER ${kind} suffix)
  presenter_component(
    backend_sdk ${kind}
    OF presenter_log_handler presenter_asio presenter_protocol_errc presenter_wire presenter_mux
       presenter_loop presenter_transport presenter_backend_sdk)
  if(PRESENTER_SHARD_ROUTER)
    presenter_component(
      shard_router ${kind}
      OF presenter_base presenter_net presenter_shard_map presenter_shard_router presenter_backend
      PUBLIC presenter_backend_sdk_${suffix}_library
      PRIVATE PkgConfig::CARES PkgConfig::XXHASH fmt::fmt tomlplusplus::tomlplusplus
              ${ZOOKEEPER_LIBRARY}
      INSTALLED cares xxhash fmt tomlplusplus zookeeper_mt)
  endif()
endforeach()
add_library(presenter::backend_sdk ALIAS presenter_backend_sdk_static_library)
if(PRESENTER_SHARD_ROUTER)
  add_library(presenter::shard_router ALIAS presenter_shard_router_static_library)
endif()

if(PROJECT_IS_TOP_LEVEL)
  # What `cmake --install --component sdk_libraries` and `--component sdk` ask for.
  add_custom_target(sdk)
  foreach(kind ${kinds})
    string(TOLOWER ${kind} suffix)
    add_dependencies(sdk presenter_backend_sdk_${suffix}_library)
    if(PRESENTER_SHARD_ROUTER)
      add_dependencies(sdk presenter_shard_router_${suffix}_library)
    endif()
  endforeach()
  include(presenter_install)
endif()
