// Constants that exporters wrote once because they were equal. A network that has not been trained
// is full of them: scales and variances of 1, means and biases of 0. PyTorch's exporter and the
// optimizers of ONNX files keep the first, and make the others an Identity of it, or the same name.
// For inference that is all the same; training must tell them apart.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>

namespace lutra::converter::importing {

/// Every use of a constant whose elements are all alike, a floating tensor of at least one
/// dimension, becomes a constant of its own: the first keeps the name, those behind an Identity get
/// the name of its result, the others NAME.1, NAME.2 and so on. Of the main graph; what is inside
/// of others shares as before. Constants of various numbers, which nobody has twice by chance, are
/// shared on purpose and stay so. `path` locates external data. Throws Error when the copies take
/// more than 256 MB, or a tensor cannot be read.
void GiveOwnConstants(onnx::ModelProto& model, const std::string& path);

}  // namespace lutra::converter::importing
