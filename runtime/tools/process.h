// What every program does first, so that whatever the machine refuses it later ends in one line and
// exit status 1 instead of a signal, and leaves no temporary file.
#pragma once

namespace lutra::tools {

/// - stdin, stdout and stderr are open, so that no file of ours is taken for one of them.
/// - A file that grows beyond the limit (`ulimit -f`) is a failed write, no SIGXFSZ.
/// - SIGINT, SIGTERM, SIGHUP and SIGPIPE remove temporary files before they end the program.
void PrepareProcess();

/// Whether everything printed on stdout so far has arrived: what did not fit a buffer may have
/// failed long before the last flush, which says nothing of it.
bool OutputArrived();

/// From now on a failed allocation prints "TOOL: SUBJECT: not enough memory ..." and exits with 1,
/// since the device's commands are built without exceptions. Both texts must stay valid; an empty
/// subject is left out.
void ExitWithoutMemory(const char* tool, const char* subject);

}  // namespace lutra::tools
