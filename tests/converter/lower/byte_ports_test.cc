// Inputs and outputs of bytes: tables, preferred types, and what is refused.
#include "converter/lower/byte_ports.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "converter/error.h"
#include "converter/evaluate/file_check.h"
#include "lowered.h"

namespace lutra::converter::test {
namespace {

// y = -x on int8 with these parameters.
lowering::LoweredModel Negated(quantize::QuantParams in,
                               std::map<std::string, lowering::PortBytes> byte_ports) {
  GraphBuilder b;
  b.Input("x", {1, 4});
  b.Add("Neg", {"x"}, {"y"});
  b.graph.outputs = {"y"};
  b.graph.values["y"] = {DataType::float32, std::vector<int64_t>{1, 4}};
  quantize::Quantization quantization;
  quantization.schemes["y"] = quantize::LayerScheme{};
  quantization.integer_nodes.insert("y");
  quantization.activations["x"] = in;
  quantization.activations["y"] = in;
  lowering::LowerOptions options;
  options.byte_ports = std::move(byte_ports);
  return lowering::Lower(b.graph, quantization, options);
}

TEST_CASE("bytes are numbers, or the integers of a quantized network") {
  const auto table = [](const lowering::LoweredModel& model) {
    const schema::PortT& port = *model.writer.model.inputs[0];
    CHECK(port.preferred == schema::TensorType::uint8);
    return port.pixel_table;
  };
  // Numbers 0 to 255 on a grid of scale 2 from 0: q = round(byte / 2) - 128.
  const lowering::LoweredModel numbers =
      Negated({2.0F, -128}, {{"x", lowering::PortBytes::uint8_numbers}});
  CHECK(table(numbers) != 65535);
  CHECK(numbers.writer.model.outputs[0]->preferred == schema::TensorType::float32);
  const lowering::LoweredModel grid = Negated(
      {0.02F, 3}, {{"x", lowering::PortBytes::uint8_grid}, {"y", lowering::PortBytes::uint8_grid}});
  CHECK(table(grid) != 65535);
  CHECK(grid.writer.model.outputs[0]->preferred == schema::TensorType::uint8);
  const lowering::LoweredModel own = Negated(
      {0.02F, 3}, {{"x", lowering::PortBytes::int8_grid}, {"y", lowering::PortBytes::int8_grid}});
  CHECK(own.writer.model.inputs[0]->preferred == schema::TensorType::int8);
  CHECK(own.writer.model.inputs[0]->pixel_table == 65535);
  CHECK(own.writer.model.outputs[0]->preferred == schema::TensorType::int8);
}

TEST_CASE("the ports of a graph, by its types") {
  GraphBuilder b;
  b.Input("x", {1, 4});
  b.graph.values["x"].type = DataType::uint8;
  b.graph.outputs = {"y"};
  b.graph.values["y"] = {DataType::int8, std::nullopt};
  CHECK(lowering::BytePortsOf(b.graph, false) ==
        std::map<std::string, lowering::PortBytes>{{"x", lowering::PortBytes::uint8_numbers}});
  CHECK(lowering::BytePortsOf(b.graph, true) ==
        std::map<std::string, lowering::PortBytes>{{"x", lowering::PortBytes::uint8_grid},
                                                   {"y", lowering::PortBytes::int8_grid}});
}

TEST_CASE("bytes that are numbers are compared with the file as numbers") {
  // Whatever grid the model has for them: 0.7 does not divide 255.
  lowering::LoweredModel model = Negated({0.7F, -100}, {{"x", lowering::PortBytes::uint8_numbers}});
  const std::vector<uint8_t> bytes = model.writer.Finish();
  RuntimeSession session(bytes, "numbers");
  GraphBuilder file, optimized;
  file.Input("x", {1, 4});
  file.graph.values["x"].type = DataType::uint8;
  file.Add("Cast", {"x"}, {"f"}).attributes["to"] = int64_t{1};
  file.Add("Neg", {"f"}, {"y"});
  optimized.Input("x", {1, 4});
  optimized.Add("Neg", {"x"}, {"y"});
  for (GraphBuilder* b : {&file, &optimized}) b->graph.outputs = {"y"};
  const auto samples = evaluate::RandomSamples(file.graph, session, 8);
  float largest = 0;
  for (const auto& sample : samples) {
    for (const float x : sample.at("x").ToFloats()) {
      CHECK((x >= 0 && x <= 255 && x == std::floor(x)));
      largest = std::max(largest, x);
    }
  }
  CHECK(largest > 128);
  Warnings warnings;
  const evaluate::FileCheck check =
      evaluate::CheckAgainstFile(file.graph, {}, optimized.graph, session, samples, warnings);
  CHECK(check.optimized.Holds());
  CHECK(std::isnan(check.optimized.sqnr_db));  // identical
}

TEST_CASE("an input of a type that models lack is refused with its reader") {
  GraphBuilder b;
  b.Input("ids", {1, 6});
  b.graph.values["ids"].type = DataType::uint32;
  b.Floats("table", {2, 2}, {1, 2, 3, 4});
  b.Add("Gather", {"table", "ids"}, {"y"});
  CHECK_THROWS_WITH_AS(lowering::RefuseIntegerInputs(b.graph),
                       "input 'ids' is uint32, and node 'y' (Gather) reads it as such, but models "
                       "have no inputs of that type: give it another, or cut the network behind "
                       "that node and feed what it gives",
                       Error);
}

}  // namespace
}  // namespace lutra::converter::test
