// --state: a recurrent network whose state the model keeps, against the float executor fed by hand.
#include "converter/states.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "converter/convert.h"
#include "converter/error.h"
#include "converter/executor/float_executor.h"
#include "converter/import/model_proto.h"
#include "converter/runtime_session.h"

namespace lutra::converter::lowering {
namespace {

constexpr size_t kSteps = 24;

void AddPort(google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>* ports,
             const std::string& name, const std::vector<int64_t>& dims) {
  onnx::ValueInfoProto& port = *ports->Add();
  port.set_name(name);
  auto& type = *port.mutable_type()->mutable_tensor_type();
  type.set_elem_type(onnx::TensorProto::FLOAT);
  for (const int64_t dim : dims) type.mutable_shape()->add_dim()->set_dim_value(dim);
}

std::vector<float> Weights(size_t count, int step) {
  std::vector<float> values;
  for (size_t i = 0; i < count; ++i) {
    values.push_back(static_cast<float>(static_cast<int>(i) * step % 13 - 6) / 12);
  }
  return values;
}

// h' = tanh(x W + h U), y = h' V.
onnx::ModelProto Recurrent() {
  onnx::ModelProto model = importing::EmptyModel(18);
  model.mutable_graph()->clear_input();
  model.mutable_graph()->clear_output();
  // The state first: the model's ports are those that are left, in their order.
  AddPort(model.mutable_graph()->mutable_input(), "h", {1, 6});
  AddPort(model.mutable_graph()->mutable_input(), "x", {1, 4});
  AddPort(model.mutable_graph()->mutable_output(), "next", {1, 6});
  AddPort(model.mutable_graph()->mutable_output(), "y", {1, 5});
  importing::AddFloats(model, "W", {4, 6}, Weights(24, 5));
  importing::AddFloats(model, "U", {6, 6}, Weights(36, 7));
  importing::AddFloats(model, "V", {6, 5}, Weights(30, 11));
  importing::AddNode(model, "MatMul", {"x", "W"}, {"a"});
  importing::AddNode(model, "MatMul", {"h", "U"}, {"b"});
  importing::AddNode(model, "Add", {"a", "b"}, {"sum"});
  importing::AddNode(model, "Tanh", {"sum"}, {"next"});
  importing::AddNode(model, "MatMul", {"next", "V"}, {"y"});
  return model;
}

class Steps : public data::Dataset {
 public:
  explicit Steps(size_t seed = 0) : seed_(seed) {}
  size_t size() const override { return kSteps; }
  bool labelled() const override { return false; }
  data::Sample Get(size_t index) const override {
    std::vector<float> values;
    for (size_t i = 0; i < 4; ++i) {
      values.push_back(static_cast<float>(((index + seed_) * 37 + i * 11) % 29) / 14 - 1);
    }
    return {Tensor::Of({1, 4}, std::move(values)), -1, "step"};
  }
  uint64_t Hash() const override { return 0; }

