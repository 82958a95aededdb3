// The reference row: plain C++ for any processor.
#include "kernels/reference/reference.h"

#include "kernels/cpu.h"
#include "kernels/rows/rows.h"

namespace lutra::kernels {

const Row& ReferenceRow() {
  static const Row row = {"reference",
                          &HasBaseline,
                          ReferenceIntGemm(),
                          IntGemmKernels(),
                          ReferenceFloatGemm(),
                          ReferenceIntDepthwise(),
                          ReferenceFloatDepthwise(),
                          ReferenceElementwise(),
                          ReferencePool(),
                          ReferenceReduce(),
                          ReferenceResize(),
                          ReferenceSoftmax()};
  return row;
}

}  // namespace lutra::kernels
