/* Lutra runtime, C API.
 *
 * Life of a program:
 *
 *   lutra_model*   model;    lutra_model_open_file("net.lutra", NULL, &model, &error);
 *   lutra_context* context;  lutra_context_create(model, NULL, &context, &error);
 *   lutra_context_set_input(context, 0, LUTRA_FLOAT32, pixels, sizeof pixels, &error);
 *   lutra_context_run(context, &error);
 *   lutra_context_get_output(context, 0, LUTRA_FLOAT32, scores, sizeof scores, &error);
 *
 * Conventions, valid wherever nothing else is said:
 * - A function that can fail returns a lutra_status and takes an optional lutra_error*, which it
 *   fills on failure and leaves alone on success. After a failure out-parameters are NULL or zero.
 * - Objects are opaque. NULL objects and NULL required pointers give LUTRA_INVALID_ARGUMENT;
 *   destroy functions accept NULL.
 * - A lutra_model is immutable: any number of threads may use it, and any number of contexts may
 *   share it; it must outlive them. A lutra_context belongs to one thread at a time.
 * - Strings returned by the library are UTF-8 and live as long as the object they came from.
 * - Structs begin with struct_size, the size that the program was compiled with; the *_init
 *   functions set it. The library reads and writes no byte behind it, so a program runs with a
 *   later library as it is. A longer struct, of a later header, is accepted too: its further fields
 *   must be zero in what the library reads, and become zero in what it fills. 4096 is the most.
 * - Structs grow at their end and hold no padding, no enum and no array that may ever grow. Fields
 *   named `reserved` stay 0.
 * - Nothing throws, prints, exits or changes process state. `run` allocates nothing.
 * - After fork, the child may go on with the models and contexts that it got, each run on its
 *   calling thread alone; contexts that it creates have threads again. A context that another
 *   thread was using at the fork may only be destroyed.
 * - Results are bit-identical on every instruction set and for every number of threads.
 */
#ifndef LUTRA_LUTRA_H_
#define LUTRA_LUTRA_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(LUTRA_SHARED) && defined(LUTRA_BUILDING)
#define LUTRA_API __attribute__((visibility("default")))
#else
#define LUTRA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this header, as text and for #if: before 1.0 a new minor version may change the
 * interface, and has a shared library of its own name. (The build reads the version here.) */
#define LUTRA_VERSION_MAJOR 0
#define LUTRA_VERSION_MINOR 2
#define LUTRA_VERSION_PATCH 0
#define LUTRA_VERSION_NUMBER \
  (LUTRA_VERSION_MAJOR * 1000000 + LUTRA_VERSION_MINOR * 1000 + LUTRA_VERSION_PATCH)

/* Version of the library that is linked: "major.minor.patch", a static string, never NULL, and the
 * number as above. */
LUTRA_API const char* lutra_version(void);
LUTRA_API uint32_t lutra_version_number(void);

/* ---- Errors ------------------------------------------------------------------------------- */

/* Stable numbers: a value never changes its meaning and is never used again. Statuses and types are
 * int32_t, for the width of an enum depends on the compiler's flags. */
typedef int32_t lutra_status;
enum {
  LUTRA_OK = 0,
  LUTRA_INVALID_ARGUMENT = 1, /* a NULL, an index or an option out of range */
  LUTRA_OUT_OF_MEMORY = 2,    /* the allocator returned NULL, or caller memory is too small */
  LUTRA_IO = 3,               /* the file could not be opened or read */
  LUTRA_NOT_A_MODEL = 10,     /* no Lutra identifier */
  LUTRA_TRUNCATED = 11,       /* shorter than the header says */
  LUTRA_CHECKSUM = 12,        /* bytes were damaged after writing */
  LUTRA_VERSION_TOO_NEW = 13, /* written for a later runtime */
  LUTRA_MALFORMED = 14,       /* a field contradicts another or leaves its range */
  LUTRA_LIMIT = 15,           /* legal, but past a limit of this runtime (schema/limits.h) */
  LUTRA_ROW_UNKNOWN = 20,     /* no instruction-set row of that name exists */
  LUTRA_ROW_UNAVAILABLE = 21, /* this CPU or build lacks the row: "not available" */
  LUTRA_WRONG_TYPE = 30,      /* the port does not offer this form */
  LUTRA_WRONG_SIZE = 31,      /* byte count differs from the port's */
  LUTRA_NOT_FINITE = 32,      /* NaN or infinity in a float input */
  LUTRA_INPUT_NOT_SET = 33,   /* run before every input was set */
  LUTRA_VERIFY_FAILED = 40,   /* golden check: an output differs */
  LUTRA_NO_GOLDEN_CHECK = 41  /* the file carries none */
};

/* Short English name of a status ("checksum"), never NULL, static. Thread-safe. */
LUTRA_API const char* lutra_status_name(lutra_status status);

#define LUTRA_ERROR_MESSAGE_BYTES 240

/* Owned by the caller; may live on the stack. */
typedef struct lutra_error {
  size_t struct_size;
  lutra_status code;
  uint32_t reserved;
  /* One line, names the thing and the cure. It is and stays the last field, and its room is the
   * rest of struct_size: a later header may give it more. */
  char message[LUTRA_ERROR_MESSAGE_BYTES];
} lutra_error;

