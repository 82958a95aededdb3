#include "converter/train/checkpoint.h"

#include <charconv>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "converter/checkpoint/safetensors.h"
#include "converter/error.h"
#include "converter/exact_text.h"
#include "converter/files.h"
#include "schema/container.h"

namespace lutra::converter::train {
namespace {

using checkpoint::NamedTensor;
using executor::TensorMap;
using Metadata = std::map<std::string, std::string>;

// Keys of the metadata. The format is that of this version of the program and no other's.
constexpr const char* kFormat = "lutra_checkpoint";
constexpr const char* kFormatVersion = "2";
constexpr const char* kChecksum = "checksum";
constexpr std::string_view kFingerprint = "fingerprint/";

template <typename T>
void Parse(const Metadata& metadata, const std::string& key, T& number) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) throw Error("its " + key + " is missing");
  const std::string& text = found->second;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) {
    throw Error("its " + key + " is no number");
  }
}

/// Every number of the metadata, once for writing and once for reading.
template <typename State, typename Visit>
void VisitNumbers(State& progress, const Visit& visit) {
  visit("epochs", progress.epochs);
  visit("minibatches", progress.minibatches);
  visit("loss", progress.loss);
  visit("right", progress.right);
  visit("seconds", progress.seconds);
  visit("rate", progress.rate);
}

template <typename Best, typename Visit>
void VisitBest(Best& best, const Visit& visit) {
  visit("best_loss", best.loss);
  visit("best_accuracy", best.accuracy);
  visit("best_epoch", best.epoch);
}

void AddWeights(const std::string& prefix, const std::vector<TrainedWeight>& weights,
                std::vector<NamedTensor>& tensors) {
  for (const TrainedWeight& weight : weights) {
    const std::string stem = prefix + weight.name() + "/";
    for (auto& [key, tensor] : weight.State()) tensors.push_back({stem + key, tensor});
  }
}

void AddAll(const std::string& prefix, const TensorMap& values, const TensorMap& of,
            std::vector<NamedTensor>& tensors) {
  for (const auto& [name, unused] : of) tensors.push_back({prefix + name, values.at(name)});
}

std::string NumberedName(const char* kind, size_t number) { return kind + std::to_string(number); }

/// Tensors are taken out one after another, so what is left over does not belong there.
class Tensors {
 public:
  explicit Tensors(std::vector<NamedTensor> tensors) {
    for (NamedTensor& named : tensors) tensors_.emplace(named.name, std::move(named.tensor));
  }

  Tensor Take(const std::string& name, const Tensor& like) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end() || found->second.type() != like.type() ||
        found->second.dims() != like.dims()) {
      throw Error("'" + name + "' of dimensions " + DimsText(like.dims()) + " is not there");
    }
    Tensor tensor = std::move(found->second);
    tensors_.erase(found);
    return tensor;
  }

  /// Those whose name is the prefix and a key without '/'.
  std::map<std::string, Tensor> TakeAll(const std::string& prefix) {
    std::map<std::string, Tensor> taken;
    auto at = tensors_.lower_bound(prefix);
    while (at != tensors_.end() && at->first.starts_with(prefix)) {
      const std::string key = at->first.substr(prefix.size());
      if (key.find('/') != std::string::npos) {
        ++at;
        continue;
      }
      taken.emplace(key, std::move(at->second));
      at = tensors_.erase(at);
    }
    return taken;
  }

  void TakeWeights(const std::string& prefix, std::vector<TrainedWeight>& weights) {
    for (TrainedWeight& weight : weights) weight.Restore(TakeAll(prefix + weight.name() + "/"));
  }

  bool Has(const std::string& name) const { return tensors_.contains(name); }
  void CheckEmpty() const {
    if (!tensors_.empty()) throw Error("'" + tensors_.begin()->first + "' does not belong there");
  }

 private:
  std::map<std::string, Tensor> tensors_;
};

std::string ChecksumOf(std::span<const NamedTensor> tensors, const Metadata& metadata) {
  uint32_t checksum = 0;
  const auto add = [&](std::string_view text) {
    checksum = Crc32c(text.data(), text.size(), checksum);
  };
  for (const auto& [key, value] : metadata) {
    if (key == kChecksum) continue;
    add(key);
    add(value);
  }
  for (const NamedTensor& named : tensors) {
    add(named.name);
    checksum = Crc32c(named.tensor.bytes().data(), named.tensor.bytes().size(), checksum);
  }
  return ExactText(checksum);
}

std::vector<NamedTensor> TensorsOf(const RunState& state) {
  std::vector<NamedTensor> tensors;
  AddWeights("weights/", state.weights, tensors);
  AddAll("statistics/", state.statistics, state.statistics, tensors);
  const std::vector<Optimizer::StateTensor>& optimizer = state.optimizer.state();
  for (size_t i = 0; i < optimizer.size(); ++i) {
    tensors.push_back({NumberedName("optimizer/", i), optimizer[i].values});
  }
  for (size_t i = 0; i < state.average.size(); ++i) {
    tensors.push_back({NumberedName("average/", i), state.average[i]});
  }
  if (state.best) {
    AddWeights("best_weights/", state.best->weights, tensors);
    AddAll("best_statistics/", state.best->statistics, state.best->statistics, tensors);
  }
  return tensors;
}

