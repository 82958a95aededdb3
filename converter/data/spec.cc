#include "converter/data/spec.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

#include "converter/error.h"
#include "converter/files.h"
#include "converter/json_text.h"

namespace lutra::converter::data {
namespace {

using nlohmann::json;

// The fields of one object; every complaint names the description and the field.
class Fields {
 public:
  Fields(const json& object, const std::string& origin) : object_(object), origin_(origin) {}

  [[noreturn]] void Fail(const std::string& field, const std::string& cure) const {
    throw Error(origin_ + ": \"" + field + "\" " + cure);
  }
  const json* Find(const std::string& field) const {
    const auto found = object_.find(field);
    return found == object_.end() ? nullptr : &*found;
  }

  std::string Text(const std::string& field) const {
    const json* value = Find(field);
    if (value == nullptr) return "";
    if (!value->is_string() || value->get_ref<const std::string&>().empty()) {
      Fail(field, "must be a text that is not empty");
    }
    return value->get<std::string>();
  }

  std::optional<size_t> Count(const std::string& field, size_t least) const {
    const json* value = Find(field);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_integer() || value->get<int64_t>() < static_cast<int64_t>(least)) {
      Fail(field, "must be an integer of at least " + std::to_string(least));
    }
    return value->get<size_t>();
  }

  std::optional<int> Side(const std::string& field) const {
    const json* value = Find(field);
    return value == nullptr ? std::nullopt : std::optional<int>(SideOf(field, *value));
  }

  // [height, width], or one number for both where a square is allowed.
  std::optional<std::array<int, 2>> Size(const std::string& field, bool square) const {
    const json* value = Find(field);
    if (value == nullptr) return std::nullopt;
    if (square && value->is_number()) return {{SideOf(field, *value), SideOf(field, *value)}};
    if (!value->is_array() || value->size() != 2) {
      Fail(field, square ? "must be a number or [height, width]" : "must be [height, width]");
    }
    return {{SideOf(field, (*value)[0]), SideOf(field, (*value)[1])}};
  }

  double Number(const std::string& field, double otherwise) const {
    const json* value = Find(field);
    if (value == nullptr) return otherwise;
    if (!IsFloat(*value)) Fail(field, "must be a finite number");
    return value->get<double>();
  }

  std::vector<double> Numbers(const std::string& field) const {
    const json* value = Find(field);
    if (value == nullptr) return {};
    const json list = value->is_array() ? *value : json::array({*value});
    std::vector<double> numbers;
    for (const json& item : list) {
      if (!IsFloat(item)) {
        Fail(field, "must be a finite number or a list of them, one per channel");
      }
      numbers.push_back(item.get<double>());
    }
    if (numbers.empty()) Fail(field, "must not be an empty list");
    return numbers;
  }

  // The index of the text among the names.
  size_t Choice(const std::string& field, const std::vector<std::string>& names,
                size_t otherwise) const {
    if (Find(field) == nullptr) return otherwise;
    const std::string text = Text(field);
    std::string all;
    for (size_t i = 0; i < names.size(); ++i) {
      if (names[i] == text) return i;
      all += (i == 0 ? "" : ", ") + names[i];
    }
    Fail(field, "is \"" + text + "\"; it must be one of " + all);
  }

 private:
  // What is calculated with is float32.
  static bool IsFloat(const json& value) {
    return value.is_number() &&
           std::fabs(value.get<double>()) <= double{std::numeric_limits<float>::max()};
  }

  int SideOf(const std::string& field, const json& value) const {
    if (!value.is_number_integer() || value.get<int64_t>() < 1 ||
        value.get<int64_t>() > kMaxImageSide) {
      Fail(field, "must hold integers of 1 to " + std::to_string(kMaxImageSide));
    }
    return value.get<int>();
  }

