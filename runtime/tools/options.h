// The command lines of the device's tools: `--name value` or `--name=value`, switches, repeatable
// options and plain arguments. A mistake is one line and exit status 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lutra::tools {

/// Exit statuses: the user's errors (a file, a value in it), and misuse of the command line.
constexpr int kFailed = 1;
constexpr int kMisuse = 2;

/// What a program says when the machine gives it no memory.
constexpr const char* kNoMemory =
    "not enough memory; free some, raise the limit (ulimit -v), or use a machine with more";

/// What a tool accepts.
struct OptionSpec {
  enum Kind : uint8_t { flag, value, list };
  const char* name;  ///< with its dashes
  Kind kind;
};

class Options {
 public:
  /// Returns false and fills *error ("--threads needs a value; see lutra run --help").
  /// A flag may also be written --name=true or --name=false.
  bool Parse(const std::vector<OptionSpec>& specs, const std::vector<std::string>& arguments,
             std::string* error);

  const std::vector<std::string>& plain() const { return plain_; }
  bool Has(const std::string& name) const { return values_.count(name) != 0; }
  bool Flag(const std::string& name) const;
  std::string Text(const std::string& name, const std::string& otherwise) const;
  std::vector<std::string> List(const std::string& name) const;

  /// Numbers in [least, most]; false and *error otherwise.
  bool Count(const std::string& name, uint64_t least, uint64_t most, uint64_t* out,
             std::string* error) const;
  bool Seconds(const std::string& name, double* out, std::string* error) const;

 private:
  std::vector<std::string> plain_;
  std::map<std::string, std::vector<std::string>> values_;
};

/// Prints "TOOL: MESSAGE" to stderr, as one line that a terminal can take (text.h), and returns
/// `status`.
int Complain(const char* tool, const std::string& message, int status);

}  // namespace lutra::tools
