// Integer matrix multiplication: the loops of a task around packed weights (gemm_pack-inl.h),
// packed left rows (gemm_left-inl.h), the register tile (gemm_tile-inl.h) and its epilogue
// (gemm_epilogue-inl.h). Reference: reference/gemm.cc. The design follows Goto and van de Geijn,
// "Anatomy of High-Performance Matrix Multiplication" (2008).
//
// A task packs its rows of the left operand; then for each tile of channels, for each block of k,
// for each tile of rows: sums += tile product. The block of weights stays in L1 while the rows
// stream past it from L2. The last block ends in the epilogue.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// Half of the smallest L1 in use (32 KB): the rest is for left rows passing through.
constexpr size_t kBlockSteps = 16384 / (Dot::kTileVectors * kVectorElements);

/// Rows of a task. The packed rows should lie in L2 (at most kPanelBytes; half a megabyte is usual)
/// and the output that they become in L1 (about kOutputBytes), for each tile of channels writes
/// only a part of every cache line. At least kLeastRows, to use each block of weights eight times.
constexpr size_t kPanelBytes = 512 * 1024;
constexpr size_t kOutputBytes = 16 * 1024;
constexpr size_t kLeastRows = 48;

/// Elements between packed left rows. Rows 1 KB apart, or a multiple, would share few cache sets.
size_t LeftStride(size_t k) {
  const size_t bytes = RoundUp(RoundUp(k, Dot::kUnit) * sizeof(Dot::Left), 64);
  return (bytes % 1024 == 0 ? bytes + 64 : bytes) / sizeof(Dot::Left);
}

/// A thread's scratch: panel of left rows, sums of one tile of channels, row sums.
struct IntScratch {
  IntScratch(const GemmProblem& p, void* scratch)
      : panel_bytes(
            RoundUp((p.rows_per_task * LeftStride(p.k) + kCopySlack) * sizeof(Dot::Left), 64)) {
    auto* bytes = static_cast<char*>(scratch);
    panel = reinterpret_cast<Dot::Left*>(bytes);
    sums = reinterpret_cast<int32_t*>(bytes + panel_bytes);
    row_sums = sums + p.rows_per_task * kTileChannels;
    // The epilogue reads up to three rows too far.
    const size_t words = p.rows_per_task * kTileChannels + p.rows_per_task + 3;
    total_bytes = panel_bytes + RoundUp(words * sizeof(int32_t), 64);
  }
  size_t panel_bytes, total_bytes;
  Dot::Left* panel;
  int32_t* sums;
  int32_t* row_sums;
};

void PlanInt(GemmProblem& p, size_t threads) {
  SimplifyPatches(p);
  const size_t row_bytes = LeftStride(p.k) * sizeof(Dot::Left);
  const size_t rows = std::min(kPanelBytes / row_bytes, std::max(kOutputBytes / p.n, kLeastRows));
  CutTasks(p, threads, {kTileRows, kTileChannels, RoundUp(rows + 1, kTileRows)});
  p.scratch_bytes = IntScratch(p, nullptr).total_bytes;
}

/// Sums of left rows as they were before the offset was added.
void SumRows(const Dot::Left* panel, size_t stride, size_t k, size_t rows, int32_t* sums) {
  for (size_t row = 0; row < rows; ++row, panel += stride) {
    int32_t sum = 0;
    for (size_t i = 0; i < k; ++i) sum += panel[i] - Dot::kLeftOffset;
    sums[row] = sum;
  }
}

#if defined(LUTRA_DOT_AVX512VNNI) || defined(LUTRA_DOT_AVXVNNI)
using LeftCopy = FlipCopy;
#elif HWY_ARCH_X86
using LeftCopy = WidenCopy;
#else
using LeftCopy = PlainCopy;
#endif

void PackLeftInt(const GemmProblem& p, const GemmOperands& o, const Task& task, size_t steps,
                 Dot::Left* panel) {
  const auto* left = static_cast<const int8_t*>(o.left);
  const size_t stride = LeftStride(p.k);
  const size_t k_padded = steps * Dot::kUnit;
  if (p.left == LeftKind::dense) {
    PackDense<LeftCopy>(p, left, task, k_padded, panel, stride);
  } else {
    PackPatches<LeftCopy>(p, left, task, k_padded, static_cast<int8_t>(p.left_zero_point), panel,
                          stride);
  }
}

void RunInt(const GemmProblem& p, const GemmOperands& o, size_t index, void* memory) {
  const Task task = TaskAt(p, index);
  const IntScratch scratch(p, memory);
  const PackedInt packed(static_cast<const char*>(o.packed) + task.group * PackedIntBytes(p.n, p.k),
                         p.n, p.k);
  const size_t stride = LeftStride(p.k);
  const size_t rows = task.m_end - task.m_begin;
  PackLeftInt(p, o, task, packed.steps, scratch.panel);
  if (p.weight_zero_points) SumRows(scratch.panel, stride, p.k, rows, scratch.row_sums);
  const TileOutput output{
      p, o, packed, p.weight_zero_points ? scratch.row_sums : nullptr, task.group, task.m_begin};
  // Only sums that wait for the next block of k need room of their own.
  const size_t sums_step = packed.steps > kBlockSteps ? kLanes : 0;
  for (size_t n = task.n_begin; n < task.n_end; n += kTileChannels) {
    const size_t channels = std::min(kTileChannels, task.n_end - n);
    const size_t vectors = CeilDiv(channels, kLanes);
    for (size_t step = 0; step < packed.steps; step += kBlockSteps) {
      const size_t steps = std::min(kBlockSteps, packed.steps - step);
      const int8_t* weights = packed.Tile(n) + step * vectors * kVectorElements;
      for (size_t row = 0; row < rows; row += kTileRows) {
        const size_t tile_rows = std::min(kTileRows, rows - row);
        int32_t* sums = scratch.sums + row * vectors * sums_step;
        kTiles<Dot>.tile[(tile_rows - 1) * Dot::kTileVectors + vectors - 1](
            scratch.panel + row * stride + step * Dot::kUnit, stride, weights, steps, step != 0,
            sums);
        if (step + steps == packed.steps) {
          kStores.store[vectors - 1](output, {sums, task.m_begin + row, tile_rows, n, channels});
        }
      }
    }
  }
}

constexpr IntGemmKernels MakeIntGemm() { return {&PackedIntBytes, &PackInt, &PlanInt, &RunInt}; }

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