  const json& object_;
  const std::string& origin_;
};

const std::vector<std::string> kFormats = {"idx", "cifar10", "npy", "folder", "list", "images"};
const std::vector<std::string> kKnown = {
    "format", "path", "images",      "labels",        "offset", "limit", "resize",
    "scale",  "mean", "center_crop", "channel_order", "layout", "std",   "resize_shorter_side",
    "targets"};

void RefuseUnknown(const json& object, const Fields& fields) {
  for (const auto& [name, value] : object.items()) {
    bool known = false;
    for (const std::string& field : kKnown) known = known || field == name;
    if (!known) fields.Fail(name, "is no field of a data description; docs/cli.md lists them");
  }
}

bool UsesImagesAndLabels(DataFormat format) {
  return format == DataFormat::idx || format == DataFormat::npy;
}

// A field that the format would ignore is a mistake the user should hear of.
void RefuseUnused(const DataSpec& spec, const Fields& fields) {
  const std::string format = kFormats[static_cast<size_t>(spec.format)];
  const bool pair = UsesImagesAndLabels(spec.format);
  const bool npy = spec.format == DataFormat::npy;
  const auto refuse = [&](bool unused, const char* field) {
    if (unused && fields.Find(field) != nullptr) {
      fields.Fail(field, "does not apply to format " + format + "; remove it");
    }
  };
  refuse(pair, "path");
  refuse(!pair, "images");
  refuse(!pair, "labels");
  refuse(!npy, "layout");
  for (const char* field : {"resize", "resize_shorter_side", "center_crop", "channel_order"}) {
    refuse(npy, field);
  }
  refuse(spec.format == DataFormat::idx, "channel_order");
  if (fields.Find(pair ? "images" : "path") == nullptr) {
    fields.Fail(pair ? "images" : "path", "is missing; format " + format + " needs it");
  }
  if (spec.resize && spec.resize_shorter_side) {
    fields.Fail("resize_shorter_side", "and \"resize\" exclude each other; keep one");
  }
}

json ParseFile(const std::string& path) {
  json object = ParseJson<json>(ReadText(path, kMostJsonBytes), path);
  if (!object.is_object()) {
    throw Error(path + ": is no JSON object; a data description looks like " +
                R"({"format": "npy", "images": "x.npy", "labels": "y.npy"})");
  }
  return object;
}

std::string Under(const std::string& folder, const std::string& path) {
  if (path.empty() || folder.empty()) return path;
  return (std::filesystem::path(folder) / path).lexically_normal().string();
}

}  // namespace

DataSpec ParseDataSpec(const json& object, const std::string& origin, const std::string& folder) {
  const Fields fields(object, origin);
  RefuseUnknown(object, fields);
  DataSpec spec;
  spec.origin = origin;
  if (fields.Find("format") == nullptr) {
    fields.Fail("format", "is missing; it must be one of idx, cifar10, npy, folder, list, images");
  }
  spec.format = static_cast<DataFormat>(fields.Choice("format", kFormats, 0));
  spec.path = Under(folder, fields.Text("path"));
  spec.images = Under(folder, fields.Text("images"));
  spec.labels = Under(folder, fields.Text("labels"));
  spec.targets = Under(folder, fields.Text("targets"));
  spec.offset = fields.Count("offset", 0).value_or(0);
  spec.limit = fields.Count("limit", 1);
  spec.resize = fields.Size("resize", false);
  spec.resize_shorter_side = fields.Side("resize_shorter_side");
  spec.center_crop = fields.Size("center_crop", true);
  RefuseUnused(spec, fields);
  spec.channel_order =
      static_cast<ChannelOrder>(fields.Choice("channel_order", {"RGB", "BGR", "GRAY"}, 0));
  spec.nhwc = fields.Choice("layout", {"NCHW", "NHWC"}, 0) == 1;
  spec.scale = fields.Number("scale", 1);
  spec.mean = fields.Numbers("mean");
  spec.std = fields.Numbers("std");
  for (const char* field : {"scale", "mean", "std"}) {
    spec.normalization_stated = spec.normalization_stated || fields.Find(field) != nullptr;
  }
  const auto vanishes = [](double value) {
    return std::fabs(value) < double{std::numeric_limits<float>::min()};
  };
  if (vanishes(spec.scale)) fields.Fail("scale", "must not be 0: it would make all inputs alike");
  for (const double value : spec.std) {
    if (vanishes(value)) fields.Fail("std", "must not hold 0: the input is divided by it");
  }
  return spec;
}

DataSpec ReadDataSpec(const std::string& json_path) {
  return ParseDataSpec(ParseFile(json_path), json_path,
                       std::filesystem::path(json_path).parent_path().string());
}

json ReadDataObject(const std::string& json_path) {
  json object = ParseFile(json_path);
  const std::string folder = std::filesystem::path(json_path).parent_path().string();
  for (const char* field : {"path", "images", "labels", "targets"}) {
    const auto found = object.find(field);
    if (found != object.end() && found->is_string()) {
      *found = Under(folder, found->get<std::string>());
    }
  }
  return object;
}

}  // namespace lutra::converter::data
