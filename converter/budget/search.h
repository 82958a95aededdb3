// From a budget to a scheme for every layer.
//
// The data is divided. One part calibrates, as in plain conversion; on the other, held out, every
// choice is made: by costs measured layer by layer (sensitivity.h) and added up, a mix of schemes
// is found for a size (allocate.h), built, and run in the runtime. What adding up leaves out
// (errors of layers that meet, integer activations) shows there, and the costs of single layers are
// weighted by what the trials show. Uniform schemes are measured as
// well, and the best of all on this data (BestOf) is taken.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "converter/budget/allocate.h"
#include "converter/budget/budget.h"
#include "converter/budget/held_out.h"
#include "converter/budget/sensitivity.h"
#include "converter/budget/weight_store.h"
#include "converter/data/dataset.h"
#include "converter/data/subset.h"
#include "converter/warnings.h"

namespace lutra::converter::budget {

/// The whole model file, as large as it will be written.
using Build = std::function<std::vector<uint8_t>(const quantize::Quantization&)>;

class Search {
 public:
  /// `graph` is laid out (passes.h); `schemes` has all of its nodes, and those of the labels in
  /// `fixed` stay. Keeps references to graph and data. Throws Error.
  Search(const Graph& graph, Schemes schemes, const std::set<std::string>& fixed, Limits limits,
         const data::Dataset& data, coding::Codec codec, Build build, quantize::Progress progress,
         Warnings& warnings);

  /// Throws Error where the budget cannot be met, with what can.
  Schemes Run();

  /// Instead of Run, of a network that will be trained on: the given schemes with the sparsity that
  /// each layer shall have, 0 of all layers where that would gain little, and when the user has had
  /// enough. Only for a size. Throws Error where it can be had in no way.
  Schemes Sparsities();

  /// By label, of the layers that have got zeros from it: the cost of the layer's scheme with them.
  const std::map<std::string, double>& SparsityCosts() const { return sparsity_costs_; }

  /// For a file that came out larger by so many bytes than it may be, though these schemes, on
  /// other calibration data or other weights, fitted: others, for less. Throws Error when there are
  /// none.
  Schemes Tighter(uint64_t over);

  Report Describe() const;

 private:
  struct Tried {
    std::string weights;
    Schemes schemes;
    uint64_t bytes = 0;
    std::optional<Score> score;
    double cost = 0;  // of a mix: what its layers' weighted costs add up to
  };
  /// Which of a layer's schemes a mix may have; null: all.
  using Filter = bool (*)(const quantize::LayerScheme&);

  void FindCandidates(const std::set<std::string>& fixed);
  std::vector<quantize::LayerScheme> Allowed(const quantize::LayerScheme& base) const;
  std::vector<quantize::LayerScheme> WorthTrying(const Node& node,
                                                 const quantize::LayerScheme& base) const;
  void OfferSparsities();
  void Prepare();
  bool Enough() const;
  void MeasureCosts();
  /// NaN: not measured.
  double CostOf(const Candidates& layer, const quantize::LayerScheme& scheme) const;
  std::string TooSmallText(uint64_t least_bytes) const;
  Schemes Smallest() const;
  uint64_t FindOffset(const Schemes& smallest);
  Schemes With(const std::function<quantize::LayerScheme(const Candidates&)>& scheme) const;
  std::vector<Tried> UniformTrials() const;
  size_t Add(Tried tried);
  uint64_t SizeOf(const Schemes& schemes);
  Score ScoreOf(const Schemes& schemes);
  const Score& Measure(size_t tried);
  double Drop(const Score& score) const;
  std::string DropText(double drop) const;
  std::optional<Tried> Fit(uint64_t limit, Filter allowed = nullptr);
  void Refine(uint64_t limit);
  bool IsTried(const Schemes& schemes) const;
  void Consider(size_t tried);
  void SearchForSize();
  void SearchForDrop();
  void Stop();

  const Graph& graph_;
  const Schemes given_;
  const Limits limits_;
  const coding::Codec codec_;
  const Build build_;
  const quantize::Progress progress_;
  Warnings& warnings_;
  std::unique_ptr<data::Subset> calibration_data_, held_out_data_;
  std::vector<Candidates> layers_;
  std::set<std::string> fixed_;  // labels of layers with weights
  quantize::Calibration calibration_;
  std::unique_ptr<WeightStore> store_;
  std::unique_ptr<HeldOut> held_out_;
  size_t samples_ = 0;
  std::vector<std::vector<Option>> options_;  // by layer and scheme
  std::vector<double> weight_;                // of each layer's costs
  int64_t offset_ = 0;  // bytes of a file but for what options_ say of its layers
  uint64_t reserve_ = 0;
  std::vector<Tried> tried_;
  std::vector<size_t> fitting_;  // of tried_, measured
  std::optional<size_t> best_;
  std::map<std::string, double> sparsity_costs_;
  bool stopped_ = false;
};

}  // namespace lutra::converter::budget
