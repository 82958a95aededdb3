#include "runtime/tensor.h"

namespace lutra {
Tensor ReadTensor(const ModelView& view, size_t index, size_t batch) {
  const schema::Tensor& source =
      *view.model->tensors()->Get(static_cast<flatbuffers::uoffset_t>(index));
  Tensor tensor;
  tensor.index = static_cast<uint16_t>(index);
  tensor.type = source.type();
  tensor.lifetime = source.lifetime();
  tensor.rank = source.shape() == nullptr ? 0 : source.shape()->size();
  for (size_t d = 0; d < tensor.rank; ++d) {
    tensor.shape[d] =
        static_cast<size_t>(source.shape()->Get(static_cast<flatbuffers::uoffset_t>(d)));
    if (d == 0 && tensor.lifetime != schema::Lifetime::constant) tensor.shape[d] *= batch;
    tensor.elements *= tensor.shape[d];
  }
  tensor.pixel_stride = tensor.channels();
  if (source.inside() != kNoIndex) {
    const schema::Tensor& whole = *view.model->tensors()->Get(source.inside());
    tensor.pixel_stride = static_cast<size_t>(whole.shape()->Get(whole.shape()->size() - 1));
  }
  tensor.scale = source.scale();
  tensor.zero_point = source.zero_point();
  return tensor;
}

ImageShape AsImage(const Tensor& tensor) {
  ImageShape image;
  image.batch = tensor.shape[0];
  if (tensor.rank == 4) image.height = static_cast<int32_t>(tensor.shape[1]);
  image.width = static_cast<int32_t>(tensor.shape[tensor.rank - 2]);
  image.channels = tensor.channels();
  return image;
}

}  // namespace lutra
