#include "converter/metric_command.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/npy.h"
#include "base/temporaries.h"
#include "converter/error.h"

namespace lutra::converter {
namespace {

// A number has no more characters; what prints more prints something else.
constexpr size_t kMostOutput = 1000;

bool IsProgram(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

NpyHeader HeaderFor(DataType type, size_t rows, const std::vector<int64_t>& row_dims) {
  NpyHeader header;
  const bool is_signed = type == DataType::int8 || type == DataType::int16 ||
                         type == DataType::int32 || type == DataType::int64;
  header.kind = IsFloating(type) ? 'f' : type == DataType::boolean ? 'b' : is_signed ? 'i' : 'u';
  header.item_bytes = ElementBytes(type);
  header.shape = row_dims;
  header.shape.insert(header.shape.begin(), static_cast<int64_t>(rows));
  return header;
}

/// What the child prints, but for what is beyond kMostOutput, which is read and forgotten.
std::string ReadAll(int fd) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    if (text.size() <= kMostOutput) text.append(buffer, static_cast<size_t>(count));
  }
}

std::string Trimmed(const std::string& text) {
  const char* const space = " \t\r\n";
  const size_t first = text.find_first_not_of(space);
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

/// As a message may have it.
std::string Shown(const std::string& text) {
  constexpr size_t kMost = 60;
  std::string shown = text.substr(0, kMost);
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) >= 127) c = '?';
  }
  return "'" + shown + (text.size() > kMost ? "...'" : "'");
}

[[noreturn]] void Fail(const std::string& path, int error) {
  throw Error(path + ": cannot be written: " + std::strerror(error) +
              "; TMPDIR names another folder for temporary files");
}

class SpawnActions {
 public:
  SpawnActions() { posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

std::string FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (IsProgram(name)) return name;
    throw Error("--metric " + name +
                ": is no program that can be run; check the path, and its mode (chmod +x)");
  }
  const char* const all = std::getenv("PATH");
  std::string paths = all == nullptr ? "" : all;
  while (!name.empty() && !paths.empty()) {
    const size_t end = paths.find(':');
    const std::string folder = paths.substr(0, end);
    paths = end == std::string::npos ? "" : paths.substr(end + 1);
    const std::string path = (folder.empty() ? "." : folder) + "/" + name;
    if (IsProgram(path)) return path;
  }
  throw Error("--metric " + name +
              ": must be mse, cosine or a program, and PATH has none of this name; give one of the "
              "current folder as ./" +
              name);
}

double RunForNumber(const std::string& name, const std::string& program,
                    const std::vector<std::string>& arguments) {
  const std::string subject = "--metric " + name + ": ";
  std::vector<std::string> words = {program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error(subject + std::strerror(errno));
  SpawnActions actions;
  posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(actions.get(), ends[1], STDOUT_FILENO);
  pid_t child = 0;
  const int error =
      posix_spawn(&child, program.c_str(), actions.get(), nullptr, argv.data(), environ);
  ::close(ends[1]);
  if (error != 0) {
    ::close(ends[0]);
    throw Error(subject + "cannot be run: " + std::strerror(error) +
                (error == ENOEXEC ? "; a script begins with #! and its interpreter" : ""));
  }
  const std::string output = ReadAll(ends[0]);
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    throw Error(subject + "was ended by signal " + std::to_string(WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) != 0) {
    throw Error(subject + "ended with exit status " + std::to_string(WEXITSTATUS(status)) +
                "; run it by hand with two .npy files, outputs and targets");
  }
  const std::string text = Trimmed(output);
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !std::isfinite(number)) {
    throw Error(subject + "must print one finite number and nothing else on stdout, but " +
                (text.empty() ? "prints nothing" : "prints " + Shown(text)));
  }
  return number;
}

NpyTemporary::Name::~Name() {
  if (path.empty()) return;
  ::unlink(path.c_str());
  ForgetTemporary(path.c_str());
}

NpyTemporary::NpyTemporary(const std::string& what, DataType type, size_t rows,
                           const std::vector<int64_t>& row_dims)
    : file_(nullptr, std::fclose) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  std::string path = ((error ? "/tmp" : folder) / ("lutra-" + what + "-XXXXXX.npy")).string();
  const int fd = ::mkstemps(path.data(), 4);
  if (fd < 0) Fail(path, errno);
  name_.path = std::move(path);
  RememberTemporary(name_.path.c_str());
  file_.reset(::fdopen(fd, "wb"));
  if (!file_) Fail(name_.path, errno);
  const std::vector<uint8_t> header = EncodeNpy(HeaderFor(type, rows, row_dims), {});
  Append(std::as_bytes(std::span(header)));
}

void NpyTemporary::Append(std::span<const std::byte> row) {
  if (std::fwrite(row.data(), 1, row.size(), file_.get()) != row.size()) Fail(name_.path, errno);
}

const std::string& NpyTemporary::Finish() {
  if (file_ && std::fclose(file_.release()) != 0) Fail(name_.path, errno);
  return name_.path;
}

}  // namespace lutra::converter
