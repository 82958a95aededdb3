// Recipes for archives: which format each tensor gets. JSON (quantize/recipe_file.h), one object:
//
//   { "default": { "weights": "linear8", "granularity": "channel", "asymmetric": false },
//     "layers": [ { "name": "fc.0.weight", "weights": "codebook4" },
//                 { "pattern": "cnn.*.weight", "granularity": "group:64" } ] }
//
// A tensor's leading "module." may be left out in names and patterns.
#pragma once

#include "converter/archive/archive.h"

namespace lutra::converter::archive {

/// Fills options.format and options.formats. Throws Error with the JSON path of the fault; an entry
/// that fits no tensor is one.
void ReadArchiveRecipe(const checkpoint::Checkpoint& checkpoint, std::string_view json,
                       const std::string& source, CompressOptions& options);

}  // namespace lutra::converter::archive