/* No error, no message. NULL is allowed here and in the other *_init functions, which are compiled
 * into the program: no library writes its own idea of a struct's size into another's. */
static inline void lutra_error_init(lutra_error* error) {
  if (!error) return;
  memset(error, 0, sizeof(*error));
  error->struct_size = sizeof(*error);
}

/* ---- Instruction-set rows ------------------------------------------------------------------- */

/* Rows compiled into this library, best first, "reference" last. NULL past the end. */
LUTRA_API const char* lutra_row_name(size_t index);
/* 1 if this CPU can run the row. 0 for an unknown name. */
LUTRA_API int lutra_row_available(const char* name);

/* ---- Memory need ---------------------------------------------------------------------------- */

/* Runs arg-dependent work: calls fn(arg, i) once for every i in [0, n), in any order and on any
 * threads, and returns when all have returned. Called from lutra_context_run only. At most
 * `threads` (of the context's options) calls may be in progress at once. */
typedef void (*lutra_parallel_for)(void* pool, void (*fn)(void* arg, size_t i), void* arg,
                                   size_t n);

/* Aligned allocation. allocate returns NULL when out of memory; alignment is a power of two.
 * Used during open and create only, never during run. */
typedef struct lutra_allocator {
  size_t struct_size;
  void* user;
  void* (*allocate)(void* user, size_t bytes, size_t alignment);
  void (*release)(void* user, void* pointer, size_t bytes);
} lutra_allocator;

static inline void lutra_allocator_init(lutra_allocator* allocator) {
  if (!allocator) return;
  memset(allocator, 0, sizeof(*allocator));
  allocator->struct_size = sizeof(*allocator);
}

typedef struct lutra_options {
  size_t struct_size;
  const char* row; /* row name; NULL = environment LUTRA_CPU, else the best available */
  size_t threads;  /* 1..64; default 1 */
  size_t batch;    /* samples per run, 1..4096; default 1 */
  const lutra_allocator* allocator; /* NULL = the C library; copied */
  void* memory;        /* caller memory instead of the allocator: at least the need of */
  size_t memory_bytes; /* lutra_requirements, aligned to its `alignment`; outlives the object */
  lutra_parallel_for parallel_for; /* caller's pool; NULL = the library's own threads */
  void* pool;
  uint32_t spin_us; /* how long a waiting worker of the library's pool spins within a run before
                       it sleeps; 0 = never; default 20. Nobody spins between runs. */
  uint32_t reserved;
} lutra_options;

/* Sets the defaults above. */
static inline void lutra_options_init(lutra_options* options) {
  if (!options) return;
  memset(options, 0, sizeof(*options));
  options->struct_size = sizeof(*options);
  options->threads = 1;
  options->batch = 1;
  options->spin_us = 20;
}

typedef struct lutra_memory {
  size_t struct_size;
  size_t model_bytes;   /* exactly what lutra_model_open_* allocates, in one piece */
  size_t context_bytes; /* exactly what lutra_context_create allocates, in one piece */
  size_t arena_bytes;   /* of which: the tensors' arena */
  size_t alignment;     /* of both pieces */
} lutra_memory;

static inline void lutra_memory_init(lutra_memory* memory) {
  if (!memory) return;
  memset(memory, 0, sizeof(*memory));
  memory->struct_size = sizeof(*memory);
}

/* Exact need of the model in `bytes` for the options' row, threads and batch, before anything is
 * opened. Thread stacks of the library's own pool are not included. Validates the file. */
LUTRA_API lutra_status lutra_requirements(const void* bytes, size_t size,
                                          const lutra_options* options, lutra_memory* out,
                                          lutra_error* error);

/* ---- Models --------------------------------------------------------------------------------- */

typedef struct lutra_model lutra_model;
typedef struct lutra_context lutra_context;

/* Maps the file, validates it and packs its weights for the row. Any file content is safe. The
 * file must not change while it is open. options may be NULL; row, allocator and memory apply. */
LUTRA_API lutra_status lutra_model_open_file(const char* path, const lutra_options* options,
                                             lutra_model** out, lutra_error* error);

/* The same from memory. The bytes are borrowed, not copied: they must stay unchanged until
 * lutra_model_close. They must be aligned to 8 bytes, as memory from malloc is (a static array:
 * alignas(8)), for tables and constants are used where they lie. */
LUTRA_API lutra_status lutra_model_open_buffer(const void* bytes, size_t size,
                                               const lutra_options* options, lutra_model** out,
                                               lutra_error* error);

/* Every context of the model must have been destroyed. */
LUTRA_API void lutra_model_close(lutra_model* model);

LUTRA_API const char* lutra_model_name(const lutra_model* model);
/* Row the model was opened for. */
LUTRA_API const char* lutra_model_row(const lutra_model* model);
LUTRA_API size_t lutra_model_input_count(const lutra_model* model);
LUTRA_API size_t lutra_model_output_count(const lutra_model* model);

