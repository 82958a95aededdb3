#include "converter/train/fingerprint.h"

#include <string_view>
#include <type_traits>
#include <variant>

#include "converter/exact_text.h"
#include "schema/container.h"

namespace lutra::converter::train {
namespace {

std::string Texts(std::initializer_list<double> numbers) {
  std::string all;
  for (const double number : numbers) all += (all.empty() ? "" : ",") + ExactText(number);
  return all;
}

class Checksum {
 public:
  void Add(std::string_view text) {
    Add(text.size());
    Bytes(text.data(), text.size());
  }
  template <typename T>
  requires std::is_arithmetic_v<T>
  void Add(T number) { Bytes(&number, sizeof number); }
  template <typename T>
  void Add(const std::vector<T>& list) {
    Add(list.size());
    for (const auto& element : list) Add(element);
  }
  void Add(const Tensor& tensor) {
    Add(static_cast<int>(tensor.type()));
    Add(tensor.dims());
    Bytes(tensor.bytes().data(), tensor.bytes().size());
  }
  void Add(const std::map<std::string, Tensor>& tensors) {
    for (const auto& [name, tensor] : tensors) {
      Add(name);
      Add(tensor);
    }
  }
  void Add(const Node& node) {
    Add(node.domain + "." + node.op);
    Add(node.inputs);
    Add(node.outputs);
    for (const auto& [name, value] : node.attributes) {
      Add(name);
      std::visit([&](const auto& held) { Add(held); }, value);
    }
    if (node.clamp) {
      Add(node.clamp->lo);
      Add(node.clamp->hi);
    }
    Add(static_cast<int>(node.layout));
  }
  std::string text() const { return std::to_string(crc_); }

 private:
  void Bytes(const void* bytes, size_t size) { crc_ = Crc32c(bytes, size, crc_); }
  uint32_t crc_ = 0;
};

std::string ChecksumOf(const Network& network) {
  Checksum checksum;
  for (const Node& node : network.graph.nodes) checksum.Add(node);
  checksum.Add(network.graph.initializers);
  checksum.Add(network.scores);
  for (const TrainedWeight& weight : network.weights) {
    checksum.Add(weight.name());
    checksum.Add(weight.State());
  }
  checksum.Add(network.statistics);
  return checksum.text();
}

}  // namespace

Fingerprint FingerprintOf(const TrainSettings& settings, size_t batch, const Network& network,
                          const SampleStore& store) {
  const OptimizerSettings& optimizer = settings.optimizer;
  const Schedule& schedule = settings.schedule;
  const Augmentation& augmentation = settings.batches.augmentation;
  std::string milestones;
  for (const double milestone : schedule.milestones) milestones += ExactText(milestone) + ",";
  Fingerprint all = {
      {"--epochs", std::to_string(settings.epochs)},
      {"--batch", std::to_string(batch)},
      {"--seed", std::to_string(settings.batches.seed)},
      {"--rate", ExactText(schedule.rate)},
      {"--warm-up", std::to_string(schedule.warm_up)},
      {"--momentum", ExactText(optimizer.momentum)},
      {"--weight-decay", ExactText(optimizer.weight_decay)},
      {"--validation", ExactText(settings.validation)},
      {"--smoothing", ExactText(static_cast<double>(settings.smoothing))},
      {"--clip", ExactText(settings.largest_norm)},
      {"--average", ExactText(settings.average)},
      {"--target", ExactText(settings.target)},
      {"the network", ChecksumOf(network)},
      {"the data", std::to_string(store.Checksum())},
  };
  // What has a word, or several numbers, on the command line: that it differs is enough.
  all["the --augment"] = Texts({augmentation.flip ? 1.0 : 0.0, double(augmentation.crop),
                                double(augmentation.shift), augmentation.jitter, augmentation.noise,
                                double(augmentation.cutout), augmentation.mixup});
  all["the --optimizer"] = Texts({double(optimizer.method), optimizer.nesterov ? 1.0 : 0.0,
                                  optimizer.beta1, optimizer.beta2, optimizer.epsilon});
  all["the --schedule"] =
      milestones + Texts({double(schedule.shape), schedule.gamma, schedule.rise,
                          schedule.start_divisor, schedule.end_divisor, schedule.warm_up_start});
  all["the teacher's share or temperature"] = Texts({settings.teacher_share, settings.temperature,
                                                     settings.goal == Goal::labels    ? 1.0
                                                     : settings.goal == Goal::targets ? 2.0
                                                                                      : 0.0});
  all.insert(settings.fingerprint.begin(), settings.fingerprint.end());
  return all;
}

}  // namespace lutra::converter::train
