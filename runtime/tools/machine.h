// What a benchmark must say about the machine it ran on.
#pragma once

#include <cstdint>
#include <string>

namespace lutra::tools {

/// Model name of the CPU, or on ARM its implementer and part; "unknown" where /proc says nothing.
std::string CpuModel();
/// Frequency governor of CPU 0 ("performance"), "" where the kernel shows none.
std::string FrequencyGovernor();
/// Most memory this process ever had resident.
uint64_t PeakRssBytes();

}  // namespace lutra::tools
