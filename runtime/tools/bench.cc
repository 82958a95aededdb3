// lutra-bench: latency and memory of a model on this machine. Flags, lines and tables are those of
// TensorFlow Lite's benchmark_model, so that scripts and habits carry over; percentiles, the
// checksum of the outputs and JSON are added.
#include <algorithm>
#include <chrono>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <thread>

#include "base/file.h"
#include "base/json.h"
#include "base/output_files.h"
#include "base/text.h"
#include "runtime/clock.h"
#include "runtime/port_type.h"
#include "runtime/tools/machine.h"
#include "runtime/tools/model.h"
#include "runtime/tools/options.h"
#include "runtime/tools/process.h"
#include "runtime/tools/profile.h"
#include "runtime/tools/timings.h"
#include "schema/container.h"
#include "schema/golden.h"

namespace lutra::tools {
namespace {

constexpr const char* kTool = "lutra-bench";
constexpr uint64_t kInputSeed = 1;

constexpr char kHelp[] =
    "Usage: lutra-bench --graph=MODEL.lutra [OPTIONS]\n"
    "\n"
    "Measures load time, latency and memory of a .lutra model on generated inputs. The flags are\n"
    "those of TFLite's benchmark_model where it has them.\n"
    "\n"
    "  --graph=FILE                    the model\n"
    "  --num_threads=N                 1 to 64 (default 1)\n"
    "  --num_runs=N                    at least so many runs (default 50)\n"
    "  --min_secs=S                    and at least so long (default 1)\n"
    "  --max_secs=S                    but no new run after this time (default 150)\n"
    "  --run_delay=S                   pause between runs (default 0)\n"
    "  --warmup_runs=N                 at least so many unmeasured runs (default 1)\n"
    "  --warmup_min_secs=S             and at least so long (default 0.5)\n"
    "  --enable_op_profiling[=true]    times per operator, after the measured runs\n"
    "  --profiling_output_csv_file=F   the same, written to F as comma-separated values\n"
    "  --batch=N                       samples per run (default 1)\n"
    "  --cpu=ROW                       instruction-set row (default: LUTRA_CPU, else the best)\n"
    "  --json                          one JSON object instead of the lines\n"
    "\n"
    "Example: lutra-bench --graph=net.lutra --num_runs=200 --enable_op_profiling\n";

struct Settings {
  std::string graph, row, csv_file;
  uint64_t threads = 1, batch = 1, runs = 50, warmup_runs = 1;
  double min_secs = 1, max_secs = 150, warmup_min_secs = 0.5, run_delay = 0;
  bool profile = false, json = false;
};

struct Results {
  std::string row;
  uint64_t file_bytes = 0;
  double init_us = 0;
  Timings warmup, runs;
  std::vector<std::pair<std::string, uint32_t>> output_crc;
  lutra_memory memory{};
  uint64_t start_rss = 0, init_rss = 0, peak_rss = 0;
};

bool ParseSettings(const std::vector<std::string>& arguments, Settings* settings,
                   std::string* error) {
  using enum OptionSpec::Kind;
  Options options;
  if (!options.Parse({{"--graph", value},
                      {"--num_threads", value},
                      {"--num_runs", value},
                      {"--min_secs", value},
                      {"--max_secs", value},
                      {"--run_delay", value},
                      {"--warmup_runs", value},
                      {"--warmup_min_secs", value},
                      {"--enable_op_profiling", flag},
                      {"--profiling_output_csv_file", value},
                      {"--batch", value},
                      {"--cpu", value},
                      {"--json", flag}},
                     arguments, error) ||
      !options.Count("--num_threads", 1, 64, &settings->threads, error) ||
      !options.Count("--batch", 1, 4096, &settings->batch, error) ||
      !options.Count("--num_runs", 1, 1U << 30, &settings->runs, error) ||
      !options.Count("--warmup_runs", 0, 1U << 30, &settings->warmup_runs, error) ||
      !options.Seconds("--min_secs", &settings->min_secs, error) ||
      !options.Seconds("--max_secs", &settings->max_secs, error) ||
      !options.Seconds("--run_delay", &settings->run_delay, error) ||
      !options.Seconds("--warmup_min_secs", &settings->warmup_min_secs, error)) {
    return false;
  }
  settings->graph = options.Text("--graph", "");
  settings->row = options.Text("--cpu", "");
  settings->csv_file = options.Text("--profiling_output_csv_file", "");
  settings->profile = options.Flag("--enable_op_profiling") || !settings->csv_file.empty();
  settings->json = options.Flag("--json");
  if (!options.plain().empty()) {
    *error = "unexpected argument '" + options.plain()[0] + "'; the model is given by --graph=FILE";
    return false;
  }
  if (settings->graph.empty()) {
    *error = "--graph=FILE is missing";
    return false;
  }
  return true;
}

// A line of the text form; nothing in the JSON form.
class Log {
 public:
  explicit Log(bool quiet) : quiet_(quiet) {}
  [[gnu::format(printf, 2, 3)]] void Info(const char* format, ...) const {
    if (quiet_) return;
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    std::printf("INFO: %s\n", Lines(line).c_str());
  }

