#include "runtime/port.h"

#include <algorithm>
#include <cstring>

#include "base/half.h"

namespace lutra {
namespace {

/// Values are gathered into (or scattered from) pieces of this many floats on the stack, so that
/// the row's kernels see contiguous memory and no buffer of the tensor's size is needed.
constexpr size_t kPieceElements = 1024;

/// Walks the native tensor in memory order and says where each run of innermost elements lies in
/// the ONNX order.
class OnnxOrder {
 public:
  OnnxOrder(const schema::Port& port, const Tensor& tensor) {
    const auto* permutation = port.permutation();
    if (permutation == nullptr || permutation->size() == 0) {
      run_ = std::min(kPieceElements, tensor.elements);
      outer_rank_ = 1;
      extent_[0] = tensor.elements / run_;
      stride_[0] = run_;
      tail_ = tensor.elements % run_;
      return;
    }
    // The stride, in the ONNX order, of every dimension of the tensor.
    size_t stride[kMaxRank] = {};
    size_t step = 1;
    for (size_t d = tensor.rank; d-- > 0;) {
      const size_t native = permutation->Get(static_cast<flatbuffers::uoffset_t>(d));
      stride[native] = step;
      step *= tensor.shape[native];
    }
    outer_rank_ = tensor.rank - 1;
    std::copy_n(tensor.shape, outer_rank_, extent_);
    std::copy_n(stride, outer_rank_, stride_);
    run_ = tensor.shape[outer_rank_];
    run_stride_ = stride[outer_rank_];
  }

  /// Calls visit(onnx_offset, run_stride, count) for all elements in native order, in pieces of at
  /// most kPieceElements; stops when it returns false.
  template <typename Visit>
  void ForEachPiece(const Visit& visit) const {
    size_t position[kMaxRank] = {};
    size_t offset = 0;
    for (;;) {
      for (size_t begin = 0; begin < run_; begin += kPieceElements) {
        const size_t count = std::min(kPieceElements, run_ - begin);
        if (!visit(offset + begin * run_stride_, run_stride_, count)) return;
      }
      size_t d = outer_rank_;
      for (; d-- > 0;) {
        offset += stride_[d];
        if (++position[d] < extent_[d]) break;
        offset -= stride_[d] * extent_[d];
        position[d] = 0;
      }
      if (d == SIZE_MAX) break;
    }
    if (tail_ > 0) visit(extent_[0] * run_, 1, tail_);
  }

 private:
  size_t outer_rank_ = 0;
  size_t extent_[kMaxRank] = {};
  size_t stride_[kMaxRank] = {};
  size_t run_ = 1, run_stride_ = 1;
  size_t tail_ = 0;
};

bool IsFinite(float value) {
  return (__builtin_bit_cast(uint32_t, value) & 0x7F800000U) != 0x7F800000U;
}

/// Callers' memory may lie anywhere.
float HalfAt(const void* halves, size_t index) {
  uint16_t half;
  std::memcpy(&half, static_cast<const uint8_t*>(halves) + index * sizeof(half), sizeof(half));
  return HalfToFloat(half);
}

/// Code::not_finite names the port and the element, which may also be beyond what float16 holds.
Status CheckFinite(const schema::Port& port, const Tensor& tensor, size_t element, float value) {
  constexpr float kHalfLimit = 65520.0F;  // rounds to infinity
  const bool half = tensor.type == schema::TensorType::float16;
  if (IsFinite(value) && !(half && __builtin_fabsf(value) >= kHalfLimit)) return Status();
  return Status::Error(Code::not_finite, "input \"%s\": element %zu is %s", port.name()->c_str(),
                       element,
                       value != value    ? "NaN"
                       : IsFinite(value) ? "beyond float16"
                                         : "infinite");
}

/// Collects pieces of the walk into larger ones: pixels of three channels are too short to be
/// worth a call each.
class Piece {
 public:
  float values[kPieceElements];
  size_t count = 0;

  bool Fits(size_t more) const { return count + more <= kPieceElements; }
};

/// Writes collected floats to the native tensor, in order.
class NativeWriter {
 public:
  NativeWriter(const lutra_model& model, const Tensor& tensor, void* out)
      : model_(model), tensor_(tensor), out_(static_cast<uint8_t*>(out)) {}

