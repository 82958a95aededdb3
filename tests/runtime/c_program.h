/* A program in C, compiled apart with -fshort-enums: what it sees of lutra.h must be what the
 * library sees. */
#ifndef LUTRA_TESTS_C_PROGRAM_H_
#define LUTRA_TESTS_C_PROGRAM_H_

#include "lutra/lutra.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sizes, and offsets of the fields that stand behind others of doubtful width. */
#define LUTRA_LAYOUT                                                                             \
  sizeof(lutra_status), sizeof(lutra_type), sizeof(lutra_error), offsetof(lutra_error, message), \
      sizeof(lutra_allocator), sizeof(lutra_options), offsetof(lutra_options, spin_us),          \
      sizeof(lutra_memory), sizeof(lutra_port), offsetof(lutra_port, preferred_type),            \
      offsetof(lutra_port, scale), offsetof(lutra_port, native_shape)

/* Writes LUTRA_LAYOUT and returns how many. */
size_t c_program_layout(size_t* out);

/* Opens the model, runs it and returns the number of its output's elements, all read; or minus the
 * status of what failed, with its message (of LUTRA_ERROR_MESSAGE_BYTES). */
int c_program_run(const void* bytes, size_t size, char* message);

#ifdef __cplusplus
}
#endif
#endif /* LUTRA_TESTS_C_PROGRAM_H_ */
