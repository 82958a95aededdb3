// The table from the schema's options to the operator families, and when threads are worth waking.
#include <algorithm>

#include "runtime/operator.h"
#include "runtime/ops/families.h"

namespace lutra {
namespace {

// Waking a sleeping worker and waiting for it costs about 10 us, so a thread should get work for
// about 20 us: at 50 multiply-adds and 10 bytes per nanosecond.
constexpr uint64_t kMultiplyAddsPerThread = 1000000;
constexpr uint64_t kBytesPerThread = 200000;

size_t ThreadsFor(uint64_t work, uint64_t work_per_thread, size_t threads) {
  return static_cast<size_t>(std::clamp<uint64_t>(work / work_per_thread, 1, threads));
}

}  // namespace

const OperatorType* FindOperatorType(schema::Options options) {
  switch (options) {
#define LUTRA_FAMILY(name, ...) \
  case schema::Options::name:   \
    return &k##name;
    LUTRA_OPERATORS(LUTRA_FAMILY)
#undef LUTRA_FAMILY
    case schema::Options::NONE:
      break;
  }
  return nullptr;
}

size_t PlanScope::ThreadsForMultiplyAdds(uint64_t count) const {
  return ThreadsFor(count, kMultiplyAddsPerThread, threads);
}

size_t PlanScope::ThreadsForBytes(uint64_t bytes) const {
  return ThreadsFor(bytes, kBytesPerThread, threads);
}

}  // namespace lutra
