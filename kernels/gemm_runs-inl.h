// Weights with a factor for every run of k (WeightForm::run): the sums of each run are those of the
// dense product of codes, and are multiplied by the run's factors before they are added up. Factors
// are integers, and so is all of this: the order of runs does not matter, and zero points and the
// flip to unsigned stay in the channel's `init` (gemm_pack-inl.h). Reference: reference/gemm.cc.
//
// llama.cpp's Q4_K has the same two levels, scales of a few bits for 32 weights and one in floating
// point for 256 (ggml, k-quants); here the second is the output channel's, as for all weights.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {
namespace hn = hwy::HWY_NAMESPACE;

/// The primitive of codes of 4 bits: integers of at most 8 in magnitude, four units of k.
using RunDot = CodeDots::Fastest;
static_assert(RunDot::kUnit == 4 && RunDot::kLargest >= 8);

constexpr size_t kRunBits = 4;
/// Elements of k of a group of codes, and so the shortest run.
constexpr size_t kRunUnit = kGroupSteps * RunDot::kUnit;
/// Units of a block of decoded weights: whole runs of up to 128.
constexpr size_t kRunBlockSteps =
    kBlockSteps<RunDot> / (128 / RunDot::kUnit) * (128 / RunDot::kUnit);

/// One vector: sums = or += acc * factors.
template <bool kAdd>
HWY_INLINE void StoreRunSum(RunDot::Acc acc, const uint8_t* factors, int32_t* sums) {
  const DI32 d;
  const VI32 factor = hn::PromoteTo(d, hn::LoadU(hn::Rebind<uint8_t, DI32>(), factors));
  VI32 sum = hn::Mul(RunDot::Sum(acc), factor);
  if (kAdd) sum = hn::Add(sum, hn::Load(d, sums));
  hn::Store(sum, d, sums);
}

/// sums[row][vector * kLanes] = or += acc * the factors of a run.
template <size_t kVectors, size_t... kIndex>
HWY_INLINE void StoreRun(const RunDot::Acc* acc, const uint8_t* factors, bool add, int32_t* sums,
                         std::index_sequence<kIndex...>) {
  if (add) {
    (StoreRunSum<true>(acc[kIndex], factors + kIndex % kVectors * kLanes, sums + kIndex * kLanes),
     ...);
  } else {
    (StoreRunSum<false>(acc[kIndex], factors + kIndex % kVectors * kLanes, sums + kIndex * kLanes),
     ...);
  }
}

/// Few rows, weights looked up in registers: as FewRowsProduct. `groups` of codes in all,
/// `run_groups` of them in a run.
template <size_t kRows, size_t kVectors>
void FewRowsRuns(const RunDot::Left* HWY_RESTRICT left, size_t left_stride,
                 const uint8_t* HWY_RESTRICT codes, const int8_t* table,
                 const uint8_t* HWY_RESTRICT factors, size_t groups, size_t run_groups,
                 int32_t* HWY_RESTRICT sums) {
  using Reader = CodeReader<RunDot, kRunBits>;
  constexpr std::make_index_sequence<kRows * kVectors> all;
  // All channels have the same table, that of the integers.
  constexpr size_t kReaders = kTileHasOneTable ? 1 : kVectors;
  const int8_t* tables[kReaders];
  std::fill_n(tables, kReaders, table);
  Reader readers[kReaders];
  LoadReaders(readers, tables, std::make_index_sequence<kReaders>());
  for (bool add = false; groups != 0; add = true, factors += kVectors * kLanes) {
    RunDot::Acc acc[kRows * kVectors];
    TileClear<RunDot>(acc, all);
    size_t of_run = std::min(groups, run_groups);
    groups -= of_run;
    do {
      for (size_t i = 0; i < kVectors * Reader::kGroupBytes; i += 64) {
        __builtin_prefetch(codes + kPrefetchBytes + i);
      }
      FewRowsGroup<RunDot, kRows, kVectors>(
          acc, left, left_stride, readers, codes,
          std::make_index_sequence<kGroupSteps / RunDot::kSteps>());
      TileKeep<RunDot>(acc, all);
      left += kRunUnit;
      codes += kVectors * Reader::kGroupBytes;
    } while (--of_run != 0);
    StoreRun<kVectors>(acc, factors, add, sums, all);
  }
}

