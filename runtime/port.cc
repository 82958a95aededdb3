#include "runtime/port.h"

#include <algorithm>
#include <cstring>

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
    if (tensor_.is_int8()) {
      model_.row->elementwise.quantize(
          tensor_.scale, tensor_.zero_point, {piece.values, piece.count},
          {reinterpret_cast<int8_t*>(out_), piece.count}, 1, piece.count);
    } else {
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
      if (!IsFinite(value)) {
        status =
            Status::Error(Code::not_finite, "input \"%s\": element %zu is %s", port.name()->c_str(),
                          offset + i * stride, value != value ? "NaN" : "infinite");
        return false;
      }
      piece.values[piece.count++] = value;
    }
    return true;
  });
  if (status.ok() && piece.count > 0) writer.Flush(piece);
  return status;
}

void StorePixels(const lutra_model& model, const schema::Port& port, const Tensor& tensor,
                 const uint8_t* pixels, int8_t* out) {
  const auto* table = reinterpret_cast<const int8_t*>(model.view.Blob(port.pixel_table()));
  const size_t channels = tensor.channels();
  for (size_t p = 0; p < tensor.pixels(); ++p) {
    for (size_t c = 0; c < channels; ++c) *out++ = table[c * 256 + *pixels++];
  }
}

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
        if (tensor.is_int8()) {
          model.row->elementwise.dequantize(tensor.scale, tensor.zero_point,
                                            {reinterpret_cast<const int8_t*>(in), loaded},
                                            {piece, loaded}, 1, loaded);
        } else {
          std::memcpy(piece, in, loaded * sizeof(float));
        }
        in += loaded * tensor.element_bytes();
      }
      values[offset + i * stride] = piece[used++];
    }
    return true;
  });
}

}  // namespace lutra
