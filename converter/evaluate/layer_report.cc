#include "converter/evaluate/layer_report.h"

#include <limits>

namespace lutra::converter::evaluate {

LayerReport DescribeLayer(const OperatorInfo& info) {
  LayerReport layer;
  layer.name = info.output_name;
  layer.op = info.type;
  layer.bytes = info.weight_bytes;
  layer.kernel_row = info.row;
  layer.isolated_sqnr_db = layer.channel_sqnr_db = layer.cumulative_sqnr_db =
      std::numeric_limits<double>::quiet_NaN();
  return layer;
}

void AddErrors(const Comparison& comparison, std::vector<LayerReport>& layers) {
  for (size_t i = 0; i < layers.size(); ++i) {
    layers[i].isolated_sqnr_db = comparison.isolated[i].SqnrDb();
    layers[i].channel_sqnr_db = comparison.channel_median_db[i];
    layers[i].cumulative_sqnr_db = comparison.cumulative[i].SqnrDb();
  }
}

}  // namespace lutra::converter::evaluate