void CheckFingerprint(const Metadata& metadata, const Fingerprint& fingerprint) {
  std::string differences;
  for (const auto& [what, value] : fingerprint) {
    const auto found = metadata.find(std::string(kFingerprint) + what);
    if (found != metadata.end() && found->second == value) continue;
    differences += differences.empty() ? what : ", " + what;
    // Checksums say nothing to a reader.
    if (!what.starts_with("--")) {
      differences += " is another";
      continue;
    }
    const std::string& there = found == metadata.end() ? "unknown" : found->second;
    differences += " is " + there + " there and " + value + " here";
  }
  if (differences.empty()) return;
  throw Error("belongs to another run: " + differences + "; give the same to go on with that run");
}

void Restore(checkpoint::Checkpoint file, const RunState& state) {
  const auto parse = [&](const char* key, auto& number) { Parse(file.metadata, key, number); };
  VisitNumbers(state.progress, parse);
  int ended = 0;
  uint64_t steps = 0;
  parse("ended", ended);
  parse("steps", steps);
  state.progress.ended = ended != 0;

  Tensors tensors(std::move(file.tensors));
  state.best.reset();
  if (file.metadata.contains("best_epoch")) {
    state.best = Kept{state.weights, state.statistics};
    VisitBest(*state.best, parse);
    tensors.TakeWeights("best_weights/", state.best->weights);
    for (auto& [name, tensor] : state.best->statistics) {
      tensor = tensors.Take("best_statistics/" + name, tensor);
    }
  }
  tensors.TakeWeights("weights/", state.weights);
  for (auto& [name, tensor] : state.statistics) {
    tensor = tensors.Take("statistics/" + name, tensor);
  }
  std::vector<Optimizer::StateTensor> optimizer = state.optimizer.state();
  for (size_t i = 0; i < optimizer.size(); ++i) {
    optimizer[i].values = tensors.Take(NumberedName("optimizer/", i), optimizer[i].values);
  }
  state.optimizer.Restore(steps, std::move(optimizer));
  state.average.clear();
  if (tensors.Has(NumberedName("average/", 0))) {
    for (const TrainedWeight& weight : state.weights) {
      for (const TrainedWeight::Latent& latent : weight.latents()) {
        state.average.push_back(
            tensors.Take(NumberedName("average/", state.average.size()), latent.values));
      }
    }
  }
  tensors.CheckEmpty();
}

checkpoint::Checkpoint Parsed(std::span<const uint8_t> bytes) {
  checkpoint::Checkpoint file = checkpoint::ReadSafetensors(bytes);
  const auto format = file.metadata.find(kFormat);
  if (format == file.metadata.end()) throw Error("is a safetensors file of something else");
  if (format->second != kFormatVersion) throw Error("was written by another version of Lutra");
  if (file.metadata[kChecksum] != ChecksumOf(file.tensors, file.metadata)) {
    throw Error("its checksum is wrong");
  }
  return file;
}

}  // namespace

void WriteCheckpoint(const std::string& path, const Fingerprint& fingerprint,
                     const RunState& state) {
  Metadata metadata;
  metadata[kFormat] = kFormatVersion;
  for (const auto& [what, value] : fingerprint) metadata[std::string(kFingerprint) + what] = value;
  const auto add = [&](const char* key, auto number) { metadata[key] = ExactText(number); };
  VisitNumbers(state.progress, add);
  add("ended", state.progress.ended ? 1 : 0);
  add("steps", state.optimizer.steps());
  if (state.best) VisitBest(*state.best, add);
  const std::vector<NamedTensor> tensors = TensorsOf(state);
  metadata[kChecksum] = ChecksumOf(tensors, metadata);
  try {
    WriteBytes(path, checkpoint::WriteSafetensors(tensors, metadata));
  } catch (const Error& error) {
    throw Error(std::string("--checkpoint: ") + error.what() +
                "; the same command goes on from the checkpoint before, if there is one");
  }
}

bool ReadCheckpoint(const std::string& path, const Fingerprint& fingerprint,
                    const RunState& state) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return false;
  const std::vector<uint8_t> bytes = ReadBytes(path);
  try {
    checkpoint::Checkpoint file = Parsed(bytes);
    CheckFingerprint(file.metadata, fingerprint);
    Restore(std::move(file), state);
  } catch (const Error& error) {
    throw Error(path + ": no checkpoint that this run could go on from: " + error.what() +
                "; remove it, or give another file to --checkpoint, to begin anew");
  }
  return true;
}

void RemoveCheckpoint(const std::string& path) {
  std::error_code fault;
  std::filesystem::remove(path, fault);
  if (fault) throw Error(path + ": cannot be removed: " + fault.message());
}

}  // namespace lutra::converter::train
