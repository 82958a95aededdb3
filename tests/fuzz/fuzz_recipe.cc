// libFuzzer target for texts that users write: recipes of networks and of archives, descriptions of
// data, lists of images, and the texts of flags. The first byte chooses which. Of a recipe that is
// accepted, what is written from it must be read again as the same.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "converter/archive/recipe.h"
#include "converter/cli/own_recipe.h"
#include "converter/data/dataset.h"
#include "converter/data/spec.h"
#include "converter/edit/per_layer.h"
#include "converter/error.h"
#include "converter/files.h"
#include "converter/json_text.h"
#include "converter/quantize/recipe.h"
#include "support/temp_folder.h"

namespace lutra::test {
namespace {

using namespace lutra::converter;
using quantize::LayerScheme;

Graph ThreeLayers() {
  Graph graph;
  for (const char* name : {"conv1", "conv2", "head_cls"}) {
    Node& node = graph.nodes.emplace_back();
    node.op = "Conv";
    node.outputs = {name};
  }
  return graph;
}

void ReadNetworkRecipe(std::string_view text) {
  static const Graph graph = ThreeLayers();
  const auto write = [](std::string_view recipe) {
    const auto schemes = quantize::ReadRecipe(graph, {}, recipe, "recipe.json");
    return cli::MarkRecipe(quantize::WriteRecipe(graph, {}, schemes));
  };
  const std::string written = write(text);
  if (!cli::IsMarkedRecipe(written) || write(written) != written) std::abort();
}

void ReadArchiveRecipe(std::string_view text) {
  checkpoint::Checkpoint tensors;
  for (const char* name : {"module.conv.weight", "fc.weight", "fc.bias"}) {
    tensors.tensors.push_back({name, Tensor::Of({2}, std::vector<float>{1, 2})});
  }
  archive::CompressOptions options;
  archive::ReadArchiveRecipe(tensors, text, "recipe.json", options);
}

/// The description alone: what it names would be files of this machine.
void ReadDescription(std::string_view text) {
  const auto object = ParseJson<nlohmann::json>(text, "data.json");
  if (object.is_object()) data::ParseDataSpec(object, "data.json", "folder");
}

/// Lines of FILE TAB CLASS; the images are looked for but not opened.
void ReadList(std::string_view text) {
  static const TempFolder folder;
  data::DataSpec spec;
  spec.origin = "data.json";
  spec.format = data::DataFormat::list;
  spec.path = folder / "list.txt";
  WriteText(spec.path, text);
  data::OpenDataset(spec);
}

/// One text a line, as flags give them.
void ReadFlags(std::string_view text) {
  std::vector<std::string> texts;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    texts.emplace_back(line);
    LayerScheme scheme;
    lutra::WeightFormat format;
    for (const auto& set :
         {std::function<void()>([&] { SetWeights(scheme, line); }),
          std::function<void()>([&] { SetWeights(format, line, kArchiveWords); }),
          std::function<void()>([&] { SetGranularity(format, line, kArchiveWords); })}) {
      try {
        set();
      } catch (const Error&) {
      }
    }
  }
  edit::PerLayer("--keep", texts, {0, 100});
}

}  // namespace
}  // namespace lutra::test

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lutra::test;
  if (size < 1) return 0;
  constexpr void (*kReaders[])(std::string_view) = {ReadNetworkRecipe, ReadArchiveRecipe,
                                                    ReadDescription, ReadList, ReadFlags};
  try {
    kReaders[data[0] % std::size(kReaders)]({reinterpret_cast<const char*>(data + 1), size - 1});
  } catch (const lutra::converter::Error&) {
  }
  return 0;
}
