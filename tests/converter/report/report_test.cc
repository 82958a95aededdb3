// What the three forms of a report say of a small made-up conversion.
#include "converter/report/report.h"

#include <doctest/doctest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace lutra::converter::report {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

evaluate::LayerReport Layer(const std::string& name, const std::string& op, double isolated,
                            const std::string& scheme = "int8") {
  evaluate::LayerReport layer;
  layer.name = name;
  layer.op = op;
  layer.isolated_sqnr_db = isolated;
  layer.channel_sqnr_db = isolated - 1;
  layer.cumulative_sqnr_db = isolated - 5;
  layer.fp32_bytes = 4000;
  layer.bytes = 1000;
  layer.scheme = scheme;
  layer.kernel_row = "avx2";
  return layer;
}

ConvertReport Made() {
  ConvertReport report;
  report.fp32_bytes = 16000;
  report.output_bytes = 4000;
  report.operators = 6;
  report.samples = 7;
  report.top1_agreement = report.fp32_top1 = report.top1 = kNone;
  report.output_sqnr_db = 12.5;
  report.layers = {Layer("good", "Conv", 40),        Layer("bad", "Conv", 14.25),
                   Layer("moved", "Reshape", kNone), Layer("value", "Requantize", 3),
                   Layer("worse<", "Gemm", 9.5),     Layer("float", "Softmax", 1, "float32"),
                   Layer("third", "Add", 20)};
  return report;
}

}  // namespace

TEST_CASE("a poor output is explained by the layers whose own errors are largest") {
  ConvertReport report = Made();
  const std::string advice = Advice(report);
  CHECK(advice ==
        "the output SQNR is only 12.5 dB. The largest errors of their own, in the median channel: "
        "worse< (8.5 dB), bad (13.2 dB), third (19.0 dB). --min-sqnr 22 finds the layers that it "
        "takes for so many dB, and gives them activations of 16 bits.");
  CHECK(ConvertText(report).ends_with("output SQNR 12.5 dB on 7 samples\n"));
  report.output_sqnr_db = 20;
  CHECK(Advice(report).empty());
  report.output_sqnr_db = kNone;
  CHECK(Advice(report).empty());
  report.output_sqnr_db = 30;
  report.top1_agreement = 0.9;
  CHECK(Advice(report).empty());
  report.top1_agreement = 0.75;
  CHECK(Advice(report).starts_with(
      "only 75.00 % of the samples have FP32's top-1 class. The largest errors"));
}

TEST_CASE("labels give an accuracy of both networks") {
  ConvertReport report = Made();
  CHECK(ConvertJson(report)["top1"].is_null());
  report.top1_agreement = 0.9;
  report.fp32_top1 = 0.9825;
  report.top1 = 0.975;
  CHECK(ConvertText(report).ends_with("top-1 on their labels: FP32 98.25 %, converted 97.50 %\n"));
  CHECK(ConvertJson(report)["fp32_top1"] == 0.9825);
  CHECK(ConvertJson(report)["top1"] == 0.975);
  CHECK(ConvertHtml(report, "net").find("98.25 %, by the converted model for 97.50 % (top-1)") !=
        std::string::npos);
}

TEST_CASE(
    "the table ranks by the error of the median channel, and a classifier has its agreement") {
  ConvertReport report = Made();
  report.output_sqnr_db = 25;
  report.top1_agreement = 0.5;
  const std::string text = ConvertText(report);
  size_t last = 0;
  for (const char* name : {"\nfloat", "\nvalue", "\nworse<", "\nbad", "\nthird", "\ngood"}) {
    CAPTURE(name);
    const size_t at = text.find(name);
    REQUIRE(at != std::string::npos);
    CHECK(at > last);
    last = at;
  }
  CHECK(text.find("\nmoved") > last);
  CHECK(text.ends_with("top-1 agreement with FP32 50.00 % on 7 samples, output SQNR 25.0 dB\n"));
}

TEST_CASE("JSON has null for what was not measured") {
  const nlohmann::json json = ConvertJson(Made());
  CHECK(json["top1_agreement"].is_null());
  CHECK(json["output_sqnr_db"] == 12.5);
  CHECK(json["layers"][0]["name"] == "float");
  CHECK(json["layers"][6]["name"] == "moved");
  CHECK(json["layers"][6]["sqnr_db"].is_null());
}

TEST_CASE("warnings: each once, on one line, in JSON and at the top of the page") {
  ConvertReport report = Made();
  CHECK(ConvertJson(report)["warnings"] == nlohmann::json::array());
  CHECK(ConvertHtml(report, "net").find("Warnings") == std::string::npos);
  report.warnings.Add("'a\nb' is small");
  report.warnings.Add("second <b>");
  report.warnings.Add("'a b' is small");
  Warnings others;
  others.Add("second <b>");
  others.Add("third");
  report.warnings.Add(others);
  CHECK(report.warnings.lines() ==
        std::vector<std::string>{"'a b' is small", "second <b>", "third"});
  CHECK(ConvertJson(report)["warnings"] ==
        nlohmann::json({"'a b' is small", "second <b>", "third"}));
  const std::string html = ConvertHtml(report, "net");
  const size_t at = html.find("<li>second &lt;b&gt;</li>");
  CHECK(at != std::string::npos);
  CHECK(at < html.find("<svg"));
  evaluate::CompareReport compare;
  compare.warnings = report.warnings;
  CHECK(CompareJson(compare)["warnings"].size() == 3);
}

TEST_CASE("the page escapes names, and its bars are as long as its numbers") {
  ConvertReport report = Made();
  report.warnings.Add(Advice(report));
  const std::string html = ConvertHtml(report, "a<b");
  CHECK(html.find("<title>a&lt;b</title>") != std::string::npos);
  CHECK(html.find("worse<") == std::string::npos);
  CHECK(html.find("worse&lt; (8.5 dB)") != std::string::npos);
  CHECK(html.find("top-1") == std::string::npos);
  // 520 units are 40 dB in one chart, 4000 bytes in the other.
  for (const char* width :
       {"width=\"520.0\"", "width=\"455.0\"", "width=\"123.5\"", "width=\"130.0\""}) {
    CAPTURE(width);
    CHECK(html.find(width) != std::string::npos);
  }
}

}  // namespace lutra::converter::report
