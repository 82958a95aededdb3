// The allocator as training wants it: every step frees what the next one asks for again.
#pragma once

namespace lutra::converter::train {

/// From now on freed memory stays with the process, large pieces too. By default the C library
/// hands them back, and the kernel clears every page again at its first use, which costs a network
/// with large layers much of its time. Without effect with C libraries other than
/// GNU's.
void KeepFreedMemory();

}  // namespace lutra::converter::train
