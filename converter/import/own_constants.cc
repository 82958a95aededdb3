#include "converter/import/own_constants.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "converter/error.h"
#include "converter/import/onnx_tensor.h"

namespace lutra::converter::importing {
namespace {

constexpr uint64_t kMostCopied = uint64_t{256} << 20;

bool Is(const onnx::NodeProto& node, const std::string& op) {
  return (node.domain().empty() || node.domain() == "ai.onnx") && node.op_type() == op &&
         node.output_size() == 1;
}

class Separation {
 public:
  Separation(onnx::GraphProto& graph, const std::string& path) : graph_(graph), reader_(path) {
    for (const onnx::TensorProto& tensor : graph.initializer()) Add(tensor.name(), tensor);
    for (const onnx::ValueInfoProto& output : graph.output()) names_.insert(output.name());
    for (const onnx::NodeProto& node : graph.node()) {
      names_.insert(node.output().begin(), node.output().end());
      for (const std::string& input : node.input()) ++uses_[input];
      if (!Is(node, "Constant")) continue;
      for (const onnx::AttributeProto& attribute : node.attribute()) {
        if (attribute.name() == "value") Add(node.output(0), attribute.t());
      }
    }
  }

  /// An Identity of a constant that others read too becomes a constant.
  void ReplaceIdentities() {
    std::set<std::string> outputs;
    for (const onnx::ValueInfoProto& output : graph_.output()) outputs.insert(output.name());
    auto& nodes = *graph_.mutable_node();
    int kept = 0;
    for (int n = 0; n < nodes.size(); ++n) {
      const onnx::NodeProto& node = nodes[n];
      if (Is(node, "Identity") && node.input_size() == 1 && !outputs.contains(node.output(0)) &&
          uses_[node.input(0)] > 1 && IsAlike(node.input(0))) {
        --uses_[node.input(0)];
        Copy(node.input(0), node.output(0));
      } else {
        nodes.SwapElements(kept++, n);
      }
    }
    nodes.DeleteSubrange(kept, nodes.size() - kept);
  }

  /// Of the nodes that read one constant all but the first get another.
  void ReplaceUses() {
    std::set<std::string> read;
    std::map<std::string, size_t> copies;
    for (onnx::NodeProto& node : *graph_.mutable_node()) {
      for (std::string& input : *node.mutable_input()) {
        if (uses_[input] < 2 || read.insert(input).second || !IsAlike(input)) continue;
        std::string own;
        do {
          own = input + "." + std::to_string(++copies[input]);
        } while (!names_.insert(own).second);
        Copy(input, own);
        input = own;
      }
    }
  }

 private:
  struct Constant {
    const onnx::TensorProto* tensor = nullptr;
    bool is_read = false, is_alike = false;
  };

  void Add(const std::string& name, const onnx::TensorProto& tensor) {
    constants_.emplace(name, Constant{&tensor});
    names_.insert(name);
  }

  bool IsAlike(const std::string& name) {
    const auto found = constants_.find(name);
    if (found == constants_.end()) return false;
    Constant& constant = found->second;
    if (std::exchange(constant.is_read, true)) return constant.is_alike;
    try {
      const Tensor tensor = reader_.Read(*constant.tensor);
      if (!IsFloating(tensor.type()) || tensor.rank() == 0) return false;
      const Tensor floats = tensor.Cast(DataType::float32);
      const auto values = floats.as<float>();
      constant.is_alike = std::ranges::all_of(values, [&](float x) { return x == values[0]; });
      return constant.is_alike;
    } catch (const Error& error) {
      throw Error("initializer '" + name + "' " + error.what());
    }
  }

  void Copy(const std::string& name, const std::string& copy) {
    const onnx::TensorProto& tensor = *constants_.at(name).tensor;
    copied_ += tensor.ByteSizeLong();
    if (copied_ > kMostCopied) {
      throw Error("constants that nodes share, as '" + name +
                  "', take more than 256 MB once each " +
                  "has its own; export the network without sharing them");
    }
    // Before IR 4 every initializer is among the inputs too.
    for (const onnx::ValueInfoProto& input : graph_.input()) {
      if (input.name() != name) continue;
      onnx::ValueInfoProto own = input;
      own.set_name(copy);
      *graph_.add_input() = std::move(own);
      break;
    }
    onnx::TensorProto& own = *graph_.add_initializer();
    own = tensor;
    own.set_name(copy);
    constants_[copy] = {&own, true, true};
  }

  onnx::GraphProto& graph_;
  TensorReader reader_;
  std::map<std::string, Constant> constants_;  ///< those of the main graph
  std::set<std::string> names_;                ///< of all values
  std::map<std::string, size_t> uses_;         ///< inputs of nodes that a value is
  uint64_t copied_ = 0;
};

}  // namespace

void GiveOwnConstants(onnx::ModelProto& model, const std::string& path) {
  Separation separation(*model.mutable_graph(), path);
  separation.ReplaceIdentities();
  separation.ReplaceUses();
}

}  // namespace lutra::converter::importing