/// Decoded weights [unit][vector][channel][kUnit]: as TileProduct, over `steps` units of whole runs
/// (the last may be shorter).
template <size_t kRows, size_t kVectors>
void TileRuns(const RunDot::Left* HWY_RESTRICT left, size_t left_stride,
              const int8_t* HWY_RESTRICT weights, const uint8_t* HWY_RESTRICT factors, size_t steps,
              size_t run_steps, bool add, int32_t* HWY_RESTRICT sums) {
  constexpr std::make_index_sequence<kRows * kVectors> all;
  for (; steps != 0; add = true, factors += kVectors * kLanes) {
    RunDot::Acc acc[kRows * kVectors];
    TileClear<RunDot>(acc, all);
    size_t of_run = std::min(steps, run_steps);
    steps -= of_run;
    do {
      TileStep<RunDot>(acc, left, left_stride, weights, std::make_index_sequence<kRows>(),
                       std::make_index_sequence<RunDot::kSteps * kVectors>(),
                       std::make_index_sequence<kVectors>());
      TileKeep<RunDot>(acc, all);
      left += RunDot::kSteps * RunDot::kUnit;
      weights += RunDot::kSteps * kVectors * kVectorElements<RunDot>;
      of_run -= RunDot::kSteps;
    } while (of_run != 0);
    StoreRun<kVectors>(acc, factors, add, sums, all);
  }
}

using FewRowsRunsFunction = void (*)(const RunDot::Left*, size_t, const uint8_t*, const int8_t*,
                                     const uint8_t*, size_t, size_t, int32_t*);
using TileRunsFunction = void (*)(const RunDot::Left*, size_t, const int8_t*, const uint8_t*,
                                  size_t, size_t, bool, int32_t*);

struct RunTables {
  FewRowsRunsFunction few_rows[kFewRows * RunDot::kTileVectors];
  TileRunsFunction tile[RunDot::kTileRows * RunDot::kTileVectors];
};

template <size_t... kFew, size_t... kTile>
constexpr RunTables MakeRunTables(std::index_sequence<kFew...>, std::index_sequence<kTile...>) {
  constexpr size_t kV = RunDot::kTileVectors;
  return {{&FewRowsRuns<kFew / kV + 1, kFew % kV + 1>...},
          {&TileRuns<kTile / kV + 1, kTile % kV + 1>...}};
}

/// By (rows - 1) * kTileVectors + vectors - 1.
constexpr RunTables kRunTables =
    MakeRunTables(std::make_index_sequence<kFewRows * RunDot::kTileVectors>(),
                  std::make_index_sequence<RunDot::kTileRows * RunDot::kTileVectors>());

void RunRuns(const GemmProblem& p, const GemmOperands& o, size_t index, void* memory) {
  using D = RunDot;
  const Task task = TaskAt(p, index);
  const IntScratch<D> scratch = DenseScratch<D>(p, memory);
  const PackedInt packed = PackedFor<D>(o.packed, p.n, p.k, p.form);
  const size_t stride = LeftStride<D>(p.k);
  const size_t rows = task.m_end - task.m_begin;
  PackLeftInt<D>(p, o, task, packed.steps, scratch.panel);
  const TileOutput output{p, o, packed, nullptr, task.group, task.m_begin};
  const size_t run_steps = p.form.run / D::kUnit;
  // Only sums that wait for the next block of k need room of their own.
  const size_t sums_step = packed.steps > kRunBlockSteps ? kLanes : 0;
  for (size_t n = task.n_begin; n < task.n_end; n += kTileChannels) {
    const size_t channels = std::min(kTileChannels, task.n_end - n);
    const size_t vectors = CeilDiv(channels, kLanes);
    const uint8_t* factors = packed.TileFactors(n);
    if (rows <= kFewRows) {
      kRunTables.few_rows[(rows - 1) * D::kTileVectors + vectors - 1](
          scratch.panel, stride, reinterpret_cast<const uint8_t*>(packed.Tile(n)), packed.tables,
          factors, packed.steps / kGroupSteps, run_steps / kGroupSteps, scratch.sums);
      kStores.store[vectors - 1](output, {scratch.sums, task.m_begin, rows, n, channels});
      continue;
    }
    const TileWeights<D> weights(p, packed, n, vectors, scratch.block);
    for (size_t step = 0; step < packed.steps; step += kRunBlockSteps) {
      const size_t steps = std::min(kRunBlockSteps, packed.steps - step);
      const int8_t* block = weights.Block(step, steps);
      for (size_t row = 0; row < rows; row += D::kTileRows) {
        const size_t tile_rows = std::min(D::kTileRows, rows - row);
        int32_t* sums = scratch.sums + row * vectors * sums_step;
        kRunTables.tile[(tile_rows - 1) * D::kTileVectors + vectors - 1](
            scratch.panel + row * stride + step * D::kUnit, stride, block,
            factors + step / run_steps * vectors * kLanes, steps, run_steps, step != 0, sums);
        if (step + steps == packed.steps) {
          kStores.store[vectors - 1](output, {sums, task.m_begin + row, tile_rows, n, channels});
        }
      }
    }
  }
}

constexpr IntGemmKernels kRunGemm = {&PackedIntBytes<RunDot>, &PackInt<RunDot>, &PlanInt<RunDot>,
                                     &RunRuns};

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
