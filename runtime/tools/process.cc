#include "runtime/tools/process.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>

#include "base/temporaries.h"
#include "runtime/tools/options.h"

namespace lutra::tools {
namespace {

const char* out_of_memory_tool = "";
const char* out_of_memory_subject = "";

extern "C" void EndBySignal(int signal) {
  RemoveTemporaries();
  std::signal(signal, SIG_DFL);
  ::raise(signal);  // delivered when this handler returns
}

void Say(const char* text) {
  // Nothing can be done where stderr takes nothing.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text, std::strlen(text));
}

// Allocates nothing.
void OutOfMemory() {
  RemoveTemporaries();
  Say(out_of_memory_tool);
  Say(": ");
  Say(out_of_memory_subject);
  Say(*out_of_memory_subject == '\0' ? "" : ": ");
  Say(kNoMemory);
  Say("\n");
  ::_exit(kFailed);
}

}  // namespace

void PrepareProcess() {
  // The lowest free number is taken, so an absent stream gets its own. Opened the wrong way round,
  // it still fails when it is used.
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) != -1) continue;
    if (::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) break;
  }
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
    // nohup and the like have said that a signal shall not end the program.
    if (std::signal(signal, EndBySignal) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

bool OutputArrived() { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0; }

void ExitWithoutMemory(const char* tool, const char* subject) {
  out_of_memory_tool = tool;
  out_of_memory_subject = subject;
  std::set_new_handler(OutOfMemory);
}

}  // namespace lutra::tools
