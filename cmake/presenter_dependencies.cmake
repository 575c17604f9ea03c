# Everything from Debian 12 or 13: deploy/install-deps lists the packages. What only a part of the
# tree needs is asked for only when that part is built.

find_package(Threads REQUIRED)
find_package(Boost 1.81 CONFIG REQUIRED)

if(PRESENTER_SHARD_ROUTER)
  find_package(PkgConfig REQUIRED)
  find_package(fmt REQUIRED)
  find_package(tomlplusplus REQUIRED)
  find_package(nlohmann_json 3 REQUIRED)
  pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares)
  pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
  find_path(ZOOKEEPER_INCLUDE_DIR zookeeper/zookeeper.h REQUIRED)
  find_library(ZOOKEEPER_LIBRARY zookeeper_mt REQUIRED)
endif()

if(PRESENTER_PROGRAMS)
  find_package(OpenSSL 3.0 REQUIRED)
  find_package(spdlog REQUIRED)
  find_package(ZLIB REQUIRED)
  pkg_check_modules(THRIFT REQUIRED IMPORTED_TARGET thrift)
  find_program(PRESENTER_THRIFT_COMPILER thrift REQUIRED)
  find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp REQUIRED)
endif()

# Asio and Beast are compiled once, in one translation unit each, instead of in every file that uses
# them: a fresh build takes about half the time. That is our own files' business: a program that
# links the SDK compiles Asio as it likes (protocol/backend_sdk/README.md).
add_library(presenter_asio STATIC ${PROJECT_SOURCE_DIR}/cmake/asio.cpp)
target_link_libraries(presenter_asio PUBLIC Boost::headers Threads::Threads)
# As in our own files (presenter_options): it changes what functions return. Not in a user's.
target_compile_definitions(presenter_asio PUBLIC BOOST_ASIO_SEPARATE_COMPILATION
                                          PRIVATE BOOST_ASIO_NO_DEPRECATED)

if(PRESENTER_PROGRAMS)
  add_library(presenter_beast STATIC ${PROJECT_SOURCE_DIR}/cmake/beast.cpp)
  target_link_libraries(presenter_beast PUBLIC presenter_asio)
  target_compile_definitions(presenter_beast PUBLIC BOOST_BEAST_SEPARATE_COMPILATION
                                             PRIVATE BOOST_ASIO_NO_DEPRECATED)

  add_library(presenter_asio_ssl STATIC ${PROJECT_SOURCE_DIR}/cmake/asio_ssl.cpp)
  target_link_libraries(presenter_asio_ssl PUBLIC presenter_asio OpenSSL::SSL)
  target_compile_definitions(presenter_asio_ssl PRIVATE BOOST_ASIO_NO_DEPRECATED)
endif()
