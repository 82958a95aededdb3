#include "converter/data/npy_rows.h"

#include <cstring>

#include "converter/error.h"

namespace lutra::converter::data {
namespace {

NpyHeader HeaderOf(const std::string& path) {
  NpyHeader header;
  std::string error;
  if (!ReadNpyHeader(path, &header, &error)) throw Error(error);
  return header;
}

}  // namespace

DataType TypeOf(const NpyHeader& header) {
  switch (header.kind) {
    case 'b':
      return DataType::boolean;
    case 'f':
      return header.item_bytes == 2   ? DataType::float16
             : header.item_bytes == 4 ? DataType::float32
                                      : DataType::float64;
    case 'i':
      return header.item_bytes == 1   ? DataType::int8
             : header.item_bytes == 2 ? DataType::int16
             : header.item_bytes == 4 ? DataType::int32
                                      : DataType::int64;
    default:
      return header.item_bytes == 1   ? DataType::uint8
             : header.item_bytes == 2 ? DataType::uint16
             : header.item_bytes == 4 ? DataType::uint32
                                      : DataType::uint64;
  }
}

NpyRows::NpyRows(const std::string& path) : header_(HeaderOf(path)), file_(path) {
  if (header_.shape.empty() || header_.elements() == 0) {
    throw Error(path + ": has shape " + header_.ShapeText() +
                "; the first dimension must count the samples");
  }
  dims_.assign(header_.shape.begin() + 1, header_.shape.end());
}

Tensor NpyRows::Get(size_t row) const {
  const std::vector<uint8_t> bytes = Bytes(row);
  Tensor tensor(TypeOf(header_), dims_);
  std::memcpy(tensor.bytes().data(), bytes.data(), bytes.size());
  return tensor;
}

std::vector<uint8_t> NpyRows::Bytes(size_t row) const {
  std::vector<uint8_t> bytes(header_.elements() / size() * header_.item_bytes);
  file_.Read(header_.data_offset + row * bytes.size(), bytes.data(), bytes.size());
  return bytes;
}

}  // namespace lutra::converter::data
