// A file as bytes in memory, mapped read-only.
#pragma once

#include <cstddef>

#include "schema/status.h"

namespace lutra {

/// Code::io names the path and the system's reason.
Status MapFile(const char* path, const void** data, size_t* size);
void UnmapFile(const void* data, size_t size);

}  // namespace lutra
