# The C conformance programs; the Go runner runs each of them twice, with and
# without the library, and compares. One test of ctest is one program.
enable_testing()

file(GLOB test_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/c/test_*.c)
file(GLOB test_common CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/c/*.c)
list(FILTER test_common EXCLUDE REGEX "/test_[^/]*$")
file(GLOB runner_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/go/conformance/*.go)

add_library(tests_c_common OBJECT ${test_common})
set(program_flags -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-deprecated-declarations)
target_compile_options(tests_c_common PRIVATE ${program_flags})
target_include_directories(tests_c_common PRIVATE
    ${CMAKE_SOURCE_DIR}/include ${OPENSSL_INCLUDE_DIR})

set(runner ${CMAKE_BINARY_DIR}/conformance.test)
add_custom_command(
    OUTPUT ${runner}
    COMMAND ${CMAKE_COMMAND} -E env "GOFLAGS=-buildvcs=false $ENV{GOFLAGS}"
        ${GO_COMMAND} test -c -o ${runner} ./tests/go/conformance
    DEPENDS ${runner_sources} ${CMAKE_SOURCE_DIR}/go.mod
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    COMMENT "Building the runner of the conformance programs"
    VERBATIM)
add_custom_target(conformance_runner ALL DEPENDS ${runner})

foreach(source ${test_sources})
    get_filename_component(subject ${source} NAME_WE)
    string(REGEX REPLACE "^test_" "" subject ${subject})
    add_executable(test_${subject} ${source} $<TARGET_OBJECTS:tests_c_common>)
    set_target_properties(test_${subject} PROPERTIES
        OUTPUT_NAME ${subject}
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/c)
    target_compile_options(test_${subject} PRIVATE ${program_flags})
    target_include_directories(test_${subject} PRIVATE
        ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/tests/c)
    # Not linked with the library: the runner preloads it.
    target_link_libraries(test_${subject} PRIVATE
        OpenSSL::SSL OpenSSL::Crypto Threads::Threads ${CMAKE_DL_LIBS})

    add_test(NAME ${subject}
        COMMAND ${runner} -test.run ^TestC$/^${subject}$ -test.v
        WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests/go/conformance)
    set_tests_properties(${subject} PROPERTIES
        ENVIRONMENT "SESSCACHE_LIBRARY=$<TARGET_FILE:sesscache>;SESSCACHE_TESTS_C=${CMAKE_BINARY_DIR}/tests/c"
        FAIL_REGULAR_EXPRESSION "no tests to run"
        SKIP_REGULAR_EXPRESSION "^--- SKIP"
        TIMEOUT 300)
endforeach()
