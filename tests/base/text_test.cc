// What may reach a terminal: printable UTF-8, in one line, of bounded length.
#include "base/text.h"

#include <doctest/doctest.h>

#include "base/json.h"
#include "base/utf8.h"

namespace lutra::tools {
namespace {

TEST_CASE("control characters and bytes that are no UTF-8 become question marks") {
  CHECK(Printable("conv1/é/重み/🦦") == "conv1/é/重み/🦦");
  CHECK(Printable("a\x1b[31mb\x07\x7f\n") == "a?[31mb???");
  CHECK(Printable(std::string("a\0b", 3)) == "a?b");
  CHECK(Printable("\xff\xc3") == "??");                 // no lead byte; cut
  CHECK(Printable("\xc0\xaf\xed\xa0\x80") == "?????");  // overlong; a surrogate
  CHECK(Printable("\xc2\x9b"
                  "31m\xc2\xa0") == "??31m\xc2\xa0");  // C1's CSI; a no-break space
  CHECK(Printable("\xf4\x90\x80\x80") == "????");      // beyond U+10FFFF
  CHECK(IsPrintableUtf8("\xc2\xa0"));
  CHECK_FALSE(IsPrintableUtf8("\xc2\x9b"));
  CHECK(Lines("a\tb\nc\rd\x1b") == "a\tb\nc?d?");
}

TEST_CASE("a message is one line, and its name and its cure survive a cut") {
  CHECK(Message("a\nb\tc\x1b") == "a b c?");
  const std::string text = "file.onnx: " + std::string(137000, 'n') + "; export it again";
  const std::string message = Message(text);
  CHECK(message.size() < kMostMessageBytes + 100);
  CHECK(message.starts_with("file.onnx: nnn"));
  CHECK(message.ends_with("nnn; export it again"));
  CHECK(message.find(" bytes left out ") != std::string::npos);
  // A character is not cut in two, whatever the offset.
  for (const std::string start : {"", "x", "xx"}) {
    std::string wide = start;
    while (wide.size() < 3000) wide += "重";
    CHECK(Message(wide).find('?') == std::string::npos);
  }
}

TEST_CASE("JSON text: escapes, and what is no UTF-8") {
  JsonWriter json;
  json.Open('[').Text("é\"\\\n\x1b\x7f").Text("\xff\xc2\x9b").Close();
  CHECK(json.text() == R"(["é\"\\\u000a\u001b\u007f", "\ufffd\ufffd\ufffd"])");
}

}  // namespace
}  // namespace lutra::tools