 private:
  size_t seed_;
};

struct Outcome {
  std::vector<uint8_t> file;
  ConvertReport report;
};

Outcome ConvertRecurrent(const onnx::ModelProto& model, ConvertOptions options,
                         const data::Dataset* data) {
  options.output_path =
      (std::filesystem::temp_directory_path() / ("lutra_states_" + std::to_string(getpid())))
          .string();
  if (data == nullptr) {  // float32 throughout
    options.scheme.activations = quantize::ActivationType::float_;
    options.scheme.kind = WeightKind::fp32;
  }
  options.model_path = "rnn.onnx";
  options.model_bytes = model.SerializeAsString();
  Outcome outcome;
  outcome.report = Convert(options, data);
  std::ifstream stream(options.output_path, std::ios::binary);
  outcome.file = {std::istreambuf_iterator<char>(stream), {}};
  std::filesystem::remove(options.output_path);
  return outcome;
}

// What y should be after each step, the state fed back by hand.
std::vector<Tensor> Expected(const data::Dataset& data) {
  const Graph graph = importing::Import(Recurrent());
  executor::FloatExecutor executor(graph);
  Tensor h(DataType::float32, {1, 6});
  std::vector<Tensor> outputs;
  for (size_t step = 0; step < data.size(); ++step) {
    const executor::TensorMap results = executor.Run({{"x", data.Get(step).input}, {"h", h}});
    h = results.at("next");
    outputs.push_back(results.at("y"));
  }
  return outputs;
}

double LargestError(RuntimeSession& session, const data::Dataset& data) {
  const std::vector<Tensor> wanted = Expected(data);
  double largest = 0;
  for (size_t step = 0; step < data.size(); ++step) {
    session.Run({data.Get(step).input});
    const std::vector<float> got = session.Output(0).ToFloats();
    for (size_t i = 0; i < got.size(); ++i) {
      largest =
          std::max(largest, std::fabs(static_cast<double>(got[i] - wanted[step].as<float>()[i])));
    }
  }
  return largest;
}

TEST_CASE("a state is kept between runs, and begins with zeros after a reset") {
  for (const bool quantized : {false, true}) {
    CAPTURE(quantized);
    const Steps data;
    ConvertOptions options;
    options.states = {{"h", "next"}};
    const Outcome outcome = ConvertRecurrent(Recurrent(), options, quantized ? &data : nullptr);
    CHECK(outcome.report.warnings.empty());
    RuntimeSession session(outcome.file, "rnn");
    REQUIRE(session.Inputs().size() == 1);
    REQUIRE(session.Outputs().size() == 1);
    CHECK(std::string(session.Inputs()[0].name) == "x");
    CHECK(std::string(session.Outputs()[0].name) == "y");
    if (quantized) {
      CHECK(outcome.report.samples == kSteps);
      CHECK(outcome.report.output_sqnr_db > 25);
      CHECK(outcome.report.float_fallbacks == 0);
    }
    // int8: two dozen steps of rounding the state to 1/128 or so; float: to float32.
    const double bound = quantized ? 0.05 : 1e-5;
    CHECK(LargestError(session, data) < bound);
    // The state is not zero now, so without a reset the same inputs give something else.
    CHECK(LargestError(session, data) > bound);
    lutra_context_reset(session.context());
    CHECK(LargestError(session, data) < bound);
    lutra_error error;
    lutra_error_init(&error);
    const lutra_status verified = lutra_context_verify(session.context(), &error);
    CHECK_MESSAGE(verified == LUTRA_OK, error.message);
    CHECK(lutra_context_verify(session.context(), &error) == LUTRA_OK);
  }
}

TEST_CASE("the state is one tensor for both sides, and lies apart from all others") {
  const Steps data;
  ConvertOptions options;
  options.states = {{"h", "next"}};
  const Outcome outcome = ConvertRecurrent(Recurrent(), options, &data);
  ModelView view;
  REQUIRE(OpenContainer(outcome.file.data(), outcome.file.size(), &view).ok());
  const schema::Tensor* kept = nullptr;
  for (const schema::Tensor* tensor : *view.model->tensors()) {
    if (tensor->lifetime() != schema::Lifetime::persistent) continue;
    CHECK(kept == nullptr);
    kept = tensor;
  }
  REQUIRE(kept != nullptr);
  CHECK(kept->type() == schema::TensorType::int8);
  const schema::Operator* last = view.model->operators()->Get(view.model->operators()->size() - 1);
  CHECK(last->options_type() == schema::Options::Reshape);
  const schema::Tensor* written = view.model->tensors()->Get(last->inputs()->Get(0));
  CHECK(view.model->tensors()->Get(last->outputs()->Get(0)) == kept);
  CHECK(written->scale() == kept->scale());
  CHECK(written->zero_point() == kept->zero_point());
}

TEST_CASE("each sample of a batch has a state of its own") {
  ConvertOptions options;
  options.states = {{"h", "next"}};
  const Outcome outcome = ConvertRecurrent(Recurrent(), options, nullptr);
  const Steps first(0), second(5);
  const std::vector<Tensor> wanted[] = {Expected(first), Expected(second)};
  RuntimeSession session(outcome.file, "rnn");
  lutra_options settings;
  lutra_options_init(&settings);
  settings.batch = 2;
  lutra_error error;
  lutra_error_init(&error);
  lutra_context* context = nullptr;
  REQUIRE(lutra_context_create(session.model(), &settings, &context, &error) == LUTRA_OK);
  for (size_t step = 0; step < kSteps; ++step) {
    std::vector<float> x;
    for (const Steps* data : {&first, &second}) {
      const data::Sample sample = data->Get(step);
      const auto values = sample.input.as<float>();
      x.insert(x.end(), values.begin(), values.end());
    }
    std::vector<float> y(10);
    REQUIRE(lutra_context_set_input(context, 0, LUTRA_FLOAT32, x.data(), 32, &error) == LUTRA_OK);
    REQUIRE(lutra_context_run(context, &error) == LUTRA_OK);
    REQUIRE(lutra_context_get_output(context, 0, LUTRA_FLOAT32, y.data(), 40, &error) == LUTRA_OK);
    for (size_t i = 0; i < y.size(); ++i) {
      const float exact = wanted[i / 5][step].as<float>()[i % 5];
      CHECK(std::fabs(static_cast<double>(y[i] - exact)) < 1e-5);
    }
  }
  lutra_context_destroy(context);
}

TEST_CASE("states that are none are refused") {
  const auto message = [](const std::vector<State>& states, onnx::ModelProto model = Recurrent()) {
    Graph graph = importing::Import(model);
    try {
      SetStates(graph, states);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message({{"h", "next"}}) == "");
  CHECK(message({{"g", "next"}}) ==
        "--state g=next: the network has no input 'g'; its inputs are 'h', 'x'");
  CHECK(message({{"h", "a"}}) ==
        "--state h=a: the network has no output 'a'; its outputs are 'next', 'y'");
  CHECK(message({{"h", "y"}}) ==
        "--state h=y: 'h' is float32 1x6, 'y' is float32 1x5; a state needs one shape and type");
  CHECK(message({{"h", "next"}, {"x", "next"}}) ==
        "--state x=next: 'next' is in another --state already");
  CHECK(message({{"h", "next"}, {"h", "y"}}) == "--state h=y: 'h' is in another --state already");
  onnx::ModelProto alone = Recurrent();
  alone.mutable_graph()->mutable_output()->RemoveLast();
  CHECK(message({{"h", "next"}}, alone) == "--state: no other output is left");
  CHECK_THROWS_WITH_AS(ParseState("h"), "--state 'h' is not IN=OUT", Error);
  CHECK(ParseState("h=next").output == "next");
}

}  // namespace
}  // namespace lutra::converter::lowering
