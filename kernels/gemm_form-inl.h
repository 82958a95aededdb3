// The integer GEMM for each form of weights: the block-sparse product, that of runs with factors,
// or the dense one with the primitive that the weights allow.
HWY_BEFORE_NAMESPACE();
namespace lutra::kernels::LUTRA_ROW {

/// Of codes: the fastest primitive of the list that may multiply these weights.
template <class D, class... Slower>
const IntGemmKernels& CodedGemm(const WeightForm& form, Dots<D, Slower...> /*dots*/) {
  if constexpr (sizeof...(Slower) != 0) {
    if (form.largest > D::kLargest) return CodedGemm(form, Dots<Slower...>());
  }
  return kIntGemm<D>;
}

const IntGemmKernels& GemmFor(const WeightForm& form) {
  if (form.sparse()) return kSparseGemm;
  if (form.run != 0) return kRunGemm;
  return form.coded() ? CodedGemm(form, CodeDots()) : kIntGemm<Dot>;
}

size_t GemmBytes(size_t n, size_t k, const WeightForm& form) {
  return GemmFor(form).packed_bytes(n, k, form);
}
void PackGemm(const IntWeights& weights, void* packed) {
  GemmFor(weights.form).pack(weights, packed);
}
void PlanGemm(GemmProblem& p, size_t threads) { GemmFor(p.form).plan(p, threads); }
void RunGemm(const GemmProblem& p, const GemmOperands& o, size_t task, void* scratch) {
  GemmFor(p.form).run(p, o, task, scratch);
}

constexpr IntGemmKernels MakeIntGemm() {
  return {&GemmBytes, &PackGemm, &PlanGemm, &RunGemm, /*skips_blocks=*/true};
}

}  // namespace lutra::kernels::LUTRA_ROW
HWY_AFTER_NAMESPACE();
