// `lutra run`: arrays in, arrays out, sample by sample.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/npy.h"
#include "base/npy_floats.h"
#include "base/output_files.h"
#include "runtime/hooks.h"
#include "runtime/port_type.h"
#include "runtime/tools/commands.h"
#include "runtime/tools/model.h"
#include "runtime/tools/npy_integers.h"
#include "runtime/tools/options.h"
#include "runtime/tools/process.h"

namespace lutra::tools {
namespace {

constexpr const char* kRunTool = "lutra run";

// A port and the file bound to it.
struct Binding {
  size_t index = 0;
  lutra_port port{};
  std::string path;
  NpyArray array;
  lutra_type type = LUTRA_FLOAT32;
  size_t sample_bytes = 0;
};

// Where the file's name begins in [NAME=]FILE.npy. A folder has no '=' in front of it that parts a
// name off, unless there is a port of that name.
size_t FileStart(const lutra_model* model, bool input, const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return 0;
  const auto find = input ? lutra_model_find_input : lutra_model_find_output;
  size_t index = 0;
  const bool known = find(model, text.substr(0, equals).c_str(), &index, nullptr) == LUTRA_OK;
  return known || text.find('/') > equals ? equals + 1 : 0;
}

// [NAME=]FILE.npy, by name or by position.
bool Bind(const lutra_model* model, bool input, const std::vector<std::string>& texts,
          std::vector<Binding>* bindings, std::string* error) {
  const char* what = input ? "input" : "output";
  const size_t count = input ? lutra_model_input_count(model) : lutra_model_output_count(model);
  size_t position = 0;
  for (const std::string& text : texts) {
    Binding binding;
    const size_t start = FileStart(model, input, text);
    if (start == 0) {
      if (position >= count) {
        *error = text + ": is one " + what + " too many; the model has " + std::to_string(count);
        return false;
      }
      binding.index = position++;
      binding.path = text;
    } else {
      const std::string name = text.substr(0, start - 1);
      ApiError failure;
      const auto find = input ? lutra_model_find_input : lutra_model_find_output;
      if (find(model, name.c_str(), &binding.index, failure.get()) != LUTRA_OK) {
        *error = failure.Of(text);
        return false;
      }
      binding.path = text.substr(start);
    }
    binding.port = input ? InputPort(model, binding.index) : OutputPort(model, binding.index);
    for (const Binding& other : *bindings) {
      if (other.index == binding.index) {
        *error = text + ": " + what + " '" + binding.port.name + "' is given twice";
        return false;
      }
    }
    bindings->push_back(std::move(binding));
  }
  return true;
}

bool CrossesAsFloat(const lutra_port& port) { return HoldsReals(ToTensorType(port.native_type)); }

// The form the array's type stands for: the input's own elements, or real numbers.
lutra_type FormOf(const lutra_port& port, const NpyHeader& header) {
  if (!CrossesAsFloat(port)) return port.native_type;
  if (header.item_bytes != 1) return LUTRA_FLOAT32;
  if (header.kind == 'i' && port.native_type == LUTRA_INT8) return LUTRA_INT8;
  if (header.kind == 'u' && port.accepts_uint8 != 0) return LUTRA_UINT8;
  return LUTRA_FLOAT32;
}

bool HasShape(const std::vector<int64_t>& have, const int32_t* shape, size_t rank) {
  bool same = have.size() == rank;
  for (size_t i = 1; same && i < rank; ++i) same = have[i] == shape[i];
  return same && (rank == 0 || (have[0] > 0 && have[0] % shape[0] == 0));
}

// Bytes [N, C, H, W] as the ONNX graph has them -> [N, H, W, C], as the tensor lies. An array that
// could be either (C = H = W) is in the graph's order.
void ToChannelsLast(const lutra_port& port, NpyArray* array) {
  std::vector<int64_t>& shape = array->header.shape;
  const size_t rank = port.rank;
  if (rank < 3 || rank != port.native_rank || !HasShape(shape, port.shape, rank) ||
      port.native_shape[rank - 1] != port.shape[1] ||
      !std::equal(port.shape + 2, port.shape + rank, port.native_shape + 1)) {
    return;
  }
  const auto images = static_cast<size_t>(shape[0]), channels = static_cast<size_t>(shape[1]);
  const size_t plane = array->bytes.size() / images / channels;
  std::vector<uint8_t> moved(array->bytes.size());
  for (size_t n = 0; n < images; ++n) {
    const size_t image = n * channels * plane;
    for (size_t c = 0; c < channels; ++c) {
      for (size_t p = 0; p < plane; ++p) {
        moved[image + p * channels + c] = array->bytes[image + c * plane + p];
      }
    }
  }
  array->bytes = std::move(moved);
  std::rotate(shape.begin() + 1, shape.begin() + 2, shape.end());
}

// Samples in the array: its first dimension over the model's. A scalar is one.
bool CountSamples(const Binding& binding, const int32_t* shape, size_t rank, size_t* samples,
                  std::string* error) {
  const std::vector<int64_t>& have = binding.array.header.shape;
  if (!HasShape(have, shape, rank)) {
    *error = binding.path + ": has shape " + binding.array.header.ShapeText() + ", but input '" +
             binding.port.name + "' takes " + ShapeText(shape, rank) +
             "; the first dimension may be a multiple of it";
    return false;
  }
  *samples = rank == 0 ? 1 : static_cast<size_t>(have[0] / shape[0]);
  return true;
}

bool ReadInput(const lutra_model* model, Binding* binding, size_t* samples, std::string* error) {
  if (!ReadNpy(binding->path, &binding->array, error)) return false;
  const lutra_port& port = binding->port;
  binding->type = FormOf(port, binding->array.header);
  if (binding->type == LUTRA_FLOAT32) {
    return CountSamples(*binding, port.shape, port.rank, samples, error) &&
           ToFloats(binding->path, &binding->array, error);
  }
  const bool permuted = InputIsPermuted(model, binding->index);
  if (!CrossesAsFloat(port)) {
    return CountSamples(*binding, permuted ? port.native_shape : port.shape,
                        permuted ? port.native_rank : port.rank, samples, error) &&
           ToIntegers(binding->path, ToTensorType(port.native_type), &binding->array, error);
  }
  if (permuted) ToChannelsLast(port, &binding->array);
  return CountSamples(*binding, port.native_shape, port.native_rank, samples, error);
}

bool ReadInputs(const lutra_model* model, std::vector<Binding>* inputs, size_t* samples,
                std::string* error) {
  *samples = 0;
  for (Binding& binding : *inputs) {
    size_t here = 0;
    if (!ReadInput(model, &binding, &here, error)) return false;
    if (*samples != 0 && here != *samples) {
      *error = binding.path + ": holds " + std::to_string(here) + " samples where " +
               inputs->front().path + " holds " + std::to_string(*samples);
      return false;
    }
    *samples = here;
    binding.sample_bytes = binding.array.bytes.size() / here;
  }
  return true;
}

void MakeOutputs(std::vector<Binding>* outputs, size_t samples) {
  for (Binding& binding : *outputs) {
    // A quantized network may end in integers of its own.
    binding.type = binding.port.preferred_type;
    NpyHeader& header = binding.array.header;
    header = HeaderOf(ToTensorType(binding.type));
    header.shape.assign(binding.port.shape, binding.port.shape + binding.port.rank);
    if (header.shape.empty() && samples > 1) header.shape = {1};  // a scalar of each
    if (!header.shape.empty()) header.shape[0] *= static_cast<int64_t>(samples);
    binding.sample_bytes = binding.port.elements * header.item_bytes;
    binding.array.bytes.resize(samples * binding.sample_bytes);
  }
}

// Quantized values, to be had as their integers in the order of the ONNX graph.
bool IsIntegersOfReals(const Binding& binding) {
  return IsQuantized(ToTensorType(binding.port.native_type)) && binding.type != LUTRA_FLOAT32;
}

// The integers of real values, in the order of the ONNX graph.
void IntegersOf(const Binding& binding, const std::vector<float>& values, uint8_t* out) {
  const int shift = binding.type == LUTRA_UINT8 ? 128 : 0;
  for (const float value : values) {
    const auto steps = static_cast<int>(std::lrint(value / binding.port.scale));
    *out++ = static_cast<uint8_t>(steps + binding.port.zero_point + shift);
  }
}

bool RunSamples(lutra_context* context, const std::vector<Binding>& inputs,
                std::vector<Binding>* outputs, size_t samples, std::string* error) {
  ApiError failure;
  std::vector<float> values;
  for (size_t s = 0; s < samples; ++s) {
    for (const Binding& binding : inputs) {
      if (lutra_context_set_input(context, binding.index, binding.type,
                                  binding.array.bytes.data() + s * binding.sample_bytes,
                                  binding.sample_bytes, failure.get()) != LUTRA_OK) {
        *error = failure.Of(binding.path);
        return false;
      }
    }
    if (lutra_context_run(context, failure.get()) != LUTRA_OK) {
      *error = failure.get()->message;
      return false;
    }
    for (Binding& binding : *outputs) {
      uint8_t* out = binding.array.bytes.data() + s * binding.sample_bytes;
      const bool integers = IsIntegersOfReals(binding);
      values.resize(integers ? binding.port.elements : 0);
      void* data = integers ? static_cast<void*>(values.data()) : out;
      const size_t bytes = integers ? values.size() * sizeof(float) : binding.sample_bytes;
      if (lutra_context_get_output(context, binding.index, integers ? LUTRA_FLOAT32 : binding.type,
                                   data, bytes, failure.get()) != LUTRA_OK) {
        *error = failure.Of(binding.path);
        return false;
      }
      if (integers) IntegersOf(binding, values, out);
    }
  }
  return true;
}

// No output may be a file that is read, or that of another output.
bool NameFiles(const std::string& model, const std::vector<Binding>& inputs,
               const std::vector<Binding>& outputs, OutputFiles* files, std::string* error) {
  if (!files->Reads("the model", model, error)) return false;
  for (const Binding& binding : inputs) {
    if (!files->Reads("--input", binding.path, error)) return false;
  }
  for (const Binding& binding : outputs) {
    if (!files->Writes("--output", binding.path, error)) return false;
  }
  return true;
}

bool Run(const std::string& path, const Options& options, const lutra_options& settings,
         std::string* error) {
  ModelPointer model;
  ContextPointer context;
  std::vector<Binding> inputs, outputs;
  size_t samples = 0;
  if (!OpenModel(path, settings, &model, error) ||
      !Bind(model.get(), true, options.List("--input"), &inputs, error) ||
      !Bind(model.get(), false, options.List("--output"), &outputs, error)) {
    return false;
  }
  for (size_t i = 0; i < lutra_model_input_count(model.get()); ++i) {
    const bool bound = std::any_of(inputs.begin(), inputs.end(),
                                   [&](const Binding& binding) { return binding.index == i; });
    if (!bound) {
      *error = path + ": input '" + InputPort(model.get(), i).name +
               "' has no data; give --input NAME=X.npy";
      return false;
    }
  }
  OutputFiles files;
  if (!NameFiles(path, inputs, outputs, &files, error) ||
      !ReadInputs(model.get(), &inputs, &samples, error) ||
      !CreateContext(path, model.get(), settings, &context, error)) {
    return false;
  }
  MakeOutputs(&outputs, samples);
  if (!RunSamples(context.get(), inputs, &outputs, samples, error)) return false;
  for (const Binding& binding : outputs) {
    const std::vector<uint8_t> file = EncodeNpy(binding.array.header, binding.array.bytes);
    if (!files.Write(binding.path, file, error)) return false;
  }
  return files.Commit(error);
}

}  // namespace

int RunModel(const std::vector<std::string>& arguments) {
  Options options;
  std::string error;
  uint64_t threads = 1;
  if (!options.Parse({{"--input", OptionSpec::list},
                      {"--output", OptionSpec::list},
                      {"--threads", OptionSpec::value},
                      {"--cpu", OptionSpec::value}},
                     arguments, &error) ||
      !options.Count("--threads", 1, 64, &threads, &error)) {
    return Complain(kRunTool, error + "; see lutra run --help", kMisuse);
  }
  if (options.plain().size() != 1 || !options.Has("--input") || !options.Has("--output")) {
    return Complain(kRunTool, "needs one FILE, --input and --output; see lutra run --help",
                    kMisuse);
  }
  ExitWithoutMemory(kRunTool, options.plain()[0].c_str());
  const std::string row = options.Text("--cpu", "");
  const lutra_options settings = MakeOptions(row, threads);
  if (!Run(options.plain()[0], options, settings, &error))
    return Complain(kRunTool, error, kFailed);
  return 0;
}

}  // namespace lutra::tools
