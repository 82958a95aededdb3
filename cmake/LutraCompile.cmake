# How every target of the project is compiled: one place for warnings, floating-point rules and
# include paths.

add_library(lutra_compile INTERFACE)
target_compile_options(lutra_compile INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wno-sign-conversion
  # False alarms of g++ 12 on plain std::string assignments (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
  # False alarms of g++ 13 and 14 in the copies of std::vector, which only optimized code has.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_GREATER_EQUAL:$<CXX_COMPILER_VERSION>,13>>:-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>
  # Results are part of the contract: no contraction into FMA, anywhere.
  -ffp-contract=off
  ${lutra_hardened_compile}
  $<$<BOOL:${LUTRA_WERROR}>:-Werror>)
target_link_options(lutra_compile INTERFACE ${lutra_hardened_link})
target_include_directories(lutra_compile INTERFACE ${PROJECT_SOURCE_DIR})

# What runs on the device needs neither exceptions nor RTTI.
add_library(lutra_compile_device INTERFACE)
target_link_libraries(lutra_compile_device INTERFACE lutra_compile)
target_compile_options(lutra_compile_device INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions;-fno-rtti>
  -fvisibility=hidden -ffunction-sections -fdata-sections)

# What LUTRA_QUICK_BUILD optimizes little: the tests, whose references are small, and the converter,
# whose speed is oneDNN's and the runtime's. With sanitizers the optimizer takes longer than it saves.
set(lutra_quick_compile)
if(LUTRA_QUICK_BUILD)
  set(lutra_quick_compile $<IF:$<CONFIG:Release>,-O1,-O0>)
endif()

# lutra_test(name SOURCES ... LIBRARIES ... SUITES ...): one doctest binary, registered with CTest.
# Each of the SUITES, which may skip (support/skip.h), is a test of its own, NAME_SUITE.
function(lutra_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBRARIES;LABELS;SUITES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE lutra_compile lutra_test_main ${ARG_LIBRARIES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE LUTRA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  set(others)
  if(ARG_SUITES)
    list(JOIN ARG_SUITES "," suites)
    set(others --test-suite-exclude=${suites})
  endif()
  add_test(NAME ${name} COMMAND ${name} ${others})
  set(tests ${name})
  foreach(suite IN LISTS ARG_SUITES)
    add_test(NAME ${name}_${suite} COMMAND ${name} "--test-suite=${suite}")
    list(APPEND tests ${name}_${suite})
  endforeach()
  # oneDNN's threads would spin while they wait and take the processors from tests beside them.
  set_tests_properties(${tests} PROPERTIES
    ENVIRONMENT OMP_WAIT_POLICY=passive SKIP_RETURN_CODE 77 LABELS "${ARG_LABELS}")
endfunction()
