#include "runtime/tools/machine.h"

#include <sys/resource.h>

#include <cstdio>
#include <cstring>

namespace lutra::tools {
namespace {

// The value behind "key : " of the first such line, or "".
std::string CpuInfo(const char* key) {
  std::FILE* file = std::fopen("/proc/cpuinfo", "r");
  if (file == nullptr) return "";
  char line[512];
  std::string value;
  while (value.empty() && std::fgets(line, sizeof line, file) != nullptr) {
    const size_t length = std::strlen(key);
    const char* colon = std::strchr(line, ':');
    if (std::strncmp(line, key, length) != 0 || colon == nullptr) continue;
    if (std::strspn(line + length, " \t") != static_cast<size_t>(colon - line) - length) continue;
    value = colon + 1;
    while (!value.empty() && (value.back() == '\n' || value.back() == ' ')) value.pop_back();
    value.erase(0, value.find_first_not_of(" \t"));
  }
  std::fclose(file);
  return value;
}

}  // namespace

std::string CpuModel() {
  const std::string name = CpuInfo("model name");
  if (!name.empty()) return name;
  const std::string part = CpuInfo("CPU part");
  if (!part.empty()) return "implementer " + CpuInfo("CPU implementer") + " part " + part;
  return "unknown";
}

std::string FrequencyGovernor() {
  std::FILE* file = std::fopen("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "r");
  if (file == nullptr) return "";
  char name[64] = "";
  const bool read = std::fscanf(file, "%63s", name) == 1;
  std::fclose(file);
  return read ? name : "";
}

uint64_t PeakRssBytes() {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace lutra::tools
