# liblutra.a and liblutra.so, and what `cmake --install` gives: lutra/lutra.h, both libraries, a
# CMake package (lutra::lutra shared, lutra::lutra_static) and a pkg-config file.
set(lutra_objects
  $<TARGET_OBJECTS:lutra_runtime> $<TARGET_OBJECTS:lutra_coding> $<TARGET_OBJECTS:lutra_schema>
  $<TARGET_OBJECTS:lutra_kernels>)

add_library(lutra_static STATIC ${lutra_objects})
add_library(lutra_shared SHARED ${lutra_objects})
# The names of the installed package, for projects that add this folder as a part of theirs.
add_library(lutra::lutra ALIAS lutra_shared)
add_library(lutra::lutra_static ALIAS lutra_static)
foreach(library lutra_static lutra_shared)
  set_target_properties(${library} PROPERTIES
    OUTPUT_NAME lutra
    LINKER_LANGUAGE CXX
    ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib
    LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
  target_include_directories(${library} INTERFACE
    $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
# Before 1.0 each minor version is an interface of its own, and so is its library's name.
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(interface_version ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
else()
  set(interface_version ${PROJECT_VERSION_MAJOR})
endif()
set_target_properties(lutra_shared PROPERTIES
  VERSION ${PROJECT_VERSION} SOVERSION ${interface_version} EXPORT_NAME lutra)
target_link_libraries(lutra_shared PRIVATE Threads::Threads)
target_link_libraries(lutra_static INTERFACE Threads::Threads)
target_link_options(lutra_shared PRIVATE ${lutra_hardened_link}
  -Wl,--version-script=${CMAKE_CURRENT_SOURCE_DIR}/lutra.map -Wl,--gc-sections)
# Clang's sanitizers are a part of the program, to which the library may refer.
if(NOT (CMAKE_CXX_COMPILER_ID MATCHES "Clang" AND CMAKE_CXX_FLAGS MATCHES "-fsanitize"))
  target_link_options(lutra_shared PRIVATE -Wl,--no-undefined)
endif()
set_property(TARGET lutra_shared APPEND PROPERTY
  LINK_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/lutra.map)

if(NOT LUTRA_INSTALL)
  return()
endif()
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lutra)
install(TARGETS lutra_static lutra_shared EXPORT lutra-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/lutra DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT lutra-targets NAMESPACE lutra:: DESTINATION ${package_dir})
configure_package_config_file(package/lutra-config.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/lutra-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/lutra-config-version.cmake
  COMPATIBILITY SameMinorVersion)
# Relative to the file's own place, so that a prefix may move; a folder given as an absolute path stays.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  string(REGEX REPLACE "/$" "" up "${up}")
  set(pc_prefix "\${pcfiledir}/${up}")
endif()
foreach(folder libdir includedir)
  string(TOUPPER ${folder} name)
  set(pc_${folder} ${CMAKE_INSTALL_${name}})
  if(NOT IS_ABSOLUTE "${pc_${folder}}")
    set(pc_${folder} "\${prefix}/${pc_${folder}}")
  endif()
endforeach()
configure_file(package/lutra.pc.in ${CMAKE_CURRENT_BINARY_DIR}/lutra.pc @ONLY)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/lutra-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/lutra-config-version.cmake
  DESTINATION ${package_dir})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/lutra.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/THIRD_PARTY_NOTICES
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