  void Flush(Piece& piece) {
    switch (tensor_.type) {
      case schema::TensorType::int8:
        model_.row->elementwise.quantize(
            tensor_.scale, tensor_.zero_point, {piece.values, piece.count},
            {reinterpret_cast<int8_t*>(out_), piece.count}, 1, piece.count);
        break;
      case schema::TensorType::float16:
        for (size_t i = 0; i < piece.count; ++i) {
          const uint16_t half = ToHalf(static_cast<double>(piece.values[i]));
          std::memcpy(out_ + i * sizeof(half), &half, sizeof(half));
        }
        break;
      default:
        std::memcpy(out_, piece.values, piece.count * sizeof(float));
    }
    out_ += piece.count * tensor_.element_bytes();
    piece.count = 0;
  }

 private:
  const lutra_model& model_;
  const Tensor& tensor_;
  uint8_t* out_;
};

}  // namespace

Status StoreFloat(const lutra_model& model, const schema::Port& port, const Tensor& tensor,
                  const float* values, void* out) {
  Status status;
  Piece piece;
  NativeWriter writer(model, tensor, out);
  OnnxOrder(port, tensor).ForEachPiece([&](size_t offset, size_t stride, size_t count) {
    if (!piece.Fits(count)) writer.Flush(piece);
    for (size_t i = 0; i < count; ++i) {
      const float value = values[offset + i * stride];
      status = CheckFinite(port, tensor, offset + i * stride, value);
      if (!status.ok()) return false;
      piece.values[piece.count++] = value;
    }
    return true;
  });
  if (status.ok() && piece.count > 0) writer.Flush(piece);
  return status;
}

Status StoreNative(const schema::Port& port, const Tensor& tensor, const void* values, void* out) {
  if (tensor.type == schema::TensorType::bool_) {
    const auto* bytes = static_cast<const uint8_t*>(values);
    for (size_t i = 0; i < tensor.elements; ++i) {
      if (bytes[i] > 1) {
        return Status::Error(Code::invalid_argument,
                             "input \"%s\": element %zu is %u, a bool is 0 or 1",
                             port.name()->c_str(), i, bytes[i]);
      }
    }
  }
  if (tensor.type == schema::TensorType::float16) {
    for (size_t i = 0; i < tensor.elements; ++i) {
      LUTRA_RETURN_IF_ERROR(CheckFinite(port, tensor, i, HalfAt(values, i)));
    }
  }
  std::memcpy(out, values, tensor.elements * tensor.element_bytes());
  return Status();
}

void StorePixels(const lutra_model& model, const schema::Port& port, const Tensor& tensor,
                 const uint8_t* pixels, int8_t* out) {
  const auto* table = reinterpret_cast<const int8_t*>(model.view.Blob(port.pixel_table()));
  const size_t channels = tensor.channels();
  for (size_t p = 0; p < tensor.pixels(); ++p) {
    for (size_t c = 0; c < channels; ++c) *out++ = table[c * 256 + *pixels++];
  }
}

namespace {

/// The next `count` native elements as floats.
void LoadPiece(const lutra_model& model, const Tensor& tensor, const uint8_t* in, size_t count,
               float* out) {
  switch (tensor.type) {
    case schema::TensorType::int8:
      model.row->elementwise.dequantize(tensor.scale, tensor.zero_point,
                                        {reinterpret_cast<const int8_t*>(in), count}, {out, count},
                                        1, count);
      break;
    case schema::TensorType::float16:
      for (size_t i = 0; i < count; ++i) out[i] = HalfAt(in, i);
      break;
    default:
      std::memcpy(out, in, count * sizeof(float));
  }
}

}  // namespace

void LoadFloat(const lutra_model& model, const schema::Port& port, const Tensor& tensor,
               const void* native, float* values) {
  const auto* in = static_cast<const uint8_t*>(native);
  float piece[kPieceElements];
  size_t loaded = 0;  // elements of `piece`, and how many of them were scattered
  size_t used = 0;
  size_t remaining = tensor.elements;
  OnnxOrder(port, tensor).ForEachPiece([&](size_t offset, size_t stride, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (used == loaded) {
        loaded = std::min(kPieceElements, remaining);
        remaining -= loaded;
        used = 0;
        LoadPiece(model, tensor, in, loaded, piece);
        in += loaded * tensor.element_bytes();
      }
      values[offset + i * stride] = piece[used++];
    }
    return true;
  });
}

}  // namespace lutra
