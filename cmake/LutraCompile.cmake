# How every target of the project is compiled: one place for warnings, floating-point rules and
# include paths.

add_library(lutra_compile INTERFACE)
target_compile_options(lutra_compile INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wno-sign-conversion
  # False alarms of g++ 12 on plain std::string assignments (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  # Results are part of the contract: no contraction into FMA, anywhere.
  -ffp-contract=off
  $<$<BOOL:${LUTRA_WERROR}>:-Werror>)
target_include_directories(lutra_compile INTERFACE ${PROJECT_SOURCE_DIR})

# What runs on the device needs neither exceptions nor RTTI.
add_library(lutra_compile_device INTERFACE)
target_link_libraries(lutra_compile_device INTERFACE lutra_compile)
target_compile_options(lutra_compile_device INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions;-fno-rtti>
  -fvisibility=hidden -ffunction-sections -fdata-sections)

# lutra_test(name SOURCES ... LIBRARIES ...): one doctest binary, registered with CTest.
function(lutra_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE lutra_compile lutra_test_main ${ARG_LIBRARIES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE LUTRA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  # oneDNN's threads would spin while they wait and take the processors from tests beside them.
  set_tests_properties(${name} PROPERTIES ENVIRONMENT OMP_WAIT_POLICY=passive)
  if(ARG_LABELS)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}")
  endif()
endfunction()
