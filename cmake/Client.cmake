# libforetrace: alerts/client/ twice from the same sources, as a static library for
# the program and its tests, and as the shared library that is installed.
set(client_sources alerts/client/decode.c alerts/client/keys.c alerts/client/options.c alerts/client/recovery.c
  alerts/client/sockets.c alerts/client/subscriber.c)

add_library(ft_client STATIC ${client_sources})
target_link_libraries(ft_client PUBLIC ft_alert)
target_compile_definitions(ft_client PRIVATE FORETRACE_VERSION="${PROJECT_VERSION}")

# What the client needs of the rest, compiled for a shared library: nothing of it is exported.
add_library(libforetrace SHARED ${client_sources} alerts/replay.c base/bytes.c base/clock.c base/dirs.c base/endpoint.c base/error.c
  base/keys.c
  base/text.c base/wire.c)
set_target_properties(libforetrace PROPERTIES OUTPUT_NAME foretrace EXPORT_NAME foretrace SOVERSION 0
  VERSION ${PROJECT_VERSION} PUBLIC_HEADER alerts/client/foretrace.h
  LINK_DEPENDS ${PROJECT_SOURCE_DIR}/alerts/client/foretrace.map)
target_link_libraries(libforetrace PRIVATE $<BUILD_INTERFACE:ft_options> PkgConfig::ZMQ PkgConfig::MSGPACK m)
target_compile_definitions(libforetrace PRIVATE FORETRACE_VERSION="${PROJECT_VERSION}")
target_link_options(libforetrace PRIVATE -Wl,--version-script=${PROJECT_SOURCE_DIR}/alerts/client/foretrace.map)
target_include_directories(libforetrace INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/alerts/client>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

# Relative to where it is: the tree may be installed anywhere.
file(RELATIVE_PATH FORETRACE_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(packaging/foretrace.pc.in foretrace.pc @ONLY)
install(TARGETS libforetrace EXPORT foretrace)
install(EXPORT foretrace NAMESPACE foretrace:: FILE foretrace-config.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/foretrace)
install(FILES ${PROJECT_BINARY_DIR}/foretrace.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

add_executable(subscribe examples/subscribe.c)
target_link_libraries(subscribe PRIVATE libforetrace ft_options)
set_target_properties(subscribe PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
