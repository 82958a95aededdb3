// The table of rows, best first. Where a processor has both AVX512-VNNI and AVX-VNNI, the wider
// registers win.
#include "kernels/row.h"

#include "kernels/rows/rows.h"

namespace lutra::kernels {
namespace {

using GetRow = const Row& (*)();

constexpr GetRow kRows[] = {
#if defined(__x86_64__)
    &Avx512VnniRow, &AvxVnniRow, &Avx512Row, &Avx2Row,
#elif defined(__aarch64__)
    &NeonDotprodRow,
    &NeonRow,
#endif
    &ReferenceRow,
};

}  // namespace

const Row* RowAt(size_t index) {
  return index < sizeof(kRows) / sizeof(kRows[0]) ? &kRows[index]() : nullptr;
}

const Row* FindRow(std::string_view name) {
  for (size_t i = 0; const Row* row = RowAt(i); ++i) {
    if (name == row->name) return row;
  }
  return nullptr;
}

const Row& BestRow() {
  size_t i = 0;
  while (!RowAt(i)->available()) ++i;  // the reference row always is
  return *RowAt(i);
}

}  // namespace lutra::kernels
