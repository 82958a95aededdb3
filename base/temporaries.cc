#include "base/temporaries.h"

#include <unistd.h>

#include <array>
#include <atomic>

namespace lutra {
namespace {

std::array<std::atomic<const char*>, 64> temporaries;

}  // namespace

void RememberTemporary(const char* path) {
  for (std::atomic<const char*>& place : temporaries) {
    const char* empty = nullptr;
    if (place.compare_exchange_strong(empty, path)) return;
  }
}

void ForgetTemporary(const char* path) {
  for (std::atomic<const char*>& place : temporaries) {
    const char* expected = path;
    if (place.compare_exchange_strong(expected, nullptr)) return;
  }
}

void RemoveTemporaries() {
  for (std::atomic<const char*>& place : temporaries) {
    if (const char* path = place.exchange(nullptr)) ::unlink(path);
  }
}

}  // namespace lutra
