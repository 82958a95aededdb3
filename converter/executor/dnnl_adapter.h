// oneDNN 2.6 and 3.x behind one face. They differ in how a primitive descriptor is made (2.x: an
// operation descriptor first; 3.x: directly, with the arguments in the same order), in the names of
// pooling and softmax, and in post-operations; everything that knows the difference is here.
//
// Activations, weights and results are described by their real strides, so that any layout of a
// Tensor is used in place; where a primitive prefers another format it is given a reordered copy.
#pragma once

#include <dnnl.hpp>
#include <string>
#include <utility>

#include "converter/error.h"
#include "converter/graph/tensor.h"

namespace lutra::converter::executor::onednn {

#if DNNL_VERSION_MAJOR >= 3
using PoolingForward = dnnl::pooling_forward;
using PoolingBackward = dnnl::pooling_backward;
using SoftmaxForward = dnnl::softmax_forward;
using SoftmaxBackward = dnnl::softmax_backward;
#else
using PoolingForward = dnnl::pooling_v2_forward;
using PoolingBackward = dnnl::pooling_v2_backward;
using SoftmaxForward = dnnl::softmax_v2_forward;
using SoftmaxBackward = dnnl::softmax_v2_backward;
#endif

using Dims = dnnl::memory::dims;

/// The CPU engine, one for the process; thread-safe.
inline const dnnl::engine& CpuEngine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

/// A stream of the calling thread.
inline dnnl::stream& Stream() {
  thread_local dnnl::stream stream(CpuEngine());
  return stream;
}

/// Primitive descriptor of a forward primitive; `arguments` as oneDNN's constructor takes them
/// between engine and attributes. Throws dnnl::error when no implementation fits.
template <typename Primitive, typename... Arguments>
typename Primitive::primitive_desc Describe(const dnnl::primitive_attr& attr,
                                            Arguments&&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return {CpuEngine(), std::forward<Arguments>(arguments)..., attr};
#else
  return {typename Primitive::desc(std::forward<Arguments>(arguments)...), attr, CpuEngine()};
#endif
}

/// The same for a backward primitive, which needs its forward descriptor as a hint.
template <typename Primitive, typename Hint, typename... Arguments>
typename Primitive::primitive_desc DescribeBackward(const Hint& forward,
                                                    const dnnl::primitive_attr& attr,
                                                    Arguments&&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return {CpuEngine(), std::forward<Arguments>(arguments)..., forward, attr};
#else
  return {typename Primitive::desc(std::forward<Arguments>(arguments)...), attr, CpuEngine(),
          forward};
#endif
}

/// float32 with the given strides (elements), or in whatever format the primitive likes best.
inline dnnl::memory::desc Strided(const Dims& dims, const Dims& strides) {
  return {dims, dnnl::memory::data_type::f32, strides};
}
inline dnnl::memory::desc AnyFormat(const Dims& dims) {
  return {dims, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any};
}

/// A view of a float32 tensor's own memory; oneDNN takes inputs as mutable but only reads them.
/// Throws Error for a tensor of another type, or one that is smaller than what is to be read:
/// oneDNN itself checks neither.
inline dnnl::memory View(const Tensor& tensor, const dnnl::memory::desc& desc) {
  if (tensor.type() != DataType::float32) {
    throw Error("a value is " + std::string(DataTypeName(tensor.type())) + ", not float32");
  }
  if (desc.get_size() > tensor.bytes().size()) {
    throw Error("a value of " + DimsText(tensor.dims()) + " is smaller than its use needs");
  }
  return {desc, CpuEngine(), const_cast<std::byte*>(tensor.bytes().data())};
}

/// Copies from one format to another; memories are handles, passed by value.
inline void Reorder(dnnl::memory from, dnnl::memory to) {
  dnnl::reorder(from, to).execute(Stream(), from, to);
  Stream().wait();
}

/// `from` itself if it has the format, else a reordered copy.
inline dnnl::memory Reordered(const dnnl::memory& from, const dnnl::memory::desc& desc) {
  if (from.get_desc() == desc) return from;
  dnnl::memory to(desc, CpuEngine());
  Reorder(from, to);
  return to;
}

}  // namespace lutra::converter::executor::onednn
