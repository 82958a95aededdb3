// Runs one of the project's programs as a user would, under the emulator in a cross build.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "support/temp_folder.h"

namespace lutra::test {

struct Outcome {
  int status = -1;  ///< exit status; 128 + signal when killed
  std::string out, err;
};

inline std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// `before` goes in front of the program: environment settings. `arguments` may redirect stdout.
inline Outcome RunProgram(const std::string& program, const std::string& arguments,
                          const std::string& before = "") {
  const TempFolder folder;
  const std::string emulator = LUTRA_EMULATOR;
  const std::string command = before + " " + emulator + " " + program + " " + arguments;
  Outcome outcome;
  // The outer braces catch what the shell itself says; an inner redirection wins.
  const int status = std::system(
      ("{ " + command + "; } >" + (folder / "out") + " 2>" + (folder / "err") + " </dev/null")
          .c_str());
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  outcome.out = ReadText(folder / "out");
  outcome.err = ReadText(folder / "err");
  return outcome;
}

}  // namespace lutra::test
