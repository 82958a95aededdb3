#include "runtime/tools/options.h"

#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "base/text.h"

namespace lutra::tools {

bool Options::Parse(const std::vector<OptionSpec>& specs, const std::vector<std::string>& arguments,
                    std::string* error) {
  bool only_plain = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (only_plain || argument.size() < 2 || argument[0] != '-') {
      plain_.push_back(argument);
      continue;
    }
    if (argument == "--") {
      only_plain = true;
      continue;
    }
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const OptionSpec* spec = nullptr;
    for (const OptionSpec& candidate : specs) {
      if (name == candidate.name) spec = &candidate;
    }
    if (spec == nullptr) {
      *error = "unknown option " + name;
      return false;
    }
    std::vector<std::string>& values = values_[name];
    if (spec->kind != OptionSpec::list && !values.empty()) {
      *error = name + " is given twice";
      return false;
    }
    if (equals != std::string::npos) {
      values.push_back(argument.substr(equals + 1));
    } else if (spec->kind == OptionSpec::flag) {
      values.push_back("true");
    } else if (i + 1 < arguments.size()) {
      values.push_back(arguments[++i]);
    } else {
      *error = name + " needs a value";
      return false;
    }
    const std::string& value = values.back();
    if (spec->kind == OptionSpec::flag && value != "true" && value != "false") {
      *error = name + " is true or false, not '" + value + "'";
      return false;
    }
    if (spec->kind != OptionSpec::flag && value.empty()) {
      *error = name + " needs a value";
      return false;
    }
  }
  return true;
}

bool Options::Flag(const std::string& name) const { return Text(name, "false") == "true"; }

std::string Options::Text(const std::string& name, const std::string& otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? otherwise : found->second.front();
}

std::vector<std::string> Options::List(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::vector<std::string>{} : found->second;
}

bool Options::Count(const std::string& name, uint64_t least, uint64_t most, uint64_t* out,
                    std::string* error) const {
  if (!Has(name)) return true;
  const std::string text = Text(name, "");
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), *out);
  if (failure == std::errc() && end == text.data() + text.size() && *out >= least && *out <= most) {
    return true;
  }
  *error = name + " must be an integer of " + std::to_string(least) + " to " +
           std::to_string(most) + ", not '" + text + "'";
  return false;
}

bool Options::Seconds(const std::string& name, double* out, std::string* error) const {
  constexpr double kMostSeconds = 1e6;  // eleven days; longer times overflow clocks
  if (!Has(name)) return true;
  const std::string text = Text(name, "");
  char* end = nullptr;
  *out = std::strtod(text.c_str(), &end);
  if (end == text.c_str() + text.size() && *out >= 0 && *out <= kMostSeconds) return true;
  *error = name + " must be a number of seconds of 0 to 1000000, not '" + text + "'";
  return false;
}

int Complain(const char* tool, const std::string& message, int status) {
  std::fprintf(stderr, "%s: %s\n", tool, Message(message).c_str());
  return status;
}

}  // namespace lutra::tools
