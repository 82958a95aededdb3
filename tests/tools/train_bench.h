// A small network and data for it, made here, as the tests of `lutra train` and its like use them.
#pragma once

#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "converter/import/model_proto.h"
#include "support/temp_folder.h"

namespace lutra::test {

using converter::importing::AddFloats;
using converter::importing::AddInts;
using converter::importing::AddNode;

/// Inputs [1, 4] -> "y", dims in the file.
inline onnx::ModelProto Model(const std::vector<std::string>& inputs,
                              const std::vector<int64_t>& dims) {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  const auto describe = [](onnx::ValueInfoProto& value, const std::string& name,
                           const std::vector<int64_t>& shape) {
    value.set_name(name);
    auto& type = *value.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::TensorProto::FLOAT);
    for (const int64_t dim : shape) type.mutable_shape()->add_dim()->set_dim_value(dim);
  };
  for (const std::string& input : inputs) {
    describe(*model.mutable_graph()->add_input(), input, {1, 4});
  }
  describe(*model.mutable_graph()->add_output(), "y", dims);
  return model;
}

/// y = w x + b of three classes.
inline onnx::ModelProto Linear() {
  onnx::ModelProto model = Model({"x"}, {1, 3});
  AddFloats(model, "w", {4, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6});
  AddFloats(model, "b", {3}, {0, 1, 2});
  AddNode(model, "Gemm", {"x", "w", "b"}, {"y"});
  return model;
}

template <typename T>
std::string Npy(const std::string& type, const std::string& shape, const std::vector<T>& values) {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
  header.append(117 - header.size(), ' ');
  std::string file = std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n";
  const size_t begin = file.size();
  file.resize(begin + values.size() * sizeof(T));
  std::memcpy(file.data() + begin, values.data(), values.size() * sizeof(T));
  return file;
}

/// A folder with net.onnx and 24 samples of three classes.
struct Bench {
  TempFolder folder;
  Bench() {
    Network(Linear());
    Data([](size_t i) { return static_cast<int64_t>(i % 3); });
  }
  void Network(const onnx::ModelProto& model) {
    folder.Write("net.onnx", model.SerializeAsString());
  }
  template <typename LabelOf>
  void Data(const LabelOf& label_of) {
    constexpr size_t kSamples = 24;
    std::vector<float> samples;
    std::vector<int64_t> labels;
    for (size_t i = 0; i < kSamples; ++i) {
      labels.push_back(label_of(i));
      for (size_t k = 0; k < 4; ++k) {
        samples.push_back(static_cast<float>((i * i + 5 * i * k) % 7) / 7 + (k == i % 3 ? 1 : 0));
      }
    }
    folder.Write("x.npy", Npy("<f4", "(24, 4)", samples));
    folder.Write("labels.npy", Npy("<i8", "(24,)", labels));
    folder.Write("d.json", R"({"format": "npy", "images": "x.npy", "labels": "labels.npy"})");
  }

  std::string Command(const std::string& output, const std::string& more = "") const {
    return "train " + (folder / "net.onnx") + " -o " + output + " --data " + (folder / "d.json") +
           (more.find("--batch") == std::string::npos ? " --batch 4" : "") + " --epochs 5 " + more;
  }
  std::string Command() const { return Command(folder / "out.onnx"); }
  std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "")) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
};

}  // namespace lutra::test
