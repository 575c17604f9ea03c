# cpack: Debian packages of the preset `packages`. deploy/packages.md is for those who install them.
# What is not a program's own business (unit, configuration, manuals) is installed for packages,
# and by no `cmake --install`.

set(package_files ${PROJECT_SOURCE_DIR}/deploy/packages)
set(package_made ${PROJECT_BINARY_DIR}/packages)

# Of one version there can be several packages, and those of two Debians must not be taken for one
# another.
set(PRESENTER_PACKAGE_REVISION "1" CACHE STRING "What counts up when only the package changes")
cmake_host_system_information(RESULT debian QUERY DISTRIB_VERSION_ID)
set(CPACK_DEBIAN_PACKAGE_RELEASE "${PRESENTER_PACKAGE_REVISION}~deb${debian}")
set(package_version "${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}")

# presenter_gzip(FROM TO): as Debian wants what it compresses, without a time in it.
function(presenter_gzip from to)
  get_filename_component(folder ${to} DIRECTORY)
  file(MAKE_DIRECTORY ${folder})
  execute_process(COMMAND gzip -9nc ${from} OUTPUT_FILE ${to} COMMAND_ERROR_IS_FATAL ANY)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${from})
endfunction()

# presenter_package(COMPONENT NAME): what each package has to have: its reasons for whatever lintian
# says, the licence and the changes.
function(presenter_package component name)
  set(doc ${CMAKE_INSTALL_DATADIR}/doc/${name})
  install(FILES ${package_files}/copyright ${package_made}/changelog.Debian.gz DESTINATION ${doc}
          COMPONENT ${component} EXCLUDE_FROM_ALL)
  if(EXISTS ${package_files}/${name}/lintian-overrides)
    install(FILES ${package_files}/${name}/lintian-overrides RENAME ${name}
            DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides
            COMPONENT ${component} EXCLUDE_FROM_ALL)
  endif()
endfunction()