/* The forms in which values cross this API. A port offers its tensor's own type, its native one:
 * the tensor itself, in its own shape and order (images NHWC; what holds integers and bools is in
 * the ONNX graph's order, unless native_shape says otherwise), zero copy. Ports of real numbers
 * (float32, float16 and int8 tensors) offer LUTRA_FLOAT32 too; integers and bools cross natively
 * only. */
typedef int32_t lutra_type;
enum {
  LUTRA_FLOAT32 = 0, /* real values in the ONNX graph's own shape and order (NCHW), copied */
  LUTRA_INT8 = 1,    /* an int8 tensor itself: real = scale * (q - zero_point) */
  LUTRA_UINT8 = 2,   /* a uint8 tensor itself; of an int8 input NHWC pixels, where the model was
                        converted with --input-type uint8 */
  LUTRA_FLOAT16 = 3, /* IEEE 754 binary16 */
  LUTRA_INT16 = 4,
  LUTRA_INT32 = 5,
  LUTRA_INT64 = 6,
  LUTRA_BOOL = 7 /* a byte each, 0 or 1 */
};

/* What an input or output is. Pointers are the model's: they live until lutra_model_close. */
typedef struct lutra_port {
  size_t struct_size;
  const char* name;          /* the ONNX graph's name */
  lutra_type native_type;    /* the tensor's own type */
  lutra_type preferred_type; /* what the converter was asked for */
  int32_t accepts_uint8;     /* 1: LUTRA_UINT8 is offered for pixels */
  int32_t zero_point;        /* int8 tensors */
  float scale;
  uint32_t reserved;
  size_t elements;      /* per sample */
  size_t rank;          /* of the ONNX shape */
  const int32_t* shape; /* [rank], the ONNX shape of one sample; [0] is times the batch */
  size_t native_rank;
  const int32_t* native_shape; /* [native_rank], the tensor's shape (NHWC) of one sample */
} lutra_port;

static inline void lutra_port_init(lutra_port* port) {
  if (!port) return;
  memset(port, 0, sizeof(*port));
  port->struct_size = sizeof(*port);
}

LUTRA_API lutra_status lutra_model_input(const lutra_model* model, size_t index, lutra_port* out,
                                         lutra_error* error);
LUTRA_API lutra_status lutra_model_output(const lutra_model* model, size_t index, lutra_port* out,
                                          lutra_error* error);
/* Index of a name, or LUTRA_INVALID_ARGUMENT with the names that exist. */
LUTRA_API lutra_status lutra_model_find_input(const lutra_model* model, const char* name,
                                              size_t* index, lutra_error* error);
LUTRA_API lutra_status lutra_model_find_output(const lutra_model* model, const char* name,
                                               size_t* index, lutra_error* error);

/* ---- Contexts ------------------------------------------------------------------------------- */

/* options may be NULL; threads, batch, allocator, memory, parallel_for, pool, spin_us apply. */
LUTRA_API lutra_status lutra_context_create(const lutra_model* model, const lutra_options* options,
                                            lutra_context** out, lutra_error* error);
LUTRA_API void lutra_context_destroy(lutra_context* context);

/* Copies and converts `bytes` bytes (batch * elements * element size). Float values are quantized
 * by q = clamp(round_half_even(x / scale) + zero_point), or rounded to nearest even float16; NaN,
 * infinity, what float16 does not hold, and bools that are neither 0 nor 1 are refused by name. */
LUTRA_API lutra_status lutra_context_set_input(lutra_context* context, size_t index,
                                               lutra_type type, const void* data, size_t bytes,
                                               lutra_error* error);

/* Borrows instead of copying, for the native type only: read by the following runs, so the
 * caller's memory must live and hold its values until then, or until another input is set. It is
 * aligned to its elements. Values are not looked at: a bool that is not 0 counts as 1 where it is
 * computed with, and keeps its byte where it is moved. */
LUTRA_API lutra_status lutra_context_borrow_input(lutra_context* context, size_t index,
                                                  const void* data, size_t bytes,
                                                  lutra_error* error);

/* Runs the batch. Persistent tensors keep their values for the next run. */
LUTRA_API lutra_status lutra_context_run(lutra_context* context, lutra_error* error);

/* Copies and converts an output of the last run. After a failure `data` is as it was. */
LUTRA_API lutra_status lutra_context_get_output(const lutra_context* context, size_t index,
                                                lutra_type type, void* data, size_t bytes,
                                                lutra_error* error);

/* The output tensor itself, native type and layout, dense; valid until the next run or destroy. */
LUTRA_API lutra_status lutra_context_output_data(const lutra_context* context, size_t index,
                                                 const void** data, size_t* bytes,
                                                 lutra_error* error);

/* Sets every persistent tensor back to zero (its zero point). */
LUTRA_API void lutra_context_reset(lutra_context* context);

/* Runs the file's golden check on this context (its inputs are overwritten, its batch is 1 or
 * more: sample 0 counts). LUTRA_VERIFY_FAILED names the first output that differs. */
LUTRA_API lutra_status lutra_context_verify(lutra_context* context, lutra_error* error);

#ifdef __cplusplus
} /* extern "C" */
#endif
#endif /* LUTRA_LUTRA_H_ */
