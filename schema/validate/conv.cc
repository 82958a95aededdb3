// Conv: [N, H, W, C] or [N, W, C], output floor((in + pads - extent) / stride) + 1 along each axis,
// weights [output channels][kernel_h][kernel_w][C / groups].
#include "schema/validate/window.h"

namespace lutra::validate {

Status Check(OperatorUse& use, const schema::Conv& conv) {
  LUTRA_RETURN_IF_ERROR(use.WantInputs(1));
  if (conv.compute() == schema::Compute::dynamic) {
    return use.Fail("compute dynamic is for Linear only");
  }
  LUTRA_RETURN_IF_ERROR(CheckCompute(use, conv.compute(), conv.int_range(), conv.float_range()));
  Window window;
  LUTRA_RETURN_IF_ERROR(ReadWindow(use, conv, &window));

  const Dims& in = use.In(0).shape;
  Dims want = use.Out().shape;
  want.d[want.rank - 2] = window.width.out_floor();
  if (want.rank == 4) want.d[1] = window.height.out_floor();
  LUTRA_RETURN_IF_ERROR(use.WantOutputShape(want));

  const int64_t groups = conv.groups();
  if (groups < 1 || in.last() % groups != 0 || want.last() % groups != 0) {
    return use.Fail("%lld groups of %lld input and %lld output channels",
                    static_cast<long long>(groups), static_cast<long long>(in.last()),
                    static_cast<long long>(want.last()));
  }
  const auto k = static_cast<uint64_t>(window.height.kernel * window.width.kernel) *
                 static_cast<uint64_t>(in.last() / groups);
  return CheckWeights(use, conv.weights(), conv.compute(), static_cast<uint64_t>(want.last()), k,
                      use.In(0).zero_point, conv.curve());
}

}  // namespace lutra::validate
