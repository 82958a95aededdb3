#include "runtime/options.h"

#include <stdlib.h>

#include "runtime/api_error.h"
#include "runtime/memory.h"

namespace lutra {
namespace {

constexpr size_t kMaxThreads = 64;
constexpr size_t kMaxBatch = 4096;

void* AllocateFromC(void*, size_t bytes, size_t alignment) {
  void* pointer = nullptr;
  return posix_memalign(&pointer, alignment, bytes) == 0 ? pointer : nullptr;
}

void ReleaseToC(void*, void* pointer, size_t) { free(pointer); }

/// The caller's allocator, or for NULL the C library's.
Status ReadAllocator(const lutra_allocator* allocator, lutra_allocator* out) {
  *out = {sizeof(*out), nullptr, &AllocateFromC, &ReleaseToC};
  if (allocator == nullptr) return Status();
  LUTRA_RETURN_IF_ERROR(ReadSized(*allocator, sizeof(*out), "allocator", out));
  if (out->allocate == nullptr || out->release == nullptr) {
    return Status::Error(Code::invalid_argument, "the allocator lacks a function");
  }
  return Status();
}

/// "a, b, c" of the rows compiled in, for messages.
void ListRows(char* out, size_t bytes) {
  size_t length = 0;
  for (size_t i = 0; const kernels::Row* row = kernels::RowAt(i); ++i) {
    const char* separator = i == 0 ? "" : ", ";
    for (const char* part : {separator, row->name}) {
      for (; *part != '\0' && length + 1 < bytes; ++part) out[length++] = *part;
    }
  }
  out[length] = '\0';
}

}  // namespace

Status ReadOptions(const lutra_options* options, lutra_options* out) {
  lutra_options_init(out);
  if (options == nullptr) return Status();
  constexpr size_t kFirstFields = offsetof(lutra_options, allocator);
  LUTRA_RETURN_IF_ERROR(ReadSized(*options, kFirstFields, "options", out));
  if (out->reserved != 0) {
    return Status::Error(Code::invalid_argument, "options.reserved is not 0");
  }
  if (out->threads < 1 || out->threads > kMaxThreads) {
    return Status::Error(Code::invalid_argument, "%zu threads: from 1 to %zu are possible",
                         out->threads, kMaxThreads);
  }
  if (out->batch < 1 || out->batch > kMaxBatch) {
    return Status::Error(Code::invalid_argument, "batch %zu: from 1 to %zu are possible",
                         out->batch, kMaxBatch);
  }
  lutra_allocator allocator;
  return ReadAllocator(out->allocator, &allocator);
}

Status ChooseRow(const lutra_options& options, const kernels::Row** out) {
  const char* name = options.row;
  const char* origin = "";
  if (name == nullptr) {
    name = getenv("LUTRA_CPU");
    origin = "LUTRA_CPU: ";
  }
  if (name == nullptr || *name == '\0') {
    *out = &kernels::BestRow();
    return Status();
  }
  const kernels::Row* row = kernels::FindRow(name);
  char rows[128];
  ListRows(rows, sizeof(rows));
  if (row == nullptr && !kernels::IsRowName(name)) {
    return Status::Error(Code::row_unknown, "%sno row is named \"%.32s\"; this build has %s",
                         origin, name, rows);
  }
  if (row == nullptr) {
    return Status::Error(Code::row_unavailable, "%srow \"%s\" is not available: this build has %s",
                         origin, name, rows);
  }
  if (!row->available()) {
    return Status::Error(Code::row_unavailable,
                         "%srow \"%s\" is not available: this CPU lacks its instructions", origin,
                         name);
  }
  *out = row;
  return Status();
}

Team::Options ToTeamOptions(const lutra_options& options) {
  return {options.threads, options.parallel_for, options.pool, options.spin_us};
}

Status AllocateBlock(const lutra_options& options, size_t bytes, const char* what, void** block,
                     lutra_allocator* allocator) {
  if (options.memory != nullptr) {
    if (reinterpret_cast<uintptr_t>(options.memory) % kBlockAlignment != 0) {
      return Status::Error(Code::invalid_argument, "options.memory is not aligned to %zu bytes",
                           kBlockAlignment);
    }
    if (options.memory_bytes < bytes) {
      return Status::Error(Code::out_of_memory,
                           "the %s needs %zu bytes, options.memory has %zu; ask "
                           "lutra_requirements",
                           what, bytes, options.memory_bytes);
    }
    *block = options.memory;
    *allocator = lutra_allocator{};
    return Status();
  }
  LUTRA_RETURN_IF_ERROR(ReadAllocator(options.allocator, allocator));
  *block =
      bytes == SIZE_MAX ? nullptr : allocator->allocate(allocator->user, bytes, kBlockAlignment);
  if (*block == nullptr) {
    return Status::Error(Code::out_of_memory, "no memory for the %zu bytes of the %s", bytes, what);
  }
  return Status();
}

}  // namespace lutra
