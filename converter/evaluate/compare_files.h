// A model file against the ONNX file that it was made of: what `lutra compare` calls.
#pragma once

#include <string>
#include <vector>

#include "converter/data/dataset.h"
#include "converter/evaluate/layer_report.h"
#include "converter/import/onnx_import.h"
#include "converter/warnings.h"

namespace lutra::converter::evaluate {

struct CompareReport {
  std::vector<LayerReport> layers;
  double output_sqnr_db = 0;  ///< of the worst output; NaN when identical
  double top1_agreement = 0;  ///< fraction; NaN when the network is no classifier
  size_t samples = 0;
  Warnings warnings;
};

/// Runs both on the data; layers ranked by the caller. Throws Error.
CompareReport Compare(const std::string& onnx_path, const std::string& lutra_path,
                      const importing::ImportOptions& import, const data::Dataset& data);

}  // namespace lutra::converter::evaluate
