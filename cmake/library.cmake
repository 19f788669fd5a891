# libsesscache.so from the shim (C) and the core (Go).

set(map ${CMAKE_BINARY_DIR}/libsesscache.map)
add_custom_command(
    OUTPUT ${map}
    COMMAND ${CMAKE_SOURCE_DIR}/scripts/version-script.sh
        ${CMAKE_SOURCE_DIR}/cshim/exports.list > ${map}
    DEPENDS ${CMAKE_SOURCE_DIR}/cshim/exports.list ${CMAKE_SOURCE_DIR}/scripts/version-script.sh
    VERBATIM)

file(GLOB shim_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cshim/*.c)
file(GLOB shim_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cshim/*.h)
file(GLOB_RECURSE core_sources CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/capi/*.go ${CMAKE_SOURCE_DIR}/gocore/*.go)
list(FILTER core_sources EXCLUDE REGEX "_test\\.go$")

set(core_object ${CMAKE_BINARY_DIR}/core/sscore.o)
add_custom_command(
    OUTPUT ${core_object}
    COMMAND ${CMAKE_COMMAND} -E env "GOFLAGS=-buildvcs=false $ENV{GOFLAGS}" CC=${CMAKE_C_COMPILER}
        ${CMAKE_SOURCE_DIR}/scripts/go-core.sh ${CMAKE_BINARY_DIR}/core
    COMMAND ${CMAKE_COMMAND} -E touch ${core_object}
    DEPENDS ${core_sources} ${shim_headers} ${CMAKE_SOURCE_DIR}/go.mod
        ${CMAKE_SOURCE_DIR}/scripts/go-core.sh
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    COMMENT "Building the Go core"
    VERBATIM)

add_library(sesscache SHARED ${shim_sources} ${core_object} ${map})
set_target_properties(sesscache PROPERTIES
    C_EXTENSIONS ON
    NO_SONAME ON # scripts/link.opts sets it
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}
    LINK_DEPENDS "${map};${CMAKE_SOURCE_DIR}/scripts/link.opts")
set_source_files_properties(${shim_sources} PROPERTIES
    OBJECT_DEPENDS ${CMAKE_SOURCE_DIR}/scripts/compile.opts)
set_source_files_properties(${core_object} PROPERTIES EXTERNAL_OBJECT TRUE GENERATED TRUE)
target_compile_options(sesscache PRIVATE @${CMAKE_SOURCE_DIR}/scripts/compile.opts)
target_include_directories(sesscache PRIVATE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/cshim)
target_link_options(sesscache PRIVATE
    @${CMAKE_SOURCE_DIR}/scripts/link.opts -Wl,--version-script=${map})
target_link_libraries(sesscache PRIVATE pthread ${CMAKE_DL_LIBS})
