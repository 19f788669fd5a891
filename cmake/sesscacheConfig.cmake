# find_package(sesscache) defines the target sesscache::sesscache. The library
# stands before libssl on the linker's line, so that its functions are found
# first.
include(CMakeFindDependencyMacro)
find_dependency(OpenSSL)

get_filename_component(sesscache_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET sesscache::sesscache)
    add_library(sesscache::sesscache SHARED IMPORTED)
    set_target_properties(sesscache::sesscache PROPERTIES
        IMPORTED_LOCATION "${sesscache_PREFIX}/lib/libsesscache.so"
        IMPORTED_SONAME libsesscache.so
        INTERFACE_INCLUDE_DIRECTORIES "${sesscache_PREFIX}/include"
        INTERFACE_LINK_LIBRARIES "OpenSSL::SSL;OpenSSL::Crypto")
endif()
