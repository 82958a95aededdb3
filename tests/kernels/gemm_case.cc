#include "kernels/gemm_case.h"

#include <cstring>
#include <memory>
#include <sstream>

#include "kernels/kernel_data.h"

namespace lutra::kernels {
namespace {

struct FreeAligned {
  void operator()(void* p) const { ::operator delete (p, std::align_val_t{64}); }
};
using Buffer = std::unique_ptr<void, FreeAligned>;

Buffer Allocate(size_t bytes) { return Buffer(::operator new (bytes, std::align_val_t{64})); }

uint32_t Random32(std::mt19937& random) { return static_cast<uint32_t>(random()); }

int8_t RandomInt8(std::mt19937& random) {
  constexpr int8_t kExtreme[] = {-128, -127, 127, 0};
  const uint32_t r = Random32(random);
  return (r & 7U) == 0 ? kExtreme[r >> 3 & 3U] : static_cast<int8_t>(r >> 8);
}

float RandomFloat(std::mt19937& random) {
  return static_cast<float>(static_cast<int32_t>(Random32(random))) * 0x1p-30F;
}

size_t ElementBytes(const GemmProblem& p) {
  if (p.epilogue == Epilogue::wide && p.to_int16) return 2;
  return p.epilogue == Epilogue::requantize ? 1 : 4;
}

/// Plans, runs every task with scratch that is filled anew, returns the guarded output.
template <typename Kernels>
std::vector<uint8_t> Run(const Kernels& kernels, GemmProblem p, GemmOperands o, size_t threads,
                         size_t element_bytes) {
  const size_t elements = (p.m - 1) * p.out_stride + p.groups * p.n;
  std::vector<uint8_t> out((elements + 2 * kGuard) * element_bytes, 0xA5);
  o.out = out.data() + kGuard * element_bytes;
  kernels.plan(p, threads);
  const Buffer scratch = Allocate(p.scratch_bytes);
  for (size_t task = p.tasks; task-- > 0;) {  // any order must do
    std::memset(scratch.get(), 0x5A, p.scratch_bytes);
    kernels.run(p, o, task, scratch.get());
  }
  return out;
}

}  // namespace

GemmProblem Dense(size_t m, size_t n, size_t k) {
  GemmProblem p;
  p.m = m;
  p.n = n;
  p.k = k;
  p.left_stride = k;
  p.out_stride = n;
  return p;
}

size_t LeftSize(const GemmProblem& p) {
  if (p.left == LeftKind::dense) return (p.m - 1) * p.left_stride + p.groups * p.k;
  const Window& w = p.window;
  const size_t pixels = w.batch * static_cast<size_t>(w.in_h) * static_cast<size_t>(w.in_w);
  return (pixels - 1) * w.in_pixel_stride + p.groups * p.channels;
}

IntCase MakeIntCase(const GemmProblem& problem, std::mt19937& random) {
  IntCase c;
  c.problem = problem;
  const size_t channels = problem.groups * problem.n;
  for (size_t i = LeftSize(problem); i > 0; --i) c.left.push_back(RandomInt8(random));
  for (size_t i = channels * problem.k; i > 0; --i) c.weights.push_back(RandomInt8(random));
  for (size_t i = 0; i < channels; ++i) {
    c.zero_points.push_back(RandomInt8(random));
    c.bias.push_back(static_cast<int32_t>(Random32(random)) >> 12);
    // Around 1 / (typical sum), so that outputs lie inside, at and beyond the range.
    c.scale.push_back((1.0F + RandomFloat(random) * 0.25F) * 0.02F /
                      static_cast<float>(1 + problem.k / 16));
    c.float_bias.push_back(RandomFloat(random));
  }
  for (size_t i = 0; i < problem.m; ++i) {
    c.row_zero_point.push_back(RandomInt8(random));
    c.row_scale.push_back(0.01F + RandomFloat(random) * 0.002F);
  }
  for (size_t i = 0; problem.epilogue == Epilogue::wide && i < problem.m * channels; ++i) {
    c.high.push_back(static_cast<int32_t>(Random32(random)) >> (Random32(random) % 24));
  }
  return c;
}

IntCase MakeCodedCase(const GemmProblem& problem, bool tables, std::mt19937& random) {
  IntCase c = MakeIntCase(problem, random);
  const WeightForm& form = problem.form;
  const size_t entries = size_t{1} << form.bits;
  const size_t per_table =
      form.table_channels == 0 ? problem.groups * problem.n : form.table_channels;
  std::vector<size_t> codes(c.weights.size());
  for (size_t i = 0; i < c.weights.size(); ++i) {
    const size_t code = codes[i] = Random32(random) % entries;
    if (!tables) {
      const int value = static_cast<int>(code);
      const int half = 1 << (form.bits - 1);
      c.weights[i] = static_cast<int8_t>(value < half ? value : value - 2 * half);
      continue;
    }
    const size_t table = i / problem.k / per_table;
    while (c.tables.size() < (table + 1) * entries) {
      const auto range = static_cast<uint32_t>(2 * form.largest + 1);
      const int32_t entry = static_cast<int32_t>(Random32(random) % range) - form.largest;
      c.tables.push_back(static_cast<int8_t>(c.tables.size() % entries == 0   ? -form.largest
                                             : c.tables.size() % entries == 1 ? form.largest
                                                                              : entry));
    }
    c.weights[i] = c.tables[table * entries + code];
  }
  c.codes = BitStream(codes, form.bits);
  return c;
}

void AddCurve(IntCase& c, bool factors, std::mt19937& random) {
  c.curve = MakeCurve(c.scale.size(), random);
  c.problem.curve.offset = c.curve.offset;
  c.problem.curve.factors = factors;
  // From beyond the output's range to within that of the pieces.
  for (int32_t& bias : c.bias) bias /= 32;
  for (float& scale : c.scale) scale *= 0.01F;
}

FloatCase MakeFloatCase(const GemmProblem& problem, std::mt19937& random) {
  FloatCase c;
  c.problem = problem;
  for (size_t i = LeftSize(problem); i > 0; --i) c.left.push_back(RandomFloat(random));
  for (size_t i = problem.groups * problem.n * problem.k; i > 0; --i) {
    c.weights.push_back(RandomFloat(random));
  }
  for (size_t i = problem.groups * problem.n; i > 0; --i) c.bias.push_back(RandomFloat(random));
  return c;
}

std::vector<uint8_t> RunCase(const Row& row, const IntCase& c, size_t threads) {
  return RunCase(row.int_gemm, c, threads);
}

std::vector<uint8_t> RunCase(const IntGemmKernels& kernels, const IntCase& c, size_t threads) {
  const GemmProblem& p = c.problem;
  const bool real = p.epilogue == Epilogue::dynamic || p.epilogue == Epilogue::wide;
  const size_t group_bytes = kernels.packed_bytes(p.n, p.k, p.form);
  const Buffer packed = Allocate(group_bytes * p.groups);
  for (size_t group = 0; group < p.groups; ++group) {
    IntWeights w;
    w.n = p.n;
    w.k = p.k;
    w.form = p.form;
    if (p.form.coded()) {
      w.codes = c.codes.data();
      w.first_code = group * p.n * p.k;
      const size_t table = p.form.table_channels == 0 ? 0 : group * p.n / p.form.table_channels;
      w.tables = c.tables.empty() ? nullptr : c.tables.data() + (table << p.form.bits);
    } else {
      w.values = c.weights.data() + group * p.n * p.k;
      w.stride_n = p.k;
    }
    w.factors = c.factors.data();
    w.zero_points = p.weight_zero_points ? c.zero_points.data() + group * p.n : nullptr;
    w.bias = real ? nullptr : c.bias.data() + group * p.n;
    w.scale = c.scale.data() + group * p.n;
    w.factor = p.curve.factors ? c.curve.factor.data() + group * p.n : nullptr;
    w.float_bias = real ? c.float_bias.data() + group * p.n : nullptr;
    w.left_zero_point = real ? 0 : p.left_zero_point;
    kernels.pack(w, static_cast<char*>(packed.get()) + group * group_bytes);
  }
  GemmProblem problem = p;
  if (!c.curve.coefficients.empty()) problem.curve.coefficients = c.curve.coefficients.data();
  GemmOperands o;
  o.left = c.left.data();
  o.packed = packed.get();
  o.row_scale = c.row_scale.data();
  o.row_zero_point = c.row_zero_point.data();
  o.high = c.high.data();
  return Run(kernels, problem, o, threads, ElementBytes(p));
}

std::vector<uint8_t> RunCase(const Row& row, const FloatCase& c, size_t threads) {
  const GemmProblem& p = c.problem;
  const size_t group_bytes = row.float_gemm.packed_bytes(p.n, p.k);
  const Buffer packed = Allocate(group_bytes * p.groups);
  for (size_t group = 0; group < p.groups; ++group) {
    FloatWeights w;
    w.n = p.n;
    w.k = p.k;
    w.values = c.weights.data() + group * p.n * p.k;
    w.stride_n = p.k;
    w.bias = c.bias.data() + group * p.n;
    row.float_gemm.pack(w, static_cast<char*>(packed.get()) + group * group_bytes);
  }
  GemmOperands o;
  o.left = c.left.data();
  o.packed = packed.get();
  return Run(row.float_gemm, p, o, threads, sizeof(float));
}

std::string Describe(const GemmProblem& p) {
  const Window& w = p.window;
  std::ostringstream s;
  s << "m " << p.m << " n " << p.n << " k " << p.k << " groups " << p.groups << " epilogue "
    << static_cast<int>(p.epilogue) << " left zero " << p.left_zero_point << " out zero "
    << p.output.zero_point << " weight zeros " << p.weight_zero_points << " bits " << p.form.bits
    << " largest " << p.form.largest << " table channels " << p.form.table_channels << " blocks "
    << p.form.blocks;
  if (p.left == LeftKind::patches) {
    s << " | image " << w.batch << "x" << w.in_h << "x" << w.in_w << "x" << p.channels << " kernel "
      << w.kernel_h << "x" << w.kernel_w << " stride " << w.stride_h << "," << w.stride_w
      << " dilation " << w.dilation_h << "," << w.dilation_w << " pad " << w.pad_top << ","
      << w.pad_left << " out " << w.out_h << "x" << w.out_w << " pixel stride "
      << w.in_pixel_stride;
  }
  return s.str();
}

}  // namespace lutra::kernels
