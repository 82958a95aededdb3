// Errors as values for schema, kernels and runtime: a stable number and one line of text. No
// allocation, no exceptions; the numbers are those of lutra_status in lutra/lutra.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lutra {

enum class Code : int32_t {
  ok = 0,
  invalid_argument = 1,
  out_of_memory = 2,
  io = 3,
  not_a_model = 10,
  truncated = 11,
  checksum = 12,
  version_too_new = 13,
  malformed = 14,
  limit = 15,
  row_unknown = 20,
  row_unavailable = 21,
  wrong_type = 30,
  wrong_size = 31,
  not_finite = 32,
  input_not_set = 33,
  verify_failed = 40,
  no_golden_check = 41,
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