# Manuals NAME.1 and NAME.8 of a folder, and Bash's completion NAME.bash, of whatever there is.
function(presenter_manuals component folder)
  file(GLOB manuals CONFIGURE_DEPENDS ${folder}/*.1 ${folder}/*.8)
  foreach(manual ${manuals})
    get_filename_component(name ${manual} NAME)
    string(REGEX REPLACE ".*[.]" "" section ${name})
    presenter_gzip(${manual} ${package_made}/man/${name}.gz)
    install(FILES ${package_made}/man/${name}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section}
            COMPONENT ${component} EXCLUDE_FROM_ALL)
  endforeach()
  file(GLOB completions CONFIGURE_DEPENDS ${folder}/*.bash)
  foreach(completion ${completions})
    get_filename_component(name ${completion} NAME_WE)
    install(FILES ${completion} RENAME ${name}
            DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions
            COMPONENT ${component} EXCLUDE_FROM_ALL)
  endforeach()
endfunction()

configure_file(${package_files}/changelog.in ${package_made}/changelog @ONLY)
presenter_gzip(${package_made}/changelog ${package_made}/changelog.Debian.gz)
presenter_package(gateway presenter)
presenter_package(tools presenter-tools)
presenter_package(sdk_libraries libpresenter${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
presenter_package(sdk libpresenter-dev)
presenter_package(symbols presenter-dbgsym)

# --- what is no program

install(FILES ${PROJECT_SOURCE_DIR}/deploy/presenter.service DESTINATION lib/systemd/system
        COMPONENT gateway EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_SOURCE_DIR}/deploy/presenter-sysctl.conf RENAME 60-presenter.conf
        DESTINATION lib/sysctl.d COMPONENT gateway EXCLUDE_FROM_ALL)
install(FILES ${package_files}/presenter.toml DESTINATION /etc/presenter
        COMPONENT gateway EXCLUDE_FROM_ALL)
file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/deploy/*.md)
install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/presenter
        COMPONENT gateway EXCLUDE_FROM_ALL)
foreach(file presenter.toml alarms.yml recordings.yml)
  install(FILES ${PROJECT_SOURCE_DIR}/deploy/${file}
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/presenter/examples
          COMPONENT gateway EXCLUDE_FROM_ALL)
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/deploy/grafana
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/presenter/examples
        COMPONENT gateway EXCLUDE_FROM_ALL)
install(PROGRAMS ${PROJECT_SOURCE_DIR}/deploy/hooks/aws-autoscaling
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/presenter/examples
        COMPONENT gateway EXCLUDE_FROM_ALL)
presenter_manuals(gateway ${package_files}/presenter)
presenter_manuals(tools ${package_files}/presenter-tools)

# presenter_symbols_apart has left them beside the programs; gdb and perf look for them here.
if(CMAKE_OBJCOPY AND CMAKE_STRIP AND NOT PRESENTER_SANITIZE)
  foreach(program presenter presenterctl presenter-load presenter-chatd)
    install(FILES $<TARGET_FILE:${program}>.debug
            DESTINATION lib/debug${CMAKE_INSTALL_FULL_BINDIR}
            COMPONENT symbols EXCLUDE_FROM_ALL)
  endforeach()
  foreach(component ${components})
    install(FILES $<TARGET_FILE:presenter_${component}_shared_library>.debug
            DESTINATION lib/debug${CMAKE_INSTALL_FULL_LIBDIR}
            COMPONENT symbols EXCLUDE_FROM_ALL)
  endforeach()
endif()

# --- the packages

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME presenter)
set(CPACK_PACKAGE_VENDOR "Presenter")
set(CPACK_PACKAGE_CONTACT "Presenter maintainers <presenter@localhost>")
set(CPACK_PACKAGE_DIRECTORY ${package_made})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL gateway tools sdk_libraries sdk symbols)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
# Symbols are large; xz takes five times as long for a quarter less.
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)

set(CPACK_DEBIAN_GATEWAY_PACKAGE_NAME presenter)
set(CPACK_DEBIAN_GATEWAY_DESCRIPTION "TLS gateway between chat clients and sharded backends
It ends TLS for clients that stay connected for hours, reads the first packet
of each, finds in it the key by which the service is sharded, and from then on
relays bytes to the backend that owns the key, over a few multiplexed links.

The package has the gateway, a unit for systemd and a configuration to begin
with. It starts nothing before it is configured.")
set(CPACK_DEBIAN_GATEWAY_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_GATEWAY_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.54)")
set(CPACK_DEBIAN_GATEWAY_PACKAGE_RECOMMENDS "presenter-tools")
set(control ${package_files}/presenter)
set(CPACK_DEBIAN_GATEWAY_PACKAGE_CONTROL_EXTRA
    "${control}/postinst;${control}/prerm;${control}/postrm;${control}/conffiles")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME presenter-tools)
set(CPACK_DEBIAN_TOOLS_DESCRIPTION "operators' programs for the gateway Presenter
presenterctl looks into gateways and gives them orders, presenter-load loads
them and other TLS servers, and presenter-chatd is a backend to try with.")
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)

set(libraries libpresenter${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
set(CPACK_DEBIAN_SDK_LIBRARIES_PACKAGE_NAME ${libraries})
set(CPACK_DEBIAN_SDK_LIBRARIES_DESCRIPTION "shared libraries of backends behind Presenter
For each client of a gateway a backend has a stream, which is an asynchronous
socket to it. These are the libraries that programs are linked with.")
set(CPACK_DEBIAN_SDK_LIBRARIES_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_SDK_LIBRARIES_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_SDK_LIBRARIES_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR})
set(CPACK_DEBIAN_SDK_LIBRARIES_PACKAGE_CONTROL_EXTRA ${package_files}/${libraries}/triggers)

# What a program needs that links the static libraries. Boost by its version: Debian 12's plain
# libboost-dev is too old.
string(REGEX MATCH "^[0-9]+[.][0-9]+" boost "${Boost_VERSION}")
set(CPACK_DEBIAN_SDK_PACKAGE_NAME libpresenter-dev)
set(CPACK_DEBIAN_SDK_DESCRIPTION "what backends behind Presenter are built with
For each client of a gateway a backend has a stream, which is an asynchronous
socket to it. Headers, static libraries, what CMake and pkg-config find them
by, and the protocol's IDL and test vectors for other languages.")
set(CPACK_DEBIAN_SDK_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_SDK_PACKAGE_DEPENDS
    "${libraries} (= ${package_version}), libboost${boost}-dev, libc-ares-dev, libfmt-dev, \
libtomlplusplus-dev, libxxhash-dev, libzookeeper-mt-dev")

set(CPACK_DEBIAN_SYMBOLS_PACKAGE_NAME presenter-dbgsym)
set(CPACK_DEBIAN_SYMBOLS_DESCRIPTION "debug symbols of Presenter's programs and libraries
For gdb and perf, which find them by themselves.")
set(CPACK_DEBIAN_SYMBOLS_PACKAGE_SECTION debug)
set(CPACK_DEBIAN_SYMBOLS_PACKAGE_RECOMMENDS "presenter (= ${package_version})")

include(CPack)
