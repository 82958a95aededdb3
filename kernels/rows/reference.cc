// The reference row: plain C++ for any processor.
#include "kernels/reference/reference.h"

#include "kernels/rows/rows.h"

namespace lutra::kernels::reference {

const Row& GetRow() {
  static const Row row = {kName,
                          kAvailable,
                          ReferenceIntGemm(),
                          IntGemmKernels(),
                          ReferenceFloatGemm(),
                          ReferenceIntDepthwise(),
                          ReferenceFloatDepthwise(),
                          ReferenceWide(),
                          ReferenceElementwise(),
                          ReferencePool(),
                          ReferenceReduce(),
                          ReferenceResize(),
                          ReferenceSoftmax()};
  return row;
}

}  // namespace lutra::kernels::reference
