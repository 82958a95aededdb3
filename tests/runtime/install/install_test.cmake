# Run by CTest; see CMakeLists.txt. Any failed step ends the test with its output.
set(prefix ${WORK_DIR}/prefix)
set(example ${SOURCE_DIR}/examples/c_api)
file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR})

include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix})
set(model ${WORK_DIR}/small.lutra)
run(${EMULATOR} ${SMALL_MODEL} ${model} ${WORK_DIR}/samples.npy ${WORK_DIR}/labels)

function(classify program)
  run(${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${prefix}/${LIBDIR}
    ${EMULATOR} ${program} ${model} ${WORK_DIR}/samples.npy ${WORK_DIR}/labels)
  if(NOT output MATCHES "3 of 3 right")
    message(FATAL_ERROR "${program} says:\n${output}")
  endif()
endfunction()

# With CMake, shared and static, in a project that knows no C++.
run(${CMAKE_COMMAND} -S ${example} -B ${WORK_DIR}/cmake -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${prefix}
  -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=BOTH
  -DCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN} -DCMAKE_C_COMPILER=${CC} -DCMAKE_C_FLAGS=${C_FLAGS})
run(${CMAKE_COMMAND} --build ${WORK_DIR}/cmake)
classify(${WORK_DIR}/cmake/classify)
classify(${WORK_DIR}/cmake/classify_static)

# With pkg-config.
find_program(PKG_CONFIG pkg-config REQUIRED)
set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
run(${PKG_CONFIG} --cflags --libs lutra)
separate_arguments(shared_flags UNIX_COMMAND "${output}")
separate_arguments(c_flags UNIX_COMMAND "${C_FLAGS}")
run(${CC} ${c_flags} -std=c99 -Wall -Wextra -Werror ${example}/classify.c ${shared_flags}
  -o ${WORK_DIR}/classify_pkg)
classify(${WORK_DIR}/classify_pkg)

# The version stands in the header; before 1.0 the library's name has major and minor.
file(STRINGS ${prefix}/include/lutra/lutra.h version REGEX "^#define LUTRA_VERSION_(MAJOR|MINOR|PATCH) ")
list(TRANSFORM version REPLACE "^.* " "")
list(JOIN version "." text)
list(POP_BACK version)
list(JOIN version "." interface)
run(${PKG_CONFIG} --modversion lutra)
if(NOT output STREQUAL "${text}\n" OR NOT EXISTS ${prefix}/${LIBDIR}/liblutra.so.${text} OR
   NOT EXISTS ${prefix}/${LIBDIR}/liblutra.so.${interface})
  message(FATAL_ERROR "lutra.h is version ${text}, pkg-config says ${output}; or liblutra.so.${text} is not there")
endif()

# Static, stripped, as small as it gets; only the C++ library, threads and m are named.
run(${CC} ${c_flags} -Os ${example}/classify.c -I${prefix}/include ${prefix}/${LIBDIR}/liblutra.a
  -lstdc++ -lpthread -lm -Wl,--gc-sections -s -o ${WORK_DIR}/classify_small)
classify(${WORK_DIR}/classify_small)
file(SIZE ${WORK_DIR}/classify_small size)
math(EXPR kilobytes "${size} / 1024")
message(STATUS "classify, the runtime linked in and stripped: ${size} bytes (${kilobytes} KB)")

# What is installed for people.
foreach(file LICENSE THIRD_PARTY_NOTICES)
  if(NOT EXISTS ${prefix}/${DOCDIR}/${file})
    message(FATAL_ERROR "${DOCDIR}/${file} is not installed")
  endif()
endforeach()

# Hardened: addresses are resolved at the start and read-only then, programs lie anywhere, no stack
# is executable, and copies into buffers are checked where their size is known.
if(HARDENED)
  file(GLOB programs ${prefix}/bin/*)
  foreach(binary ${prefix}/${LIBDIR}/liblutra.so ${programs})
    run(${READELF} -hldW ${binary})
    foreach(sign "Type: +DYN" "GNU_RELRO" "FLAGS(_1)?\\).*NOW" "GNU_STACK[^\n]* RW ")
      if(NOT output MATCHES "${sign}")
        message(FATAL_ERROR "${binary} is not hardened: readelf shows no \"${sign}\"")
      endif()
    endforeach()
    run(${READELF} --dyn-syms -W ${binary})
    if(NOT output MATCHES "__stack_chk_fail")
      message(FATAL_ERROR "${binary} is built without -fstack-protector-strong")
    endif()
  endforeach()
endif()

# Only lutra_* is exported.
run(${NM} -D --defined-only ${prefix}/${LIBDIR}/liblutra.so)
string(REGEX MATCHALL "[^\n]+" symbols "${output}")
set(exported 0)
foreach(symbol IN LISTS symbols)
  if(NOT symbol MATCHES " [TA] lutra_[a-z0-9_]+$")
    message(FATAL_ERROR "liblutra.so exports ${symbol}")
  endif()
  math(EXPR exported "${exported} + 1")
endforeach()
file(READ ${prefix}/include/lutra/lutra.h header)
string(REGEX MATCHALL "LUTRA_API [^;]+\\(" declared "${header}")
list(LENGTH declared functions)
if(NOT exported EQUAL functions)
  message(FATAL_ERROR "lutra.h declares ${functions} functions, liblutra.so exports ${exported}")
endif()
message(STATUS "liblutra.so exports the ${exported} functions of lutra.h and nothing else")
