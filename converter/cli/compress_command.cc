// `lutra compress` and `lutra decompress`: weights without a graph.
#include <cstdio>
#include <memory>

#include "converter/archive/archive.h"
#include "converter/archive/recipe.h"
#include "converter/checkpoint/safetensors.h"
#include "converter/cli/common.h"
#include "converter/error.h"
#include "converter/files.h"
#include "converter/graph/weight_text.h"
#include "converter/json_text.h"
#include "converter/report/archive_table.h"

namespace lutra::converter::cli {
namespace {

struct CompressCommand {
  std::string input, output, recipe;
  std::string weights = "linear8", granularity = "channel", codec = "smallest";
  bool asymmetric = false, json = false;

  void Run() const {
    archive::CompressOptions options;
    options.format.asymmetric = asymmetric;
    Set("--weights", [&] { SetWeights(options.format, weights, kArchiveWords); });
    Set("--granularity", [&] { SetGranularity(options.format, granularity, kArchiveWords); });
    if (codec == "none") options.codec = coding::Codec::none;
    if (codec == "huffman") options.codec = coding::Codec::huffman;
    if (codec == "best") options.codec = coding::Codec::best;

    Outputs outputs;
    outputs.Reads("the weights", input);
    if (!recipe.empty()) outputs.Reads("--recipe", recipe);
    outputs.Writes("-o", output);
    ReadsExternalFiles(outputs, input, {output});

    const checkpoint::Checkpoint checkpoint = checkpoint::ReadCheckpoint(input);
    if (!recipe.empty()) {
      archive::ReadArchiveRecipe(checkpoint, ReadText(recipe, kMostJsonBytes), recipe, options);
    }
    const archive::CompressedArchive archive = Pack(checkpoint, options);
    outputs.Write(output, archive.file);
    outputs.Commit();
    if (json) {
      const std::string text =
          report::ArchiveJson(archive.listing, true, checkpoint.skipped, archive.warnings);
      PrintText(text);
    } else {
      PrintText(report::ArchiveText(archive.listing, true));
      for (const checkpoint::SkippedEntry& entry : checkpoint.skipped) {
        PrintText("skipped " + entry.path + ": " + entry.what + "\n");
      }
    }
    PrintWarnings("compress", archive.warnings);
  }

 private:
  static void Set(const char* flag, const std::function<void()>& setter) {
    try {
      setter();
    } catch (const Error& error) {
      throw CLI::ValidationError(flag, error.what());
    }
  }

  archive::CompressedArchive Pack(const checkpoint::Checkpoint& checkpoint,
                                  archive::CompressOptions& options) const {
    Progress progress;
    options.progress = [&](size_t done, size_t total) { progress.Show("tensor", done, total); };
    try {
      return archive::Compress(checkpoint, options);
    } catch (const Error& error) {
      throw Error(input + ": " + error.what());
    }
  }
};

struct DecompressCommand {
  std::string input, output;

  void Run() const {
    Outputs outputs;
    outputs.Reads("the archive", input);
    outputs.Writes("-o", output);
    const std::vector<uint8_t> bytes = ReadBytes(input);
    std::vector<uint8_t> weights;
    try {
      weights = checkpoint::WriteSafetensors(archive::Decompress(bytes).tensors);
    } catch (const Error& error) {
      throw Error(input + ": " + error.what());
    }
    outputs.Write(output, weights);
    outputs.Commit();
  }
};

}  // namespace

void AddCompressCommand(CLI::App& app) {
  const auto command = std::make_shared<CompressCommand>();
  CLI::App* sub = app.add_subcommand("compress", "weights without a graph to a .lutra archive");
  sub->add_option("WEIGHTS", command->input,
                  "a PyTorch checkpoint, a safetensors file, or an ONNX file (its initializers)")
      ->required();
  sub->add_option("-o,--output", command->output, "the archive to write")
      ->required()
      ->type_name("FILE.lutra");
  sub->add_option("--weights", command->weights,
                  "fp16, linear2 to linear8, linear16 or codebook1 to codebook8")
      ->type_name("TYPE")
      ->capture_default_str();
  sub->add_option("--granularity", command->granularity,
                  "of linear scales: channel, tensor or group:N")
      ->type_name("WHICH")
      ->capture_default_str();
  sub->add_flag("--asymmetric", command->asymmetric, "linear: from minimum to maximum");
  sub->add_option("--codec", command->codec,
                  "smallest (of the three, per tensor), none, huffman, "
                  "best")
      ->type_name("NAME")
      ->check(CLI::IsMember({"smallest", "none", "huffman", "best"}))
      ->capture_default_str();
  sub->add_option("--recipe", command->recipe, "formats per tensor, by name or pattern")
      ->type_name("FILE.json")
      ->check(FileName());
  sub->add_flag("--json", command->json, "one JSON object instead of the table");
  sub->footer(
      "Tensors of integers are kept exactly; those with fewer than two dimensions are FP16.\n\n"
      "Examples:\n"
      "  lutra compress model.pth -o model.lutra --weights linear7 --codec best\n"
      "  lutra compress model.safetensors -o model.lutra --weights codebook4");
  sub->callback([command] { command->Run(); });
}

void AddDecompressCommand(CLI::App& app) {
  const auto command = std::make_shared<DecompressCommand>();
  CLI::App* sub = app.add_subcommand("decompress", "a .lutra archive to safetensors");
  sub->add_option("FILE.lutra", command->input, "an archive of lutra compress")->required();
  sub->add_option("-o,--output", command->output, "the weights, with their names, shapes and types")
      ->required()
      ->type_name("WEIGHTS.safetensors");
  sub->footer("Example: lutra decompress model.lutra -o model.safetensors");
  sub->callback([command] { command->Run(); });
}

}  // namespace lutra::converter::cli
