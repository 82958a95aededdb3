// Temporary files that must not stay behind when the program is stopped by a signal or for lack of
// memory.
#pragma once

namespace lutra {

/// Remembers a file until it has its name or is removed; `path` must stay valid until then. More
/// than 64 at a time are not remembered.
void RememberTemporary(const char* path);
void ForgetTemporary(const char* path);

/// Removes them all. Calls nothing that a signal handler must not call.
void RemoveTemporaries();

}  // namespace lutra
