#include "runtime/tools/profile.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <map>

#include "runtime/hooks.h"

namespace lutra::tools {
namespace {

constexpr size_t kTopRows = 10;

[[gnu::format(printf, 2, 3)]] void Append(std::string* text, const char* format, ...) {
  char line[2048];  // a name has at most 1024 bytes
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  *text += line;
}

}  // namespace

Profile::Profile(const lutra_model* model) {
  for (size_t i = 0; i < OperatorCount(model); ++i) {
    const OperatorInfo info = DescribeOperator(model, i);
    const std::string name =
        info.output_name[0] != '\0' ? info.output_name : "#" + std::to_string(i);
    nodes_.push_back({info.type, name, info.packed_bytes, {}});
  }
}

void Profile::Start(lutra_context* context) {
  OperatorHook hook;
  hook.user = this;
  hook.after = [](void* user, const OperatorEvent& event, uint64_t ns) {
    static_cast<Profile*>(user)->nodes_[event.index].times.Add(ns);
  };
  SetHook(context, hook);
}

void Profile::Stop(lutra_context* context) { SetHook(context, OperatorHook{}); }

double Profile::TotalUs() const {
  double sum = 0;
  for (const Node& node : nodes_) sum += node.times.SumUs();
  return sum > 0 ? sum : 1;
}

std::string Profile::Rows(const std::string& title, const std::vector<const Node*>& order,
                          bool csv) const {
  std::string text =
      "============================== " + title + " ==============================\n";
  if (csv) {
    text += "node type, first, avg_ms, %, cdf%, mem KB, times called, name\n";
  } else {
    Append(&text, "\t%24s\t%9s\t%9s\t%8s\t%8s\t%10s\t%9s\t[Name]\n", "[node type]", "[first]",
           "[avg ms]", "[%]", "[cdf%]", "[mem KB]", "[times called]");
  }
  const double total = TotalUs();
  double cumulative = 0;
  for (const Node* node : order) {
    cumulative += node->times.SumUs();
    const char* format = csv ? "%s, %.3f, %.3f, %.3f%%, %.3f%%, %.3f, %d, %s\n"
                             : "\t%24s\t%9.3f\t%9.3f\t%7.3f%%\t%7.3f%%\t%10.3f\t%9d\t%s\n";
    char line[2048];  // a name has at most 1024 bytes
    std::snprintf(line, sizeof line, format, node->type.c_str(), node->times.FirstUs() / 1000,
                  node->times.AverageUs() / 1000, node->times.SumUs() * 100 / total,
                  cumulative * 100 / total, static_cast<double>(node->bytes) / 1000, 1,
                  node->name.c_str());
    text += line;
  }
  return text + "\n";
}

std::string Profile::ByType(bool csv) const {
  struct Sum {
    size_t count = 0, bytes = 0;
    double average_us = 0;
  };
  std::map<std::string, Sum> sums;
  double total = 0;
  for (const Node& node : nodes_) {
    Sum& sum = sums[node.type];
    ++sum.count;
    sum.bytes += node.bytes;
    sum.average_us += node.times.AverageUs();
    total += node.times.AverageUs();
  }
  std::vector<std::pair<std::string, Sum>> order(sums.begin(), sums.end());
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.second.average_us > b.second.average_us;
  });
  std::string text = "Number of nodes executed: " + std::to_string(nodes_.size()) +
                     "\n============================== Summary by node type "
                     "==============================\n";
  if (csv) {
    text += "node type, count, avg_ms, avg %, cdf %, mem KB, times called\n";
  } else {
    Append(&text, "\t%24s\t%9s\t%10s\t%11s\t%11s\t%10s\t%10s\n", "[Node type]", "[count]",
           "[avg ms]", "[avg %]", "[cdf %]", "[mem KB]", "[times called]");
  }
  double cumulative = 0;
  for (const auto& [type, sum] : order) {
    const double percent = total > 0 ? sum.average_us * 100 / total : 0;
    cumulative += percent;
    if (csv) {
      Append(&text, "%s, %zu, %.3f, %.3f%%, %.3f%%, %.3f, %zu\n", type.c_str(), sum.count,
             sum.average_us / 1000, percent, cumulative, static_cast<double>(sum.bytes) / 1000,
             sum.count);
    } else {
      Append(&text, "\t%24s\t%9zu\t%10.3f\t%10.3f%%\t%10.3f%%\t%10.3f\t%9zu\n", type.c_str(),
             sum.count, sum.average_us / 1000, percent, cumulative,
             static_cast<double>(sum.bytes) / 1000, sum.count);
    }
  }
  return text + "\n";
}

std::string Profile::Tables(bool csv) const {
  std::vector<const Node*> order;
  for (const Node& node : nodes_) order.push_back(&node);
  std::string text = Rows("Run Order", order, csv);
  std::stable_sort(order.begin(), order.end(), [](const Node* a, const Node* b) {
    return a->times.AverageUs() > b->times.AverageUs();
  });
  order.resize(std::min(order.size(), kTopRows));
  text += Rows("Top by Computation Time", order, csv);
  text += ByType(csv);
  return text + std::to_string(nodes_.size()) + " nodes observed\n";
}

void Profile::Write(JsonWriter* json) const {
  json->Key("operators").Open('[');
  const double total = TotalUs();
  for (const Node& node : nodes_) {
    json->Open('{').Key("name").Text(node.name).Key("type").Text(node.type);
    json->Key("avg_us").Number(node.times.AverageUs());
    json->Key("percent").Number(node.times.SumUs() * 100 / total);
    json->Key("bytes").Integer(static_cast<int64_t>(node.bytes)).Close();
  }
  json->Close();
}

}  // namespace lutra::tools
