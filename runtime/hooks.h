// A look inside a run, for the converter's reports and for lutra-bench: callbacks around every
// operator with access to its tensors and its time. C++ and internal: not installed, and free to
// change with the runtime. Link lutra_runtime (the shared library exports lutra_* only).
//
//   per-layer error, isolated:    `before` overwrites the operator's inputs with exact values that
//                                 were quantized for it, `after` reads its output.
//   per-layer error, cumulative:  `after` reads outputs, nothing is overwritten.
//   profile:                      `after` adds up the times.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lutra/lutra.h"
#include "schema/limits.h"

namespace lutra {

/// What is known of an operator without running it. Strings live as long as the model.
struct OperatorInfo {
  size_t index = 0;              ///< in execution order
  const char* type = "";         ///< name of the schema's options table: "Conv", "Linear" ...
  const char* kernel = "";       ///< which kernel family runs it: "gemm", "sparse", "copy" ...
  const char* row = "";          ///< instruction-set row: "avx2", "reference" ...
  const char* output_name = "";  ///< of its first output; "" if the file keeps no name
  size_t weight_bytes = 0;       ///< bytes of the file's blobs that belong to it alone
  const char* encoding = "";     ///< of its weights in the file: "raw", "huffman", "best"
  size_t packed_bytes = 0;       ///< bytes of the model block that it uses
  uint64_t multiply_adds = 0;    ///< per sample; 0 for operators that are no matrix product
};

/// One tensor of a context. Element (i0, .., c) of [.., C] lies at
/// data[(row-major index of the leading dimensions) * pixel_stride + c].
struct TensorAccess {
  size_t index = 0;                 ///< in the file's list of tensors
  const char* name = "";            ///< "" if the file keeps none
  lutra_type type = LUTRA_FLOAT32;  ///< of its elements
  size_t rank = 0;
  int32_t shape[kMaxRank] = {};  ///< innermost last, the batch in dimension 0
  size_t elements = 0;           ///< product of the shape
  size_t pixel_stride = 0;       ///< elements; equal to the innermost dimension when dense
  /// LUTRA_INT8: real = scale * (q - zero_point); LUTRA_INT16: scale * q, or 0: plain integers.
  float scale = 1.0F;
  int32_t zero_point = 0;
  void* data = nullptr;  ///< constants must not be written, nor a borrowed input
  bool constant = false;
};

/// What a callback sees. Valid during the callback only.
struct OperatorEvent {
  const lutra_context* context = nullptr;
  size_t index = 0;  ///< of the operator
  size_t input_count = 0, output_count = 0;

  OperatorInfo Info() const;
  TensorAccess Input(size_t i) const;
  TensorAccess Output(size_t i) const;
};

/// Either callback may be null. Both are called on the thread of lutra_context_run, in the default
/// floating-point environment. `ns` is the operator's own wall time.
struct OperatorHook {
  void* user = nullptr;
  void (*before)(void* user, const OperatorEvent& event) = nullptr;
  void (*after)(void* user, const OperatorEvent& event, uint64_t ns) = nullptr;
};

/// Used by the context's following runs; a default OperatorHook{} removes it.
void SetHook(lutra_context* context, const OperatorHook& hook);

size_t OperatorCount(const lutra_model* model);
/// index < OperatorCount(model).
OperatorInfo DescribeOperator(const lutra_model* model, size_t index);

size_t TensorCount(const lutra_model* model);
/// index < TensorCount(model). A transient tensor holds its value only between the operator that
/// writes it and the last one that reads it, so look at it in a callback.
TensorAccess AccessTensor(const lutra_context* context, size_t index);

/// Whether the tensor behind an input has the dimensions of the ONNX shape in another order.
/// index < lutra_model_input_count(model).
bool InputIsPermuted(const lutra_model* model, size_t index);

/// The model a context was made from.
const lutra_model* ModelOf(const lutra_context* context);

}  // namespace lutra
