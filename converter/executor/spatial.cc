#include "converter/executor/spatial.h"

#include <algorithm>

#include "converter/error.h"

namespace lutra::converter::executor {
Shape Activation::Stored(Layout layout) const {
  Shape stored = dims;
  if (layout == Layout::nhwc) std::rotate(stored.begin() + 1, stored.begin() + 2, stored.end());
  return stored;
}

Activation MakeActivation(int64_t batch, int64_t channels, const Shape& spatial, Layout layout) {
  Activation activation;
  activation.dims = {batch, channels};
  activation.dims.insert(activation.dims.end(), spatial.begin(), spatial.end());
  CheckResult(activation.dims);
  activation.strides = Strides(activation.Stored(layout));
  if (layout == Layout::nhwc) {
    Shape& strides = activation.strides;
    std::rotate(strides.begin() + 1, strides.end() - 1, strides.end());
  }
  return activation;
}

Activation ActivationOf(const Shape& dims, Layout layout) {
  if (dims.size() < 3) throw Error("the input, " + DimsText(dims) + ", has no spatial axis");
  const bool nhwc = layout == Layout::nhwc;
  const Shape spatial =
      nhwc ? Shape(dims.begin() + 1, dims.end() - 1) : Shape(dims.begin() + 2, dims.end());
  return MakeActivation(dims[0], nhwc ? dims.back() : dims[1], spatial, layout);
}

}  // namespace lutra::converter::executor
