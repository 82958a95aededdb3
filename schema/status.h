// Errors as values for schema, kernels and runtime: a stable number and one line of text. No
// allocation, no exceptions; the numbers are those of lutra_status in lutra/lutra.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lutra {

/// CODE(name, name in LUTRA_..., number, text)
#define LUTRA_CODES(CODE)                                         \
  CODE(ok, OK, 0, "ok")                                           \
  CODE(invalid_argument, INVALID_ARGUMENT, 1, "invalid argument") \
  CODE(out_of_memory, OUT_OF_MEMORY, 2, "out of memory")          \
  CODE(io, IO, 3, "input/output")                                 \
  CODE(not_a_model, NOT_A_MODEL, 10, "not a model")               \
  CODE(truncated, TRUNCATED, 11, "truncated")                     \
  CODE(checksum, CHECKSUM, 12, "checksum")                        \
  CODE(version_too_new, VERSION_TOO_NEW, 13, "version too new")   \
  CODE(malformed, MALFORMED, 14, "malformed")                     \
  CODE(limit, LIMIT, 15, "limit")                                 \
  CODE(row_unknown, ROW_UNKNOWN, 20, "row unknown")               \
  CODE(row_unavailable, ROW_UNAVAILABLE, 21, "row unavailable")   \
  CODE(wrong_type, WRONG_TYPE, 30, "wrong type")                  \
  CODE(wrong_size, WRONG_SIZE, 31, "wrong size")                  \
  CODE(not_finite, NOT_FINITE, 32, "not finite")                  \
  CODE(input_not_set, INPUT_NOT_SET, 33, "input not set")         \
  CODE(verify_failed, VERIFY_FAILED, 40, "verify failed")         \
  CODE(no_golden_check, NO_GOLDEN_CHECK, 41, "no golden check")

enum class Code : int32_t {
#define LUTRA_CODE(name, api_name, number, text) name = (number),
  LUTRA_CODES(LUTRA_CODE)
#undef LUTRA_CODE
};

class [[nodiscard]] Status {
 public:
  static constexpr size_t kMessageBytes = 240;

  Status() { message_[0] = '\0'; }
  /// printf-style; longer messages are cut.
  [[gnu::format(printf, 2, 3)]] static Status Error(Code code, const char* format, ...);

  bool ok() const { return code_ == Code::ok; }
  Code code() const { return code_; }
  const char* message() const { return message_; }

 private:
  Code code_ = Code::ok;
  char message_[kMessageBytes];
};

/// Returns from the calling function if `expression` is an error.
#define LUTRA_RETURN_IF_ERROR(expression)                                      \
  do {                                                                         \
    if (::lutra::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

}  // namespace lutra
