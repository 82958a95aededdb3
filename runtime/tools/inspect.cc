// `lutra inspect`: what a model file holds and what it needs, as text or JSON.
#include <cinttypes>
#include <cstdio>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "runtime/hooks.h"
#include "runtime/port_type.h"
#include "runtime/tools/commands.h"
#include "runtime/tools/model.h"
#include "runtime/tools/options.h"
#include "runtime/tools/process.h"
#include "schema/container.h"

namespace lutra::tools {
namespace {

constexpr const char* kInspectTool = "lutra inspect";

struct Inspection {
  std::string path;
  size_t file_bytes = 0;
  ModelView view;
  ModelPointer model;
  lutra_memory memory{};
  size_t threads = 1;
};

const char* Text(const flatbuffers::String* text) { return text == nullptr ? "" : text->c_str(); }

const char* NameOf(lutra_type type) { return TypeName(ToTensorType(type)); }

const schema::Operator& OperatorAt(const Inspection& it, size_t index) {
  return *it.view.model->operators()->Get(static_cast<flatbuffers::uoffset_t>(index));
}

const schema::Tensor& FirstOutput(const Inspection& it, size_t index) {
  return *it.view.model->tensors()->Get(OperatorAt(it, index).outputs()->Get(0));
}

std::string OutputText(const schema::Tensor& tensor) {
  return std::string(TypeName(tensor.type())) + " " +
         ShapeText(tensor.shape()->data(), tensor.shape()->size());
}

void PrintPort(const char* what, const lutra_port& port) {
  // What the values are: real numbers cross as float32 too.
  const schema::TensorType type = ToTensorType(port.native_type);
  std::printf("%s %s  %s %s", what, port.name, HoldsReals(type) ? "float32" : TypeName(type),
              ShapeText(port.shape, port.rank).c_str());
  if (type == schema::TensorType::float16) std::printf(", tensor float16");
  if (port.native_type == LUTRA_INT8) {
    std::printf(", tensor int8 %s scale %.9g zero point %" PRId32,
                ShapeText(port.native_shape, port.native_rank).c_str(),
                static_cast<double>(port.scale), port.zero_point);
  }
  std::printf("%s, preferred %s\n", port.accepts_uint8 != 0 ? ", takes uint8 pixels" : "",
              NameOf(port.preferred_type));
}

void PrintText(const Inspection& it) {
  const schema::Model& model = *it.view.model;
  std::printf("%s: %zu bytes, model '%s', by %s\n", Printable(it.path).c_str(), it.file_bytes,
              Text(model.name()), Text(model.producer()));
  std::printf("format %u, numerics %u, needs runtime %u\n", model.format_version(),
              model.numerics_version(), model.min_runtime_version());
  if (model.fp32_bytes() != 0) {
    std::printf("FP32 weights %" PRIu64 " bytes, ratio %.2f\n", model.fp32_bytes(),
                static_cast<double>(model.fp32_bytes()) / static_cast<double>(it.file_bytes));
  }
  for (size_t i = 0; i < lutra_model_input_count(it.model.get()); ++i) {
    PrintPort("input ", InputPort(it.model.get(), i));
  }
  for (size_t i = 0; i < lutra_model_output_count(it.model.get()); ++i) {
    PrintPort("output", OutputPort(it.model.get(), i));
  }
  std::printf("\n%4s  %-11s %-10s %10s %-8s %12s  %-28s %s\n", "", "operator", "kernel", "bytes",
              "stored", "mult-adds", "result", "name");
  size_t weight_bytes = 0;
  for (size_t i = 0; i < OperatorCount(it.model.get()); ++i) {
    const OperatorInfo info = DescribeOperator(it.model.get(), i);
    weight_bytes += info.weight_bytes;
    std::printf("%4zu  %-11s %-10s %10zu %-8s %12" PRIu64 "  %-28s %s\n", i, info.type, info.kernel,
                info.weight_bytes, info.encoding, info.multiply_adds,
                OutputText(FirstOutput(it, i)).c_str(), info.output_name);
  }
  std::printf("\nbytes: weights and their parameters %zu, everything else %zu\n", weight_bytes,
              it.file_bytes - weight_bytes);
  std::printf(
      "memory on row %s, %zu thread%s: model %zu, context %zu (arena %zu), aligned to %zu\n",
      lutra_model_row(it.model.get()), it.threads, it.threads == 1 ? "" : "s",
      it.memory.model_bytes, it.memory.context_bytes, it.memory.arena_bytes, it.memory.alignment);
  if (const schema::Certificate* certificate = model.certificate()) {
    std::printf("certificate: %s %.6g on %u samples (data %016" PRIx64 ")\n",
                Text(certificate->metric()), static_cast<double>(certificate->value()),
                certificate->samples(), certificate->data_hash());
  }
  std::printf("golden check: %s\n", model.golden() == nullptr ? "none" : "present (lutra verify)");
}

void WriteShape(JsonWriter& json, const int32_t* shape, size_t rank) {
  json.Open('[');
  for (size_t i = 0; i < rank; ++i) json.Integer(shape[i]);
  json.Close();
}

void WritePort(JsonWriter& json, const lutra_port& port) {
  json.Open('{').Key("name").Text(port.name).Key("shape");
  WriteShape(json, port.shape, port.rank);
  json.Key("tensor_type").Text(NameOf(port.native_type)).Key("tensor_shape");
  WriteShape(json, port.native_shape, port.native_rank);
  if (port.native_type == LUTRA_INT8) {
    json.Key("scale").Number(port.scale).Key("zero_point").Integer(port.zero_point);
  }
  json.Key("preferred").Text(NameOf(port.preferred_type));
  json.Key("accepts_uint8").Boolean(port.accepts_uint8 != 0).Close();
}

void WriteOperator(JsonWriter& json, const Inspection& it, size_t index) {
  const OperatorInfo info = DescribeOperator(it.model.get(), index);
  const schema::Tensor& output = FirstOutput(it, index);
  json.Open('{').Key("name").Text(info.output_name).Key("type").Text(info.type);
  json.Key("kernel").Text(info.kernel).Key("row").Text(info.row);
  json.Key("bytes").Integer(static_cast<int64_t>(info.weight_bytes));
  json.Key("encoding").Text(info.encoding);
  json.Key("packed_bytes").Integer(static_cast<int64_t>(info.packed_bytes));
  json.Key("multiply_adds").Integer(static_cast<int64_t>(info.multiply_adds));
  json.Key("output_type").Text(TypeName(output.type()));
  json.Key("output_shape");
  WriteShape(json, output.shape()->data(), output.shape()->size());
  json.Close();
}

void WriteCertificate(JsonWriter& json, const schema::Certificate& certificate) {
  char hash[20];
  std::snprintf(hash, sizeof hash, "%016" PRIx64, certificate.data_hash());
  json.Key("certificate").Open('{').Key("metric").Text(Text(certificate.metric()));
  json.Key("value").Number(static_cast<double>(certificate.value()));
  json.Key("samples").Integer(certificate.samples()).Key("data_hash").Text(hash);
  json.Key("layer_sqnr_db").Open('[');
  if (certificate.layer_sqnr_db() != nullptr) {
    for (const float sqnr : *certificate.layer_sqnr_db()) {
      json.Number(static_cast<double>(sqnr));
    }
  }
  json.Close().Close();
}

void PrintJson(const Inspection& it) {
  const schema::Model& model = *it.view.model;
  JsonWriter json;
  json.Open('{').Key("file").Text(it.path);
  json.Key("bytes").Integer(static_cast<int64_t>(it.file_bytes));
  json.Key("fp32_bytes").Integer(static_cast<int64_t>(model.fp32_bytes()));
  json.Key("name").Text(Text(model.name())).Key("producer").Text(Text(model.producer()));
  json.Key("format_version").Integer(model.format_version());
  json.Key("numerics_version").Integer(model.numerics_version());
  json.Key("min_runtime_version").Integer(model.min_runtime_version());
  json.Key("inputs").Open('[');
  for (size_t i = 0; i < lutra_model_input_count(it.model.get()); ++i) {
    WritePort(json, InputPort(it.model.get(), i));
  }
  json.Close().Key("outputs").Open('[');
  for (size_t i = 0; i < lutra_model_output_count(it.model.get()); ++i) {
    WritePort(json, OutputPort(it.model.get(), i));
  }
  json.Close().Key("operators").Open('[');
  for (size_t i = 0; i < OperatorCount(it.model.get()); ++i) WriteOperator(json, it, i);
  json.Close().Key("memory").Open('{').Key("row").Text(lutra_model_row(it.model.get()));
  json.Key("threads").Integer(static_cast<int64_t>(it.threads));
  json.Key("model_bytes").Integer(static_cast<int64_t>(it.memory.model_bytes));
  json.Key("context_bytes").Integer(static_cast<int64_t>(it.memory.context_bytes));
  json.Key("arena_bytes").Integer(static_cast<int64_t>(it.memory.arena_bytes));
  json.Key("alignment").Integer(static_cast<int64_t>(it.memory.alignment)).Close();
  if (model.certificate() != nullptr) WriteCertificate(json, *model.certificate());
  json.Key("golden_check").Boolean(model.golden() != nullptr).Close();
  std::printf("%s\n", json.text().c_str());
}

bool Inspect(const std::string& path, const lutra_options& settings, bool as_json,
             std::string* error) {
  std::vector<uint8_t> bytes;
  if (!ReadFile(path, &bytes, error)) return false;
  Inspection it;
  it.path = path;
  it.file_bytes = bytes.size();
  it.threads = settings.threads;
  it.memory.struct_size = sizeof it.memory;
  ApiError failure;
  lutra_model* model = nullptr;
  if (lutra_requirements(bytes.data(), bytes.size(), &settings, &it.memory, failure.get()) !=
          LUTRA_OK ||
      lutra_model_open_buffer(bytes.data(), bytes.size(), &settings, &model, failure.get()) !=
          LUTRA_OK) {
    *error = failure.Of(path);
    return false;
  }
  it.model.reset(model);
  if (const Status status = OpenContainer(bytes.data(), bytes.size(), &it.view); !status.ok()) {
    *error = path + ": " + status.message();
    return false;
  }
  as_json ? PrintJson(it) : PrintText(it);
  return true;
}

}  // namespace

int InspectModel(const std::vector<std::string>& arguments) {
  Options options;
  std::string error;
  uint64_t threads = 1;
  if (!options.Parse({{"--json", OptionSpec::flag},
                      {"--cpu", OptionSpec::value},
                      {"--threads", OptionSpec::value}},
                     arguments, &error) ||
      !options.Count("--threads", 1, 64, &threads, &error)) {
    return Complain(kInspectTool, error + "; see lutra inspect --help", kMisuse);
  }
  if (options.plain().size() != 1) {
    return Complain(kInspectTool, "name one .lutra file; see lutra inspect --help", kMisuse);
  }
  ExitWithoutMemory(kInspectTool, options.plain()[0].c_str());
  const std::string row = options.Text("--cpu", "");
  if (!Inspect(options.plain()[0], MakeOptions(row, threads), options.Flag("--json"), &error)) {
    return Complain(kInspectTool, error, kFailed);
  }
  return OutputArrived() ? 0 : Complain(kInspectTool, "cannot write the output", kFailed);
}

}  // namespace lutra::tools
