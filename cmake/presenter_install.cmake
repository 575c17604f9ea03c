# cmake --install: programs, the SDK's libraries and public headers, what finds them (CMake,
# pkg-config), and what a program in another language starts from.
include(CMakePackageConfigHelpers)

set(components backend_sdk)
if(PRESENTER_SHARD_ROUTER)
  list(APPEND components shard_router)
endif()
set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/presenter)
foreach(component ${components})
  foreach(kind ${kinds})
    string(TOLOWER ${kind} suffix)
    install(TARGETS presenter_${component}_${suffix}_library EXPORT presenter_${component}
            LIBRARY COMPONENT sdk_libraries NAMELINK_COMPONENT sdk
            ARCHIVE COMPONENT sdk)
  endforeach()
  install(EXPORT presenter_${component} NAMESPACE presenter:: DESTINATION ${config_folder}
          FILE presenter_${component}.cmake COMPONENT sdk)
endforeach()
install(DIRECTORY ${PRESENTER_INCLUDE_DIR}/presenter DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT sdk)

configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/presenterConfig.cmake.in ${PROJECT_BINARY_DIR}/presenterConfig.cmake
  INSTALL_DESTINATION ${config_folder})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/presenterConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/presenterConfig.cmake
              ${PROJECT_BINARY_DIR}/presenterConfigVersion.cmake
        DESTINATION ${config_folder} COMPONENT sdk)

# From where the .pc files are, so that --prefix and a moved installation are right as well.
file(RELATIVE_PATH up_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${CMAKE_CURRENT_LIST_DIR}/presenter.pc.in ${PROJECT_BINARY_DIR}/presenter.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/presenter.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT sdk)
if(PRESENTER_SHARD_ROUTER)
  configure_file(${CMAKE_CURRENT_LIST_DIR}/presenter-shard-router.pc.in
                 ${PROJECT_BINARY_DIR}/presenter-shard-router.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/presenter-shard-router.pc
          DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sdk)
endif()

install(FILES ${PROJECT_SOURCE_DIR}/protocol/mux.thrift
        DESTINATION ${CMAKE_INSTALL_DATADIR}/presenter COMPONENT sdk)
install(FILES ${PROJECT_SOURCE_DIR}/protocol/vectors/frames.json
              ${PROJECT_SOURCE_DIR}/tests/unit/shard_router/ring_vectors.json
        DESTINATION ${CMAKE_INSTALL_DATADIR}/presenter/vectors COMPONENT sdk)