 private:
  bool quiet_;
};

void LogSettings(const Settings& settings, const Log& log) {
  log.Info("STARTING!");
  log.Info("Min num runs: [%" PRIu64 "]", settings.runs);
  log.Info("Min runs duration (seconds): [%g]", settings.min_secs);
  log.Info("Max runs duration (seconds): [%g]", settings.max_secs);
  if (settings.run_delay > 0) log.Info("Inter-run delay (seconds): [%g]", settings.run_delay);
  log.Info("Num threads: [%" PRIu64 "]", settings.threads);
  log.Info("Min warmup runs: [%" PRIu64 "]", settings.warmup_runs);
  log.Info("Min warmup runs duration (seconds): [%g]", settings.warmup_min_secs);
  log.Info("Batch: [%" PRIu64 "]", settings.batch);
  log.Info("Graph: [%s]", settings.graph.c_str());
  if (settings.profile) log.Info("Enable op profiling: [1]");
  if (!settings.csv_file.empty()) {
    log.Info("CSV File to export profiling data to: [%s]", settings.csv_file.c_str());
  }
}

void LogMachine(const Log& log, const char* row) {
  log.Info("CPU: %s", CpuModel().c_str());
  log.Info("Instruction-set row: %s", row);
  const std::string governor = FrequencyGovernor();
  if (governor.empty()) {
    log.Info("Frequency governor: unknown");
  } else if (governor == "performance") {
    log.Info("Frequency governor: performance");
  } else {
    log.Info("WARNING: frequency governor is '%s'; times will vary, set it to 'performance'",
             governor.c_str());
  }
}

// The same generated sample in every place of the batch, so that the outputs' checksum depends on
// nothing but the model and the batch.
bool SetInputs(const lutra_model* model, lutra_context* context, size_t batch, std::string* error) {
  for (size_t i = 0; i < lutra_model_input_count(model); ++i) {
    const lutra_port port = InputPort(model, i);
    const schema::TensorType type = ToTensorType(port.native_type);
    const size_t bytes = port.elements * ElementBytes(type);
    std::vector<uint8_t> data(bytes * batch);
    FillGoldenInput(kInputSeed, static_cast<uint32_t>(i), type, port.elements, data.data());
    for (size_t b = 1; b < batch; ++b) std::memcpy(data.data() + b * bytes, data.data(), bytes);
    ApiError failure;
    if (lutra_context_set_input(context, i, port.native_type, data.data(), data.size(),
                                failure.get()) != LUTRA_OK) {
      *error = failure.get()->message;
      return false;
    }
  }
  return true;
}

bool RunSeries(lutra_context* context, uint64_t least_runs, double min_secs, double max_secs,
               double delay, const Log& log, Timings* timings, std::string* error) {
  log.Info("Running benchmark for at least %" PRIu64
           " iterations and at least %g seconds but "
           "terminate if exceeding %g seconds.",
           least_runs, min_secs, max_secs);
  const uint64_t start = NowNs();
  uint64_t now = start;
  const auto elapsed = [&] { return static_cast<double>(now - start) * 1e-9; };
  while ((timings->count() < least_runs || elapsed() < min_secs) && elapsed() <= max_secs) {
    ApiError failure;
    const uint64_t run_start = NowNs();
    const lutra_status status = lutra_context_run(context, failure.get());
    timings->Add(NowNs() - run_start);
    if (status != LUTRA_OK) {
      *error = failure.get()->message;
      return false;
    }
    if (delay > 0) std::this_thread::sleep_for(std::chrono::duration<double>(delay));
    now = NowNs();
  }
  log.Info("%s\n", timings->Line().c_str());
  return true;
}

void ChecksumOutputs(const lutra_model* model, const lutra_context* context, Results* results) {
  for (size_t i = 0; i < lutra_model_output_count(model); ++i) {
    const void* data = nullptr;
    size_t bytes = 0;
    if (lutra_context_output_data(context, i, &data, &bytes, nullptr) == LUTRA_OK) {
      results->output_crc.emplace_back(OutputPort(model, i).name, Crc32c(data, bytes));
    }
  }
}

bool Requirements(const Settings& settings, const lutra_options& options, Results* results,
                  std::string* error) {
  std::vector<uint8_t> bytes;
  if (!ReadFile(settings.graph, &bytes, error)) return false;
  results->file_bytes = bytes.size();
  results->memory.struct_size = sizeof results->memory;
  ApiError failure;
  if (lutra_requirements(bytes.data(), bytes.size(), &options, &results->memory, failure.get()) !=
      LUTRA_OK) {
    *error = failure.Of(settings.graph);
    return false;
  }
  return true;
}

double Megabytes(uint64_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024.0); }

void LogResults(const Results& results, const Log& log) {
  log.Info(
      "Inference timings in us: Init: %.0f, First inference: %.0f, Warmup (avg): %.6g, "
      "Inference (avg): %.6g",
      results.init_us, results.warmup.empty() ? results.runs.FirstUs() : results.warmup.FirstUs(),
      results.warmup.AverageUs(), results.runs.AverageUs());
  log.Info("Inference percentiles in us: min: %.1f, median: %.1f, p90: %.1f, p99: %.1f, max: %.1f",
           results.runs.MinUs(), results.runs.PercentileUs(50), results.runs.PercentileUs(90),
           results.runs.PercentileUs(99), results.runs.MaxUs());
  log.Info("Memory footprint delta from the start of the tool (MB): init=%.4f overall=%.4f",
           Megabytes(results.init_rss - results.start_rss),
           Megabytes(results.peak_rss - results.start_rss));
  log.Info("Memory of the runtime (bytes): model=%zu context=%zu arena=%zu",
           results.memory.model_bytes, results.memory.context_bytes, results.memory.arena_bytes);
  log.Info("Peak RSS (MB): %.4f", Megabytes(results.peak_rss));
  for (const auto& [name, crc] : results.output_crc) {
    log.Info("Output CRC32 of '%s': %08" PRIx32, name.c_str(), crc);
  }
}

void PrintJson(const Settings& settings, const Results& results, const Profile& profile) {
  JsonWriter json;
  json.Open('{').Key("graph").Text(settings.graph).Key("cpu").Text(results.row);
  json.Key("cpu_model").Text(CpuModel()).Key("governor").Text(FrequencyGovernor());
  json.Key("num_threads").Integer(static_cast<int64_t>(settings.threads));
  json.Key("batch").Integer(static_cast<int64_t>(settings.batch));
  json.Key("runs").Integer(static_cast<int64_t>(results.runs.count()));
  json.Key("init_us").Number(results.init_us);
  json.Key("first_inference_us")
      .Number(results.warmup.empty() ? results.runs.FirstUs() : results.warmup.FirstUs());
  json.Key("warmup_avg_us").Number(results.warmup.AverageUs());
  json.Key("avg_us").Number(results.runs.AverageUs());
  json.Key("std_us").Number(results.runs.DeviationUs());
  json.Key("min_us").Number(results.runs.MinUs());
  json.Key("median_us").Number(results.runs.PercentileUs(50));
  json.Key("p90_us").Number(results.runs.PercentileUs(90));
  json.Key("p99_us").Number(results.runs.PercentileUs(99));
  json.Key("max_us").Number(results.runs.MaxUs());
  json.Key("file_bytes").Integer(static_cast<int64_t>(results.file_bytes));
  json.Key("model_bytes").Integer(static_cast<int64_t>(results.memory.model_bytes));
  json.Key("context_bytes").Integer(static_cast<int64_t>(results.memory.context_bytes));
  json.Key("arena_bytes").Integer(static_cast<int64_t>(results.memory.arena_bytes));
  json.Key("peak_rss_bytes").Integer(static_cast<int64_t>(results.peak_rss));
  json.Key("output_crc32").Open('{');
  for (const auto& [name, crc] : results.output_crc) {
    char hex[12];
    std::snprintf(hex, sizeof hex, "%08" PRIx32, crc);
    json.Key(name).Text(hex);
  }
  json.Close();
  if (settings.profile) profile.Write(&json);
  json.Close();
  std::printf("%s\n", json.text().c_str());
}

bool WriteProfile(const Settings& settings, const Profile& profile, OutputFiles* files,
                  std::string* error) {
  if (settings.csv_file.empty()) {
    if (!settings.json) {
      std::printf("Operator-wise Profiling Info for Regular Benchmark Runs:\n%s",
                  Lines(profile.Tables(false)).c_str());
    }
    return true;
  }
  const std::string text = profile.Tables(true);
  return files->Write(settings.csv_file, BytesOf(text), error) && files->Commit(error);
}

bool Bench(const Settings& settings, std::string* error) {
  OutputFiles files;
  if (!files.Reads("--graph", settings.graph, error) ||
      (!settings.csv_file.empty() &&
       !files.Writes("--profiling_output_csv_file", settings.csv_file, error))) {
    return false;
  }
  const Log log(settings.json);
  LogSettings(settings, log);
  Results results;
  results.start_rss = PeakRssBytes();
  lutra_options options = MakeOptions(settings.row, settings.threads);
  options.batch = settings.batch;
  ModelPointer model;
  ContextPointer context;
  const uint64_t start = NowNs();
  if (!OpenModel(settings.graph, options, &model, error) ||
      !CreateContext(settings.graph, model.get(), options, &context, error)) {
    return false;
  }
  results.init_us = static_cast<double>(NowNs() - start) / 1000;
  results.init_rss = PeakRssBytes();
  results.row = lutra_model_row(model.get());
  log.Info("Loaded model %s", settings.graph.c_str());
  LogMachine(log, results.row.c_str());
  log.Info("Initialized session in %.3fms.", results.init_us / 1000);

  if (!SetInputs(model.get(), context.get(), settings.batch, error) ||
      !RunSeries(context.get(), settings.warmup_runs, settings.warmup_min_secs, settings.max_secs,
                 0, log, &results.warmup, error)) {
    return false;
  }
  Profile profile(model.get());
  if (settings.profile) profile.Start(context.get());
  if (!RunSeries(context.get(), settings.runs, settings.min_secs, settings.max_secs,
                 settings.run_delay, log, &results.runs, error)) {
    return false;
  }
  profile.Stop(context.get());
  results.peak_rss = PeakRssBytes();
  // State that the runs have left behind must not show in the checksum.
  lutra_context_reset(context.get());
  if (lutra_context_run(context.get(), nullptr) == LUTRA_OK) {
    ChecksumOutputs(model.get(), context.get(), &results);
  }
  if (!Requirements(settings, options, &results, error)) return false;
  log.Info("The input model file size (MB): %.6g", static_cast<double>(results.file_bytes) / 1e6);
  LogResults(results, log);
  if (settings.profile && !WriteProfile(settings, profile, &files, error)) return false;
  if (settings.json) PrintJson(settings, results, profile);
  return true;
}

}  // namespace
}  // namespace lutra::tools

int main(int argc, char** argv) {
  using namespace lutra::tools;
  PrepareProcess();
  ExitWithoutMemory(kTool, "");
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") {
      std::fputs(kHelp, stdout);
      return 0;
    }
    if (argument == "--version") {
      std::printf("lutra-bench %s\n", lutra_version());
      return 0;
    }
  }
  Settings settings;
  std::string error;
  if (!ParseSettings(arguments, &settings, &error)) {
    return Complain(kTool, error + "; see lutra-bench --help", kMisuse);
  }
  ExitWithoutMemory(kTool, settings.graph.c_str());
  if (!Bench(settings, &error)) return Complain(kTool, error, kFailed);
  return OutputArrived() ? 0 : Complain(kTool, "cannot write the output", kFailed);
}
