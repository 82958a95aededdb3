# Run by CTest; see CMakeLists.txt. Any failed step ends the test with its output.
set(prefix ${WORK_DIR}/prefix)
set(libdir lib/some-linux-gnu)
file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR})

include(${CMAKE_CURRENT_LIST_DIR}/run.cmake)

set(model ${WORK_DIR}/small.lutra)
run(${SMALL_MODEL} ${model} ${WORK_DIR}/samples.npy ${WORK_DIR}/labels)
function(classify program)
  run(${ARGV} ${model} ${WORK_DIR}/samples.npy ${WORK_DIR}/labels)
  if(NOT output MATCHES "3 of 3 right")
    message(FATAL_ERROR "${program} says:\n${output}")
  endif()
endfunction()

run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR}/subproject -B ${WORK_DIR}/build -G ${GENERATOR}
  -DLUTRA=${SOURCE_DIR} -DLUTRA_QUICK_BUILD=ON -DCMAKE_C_COMPILER=${CC} -DCMAKE_CXX_COMPILER=${CXX}
  -DCMAKE_CXX_COMPILER_LAUNCHER=${CXX_LAUNCHER} -DCMAKE_C_FLAGS_RELEASE=-O0 -DCMAKE_CXX_FLAGS_RELEASE=-O0
  -DCMAKE_INSTALL_PREFIX=${prefix} -DCMAKE_INSTALL_LIBDIR=${libdir})
run(${CMAKE_COMMAND} --build ${WORK_DIR}/build)
classify(${WORK_DIR}/build/classify)
classify(${WORK_DIR}/build/classify_static)

# pkg-config finds header and library from the file's own place, wherever the prefix went.
run(${CMAKE_COMMAND} --install ${WORK_DIR}/build)
file(RENAME ${prefix} ${WORK_DIR}/moved)
find_program(PKG_CONFIG pkg-config REQUIRED)
set(ENV{PKG_CONFIG_PATH} ${WORK_DIR}/moved/${libdir}/pkgconfig)
run(${PKG_CONFIG} --cflags --libs lutra)
separate_arguments(flags UNIX_COMMAND "${output}")
run(${CC} -std=c99 ${SOURCE_DIR}/examples/c_api/classify.c ${flags} -o ${WORK_DIR}/classify_pkg)
set(ENV{LD_LIBRARY_PATH} ${WORK_DIR}/moved/${libdir})
classify(${WORK_DIR}/classify_pkg)
