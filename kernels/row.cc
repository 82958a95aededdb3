#include "kernels/row.h"

#include <algorithm>
#include <iterator>

#include "kernels/rows/rows.h"

namespace lutra::kernels {
namespace {

using GetRow = const Row& (*)();

#define LUTRA_ROW_FUNCTION(name, available) &name::GetRow,
constexpr GetRow kRows[] = {LUTRA_ROWS(LUTRA_ROW_FUNCTION)};
#undef LUTRA_ROW_FUNCTION

#define LUTRA_ROW_NAME(name, available) #name,
constexpr std::string_view kNames[] = {LUTRA_ALL_ROWS(LUTRA_ROW_NAME)};
#undef LUTRA_ROW_NAME

}  // namespace

const Row* RowAt(size_t index) { return index < std::size(kRows) ? &kRows[index]() : nullptr; }

const Row* FindRow(std::string_view name) {
  for (size_t i = 0; const Row* row = RowAt(i); ++i) {
    if (name == row->name) return row;
  }
  return nullptr;
}

bool IsRowName(std::string_view name) {
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

const Row& BestRow() {
  size_t i = 0;
  while (!RowAt(i)->available()) ++i;  // the reference row always is
  return *RowAt(i);
}

}  // namespace lutra::kernels
