// What follows from a format of weights, by hand.
#include "base/weight_format.h"

#include <doctest/doctest.h>

namespace lutra {
namespace {

TEST_CASE("levels of linear quantization") {
  const auto is = [](LinearLevels levels, int lowest, int highest) {
    return levels.lowest == lowest && levels.highest == highest;
  };
  CHECK(is(LevelsOf(2, false), -1, 1));
  CHECK(is(LevelsOf(2, true), -2, 1));
  CHECK(is(LevelsOf(4, false), -7, 7));
  CHECK(is(LevelsOf(4, true), -8, 7));
  CHECK(is(LevelsOf(8, false), -127, 127));
  CHECK(is(LevelsOf(8, true), -127, 127));
  CHECK(is(LevelsOf(16, false), -32767, 32767));
}

TEST_CASE("bytes of values") {
  CHECK(WeightFormat{}.ValueBytes(15) == 15);
  CHECK(WeightFormat{.bits = 3}.ValueBytes(15) == 6);
  CHECK(WeightFormat{.kind = WeightKind::codebook, .bits = 1}.ValueBytes(15) == 2);
  CHECK(WeightFormat{.kind = WeightKind::fp16}.ValueBytes(15) == 30);
  CHECK(WeightFormat{.kind = WeightKind::fp32}.ValueBytes(15) == 60);
}

TEST_CASE("scales: one, one for each row, or for each group of a row, the last of which is short") {
  CHECK(WeightFormat{.granularity = Granularity::tensor}.Scales(5, 70) == 1);
  CHECK(WeightFormat{.granularity = Granularity::tensor}.ScaleElements(5, 70) == 350);
  CHECK(WeightFormat{}.Scales(5, 70) == 5);
  CHECK(WeightFormat{}.ScaleElements(5, 70) == 70);
  const WeightFormat groups{.granularity = Granularity::group, .group = 32};
  CHECK(groups.Scales(5, 70) == 15);
  CHECK(groups.Scales(5, 64) == 10);
  CHECK(groups.Scales(5, 65) == 15);
  CHECK(groups.Scales(5, 7) == 5);
  CHECK(groups.ScaleElements(5, 7) == 7);
}

TEST_CASE("tables: one for all channels, or for every so many, the last of which serves fewer") {
  WeightFormat codebook{.kind = WeightKind::codebook, .bits = 3};
  CHECK(codebook.TableEntries() == 8);
  CHECK(codebook.Tables(40) == 1);
  CHECK(codebook.ChannelsPerTable(40) == 40);
  codebook.codebook_channels = 16;
  CHECK(codebook.Tables(40) == 3);
  CHECK(codebook.Tables(32) == 2);
  CHECK(codebook.ChannelsPerTable(40) == 16);
}

}  // namespace
}  // namespace lutra
