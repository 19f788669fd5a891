# The same files in the same places as `make install`.
install(FILES ${CMAKE_BINARY_DIR}/libsesscache.so
    DESTINATION lib
    PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
        WORLD_READ WORLD_EXECUTE)
install(FILES include/openssl_sess.h DESTINATION include)

set(version ${PROJECT_VERSION})
configure_file(cmake/sesscacheConfigVersion.cmake.in sesscacheConfigVersion.cmake @ONLY)
install(FILES cmake/sesscacheConfig.cmake ${CMAKE_BINARY_DIR}/sesscacheConfigVersion.cmake
    DESTINATION lib/cmake/sesscache)

# The prefix may be given as late as `cmake --install --prefix`.
install(CODE "
    file(READ \"${CMAKE_SOURCE_DIR}/sesscache.pc.in\" content)
    string(REPLACE \"@prefix@\" \"\${CMAKE_INSTALL_PREFIX}\" content \"\${content}\")
    string(REPLACE \"@version@\" \"${PROJECT_VERSION}\" content \"\${content}\")
    file(WRITE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/lib/pkgconfig/sesscache.pc\" \"\${content}\")
")
