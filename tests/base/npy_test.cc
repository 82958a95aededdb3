#include "base/npy.h"

#include <doctest/doctest.h>

#include <cstring>

#include "support/temp_folder.h"

namespace lutra::tools {
namespace {

using test::TempFolder;

// A file of version 1 with this dictionary and so many zero bytes behind it.
std::string Npy(const std::string& dictionary, size_t data_bytes) {
  std::string bytes = std::string("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(dictionary.size() & 0xFF);
  bytes += static_cast<char>(dictionary.size() >> 8);
  return bytes + dictionary + std::string(data_bytes, '\0');
}

std::string ErrorOf(const std::string& path) {
  NpyArray array;
  std::string error;
  return ReadNpy(path, &array, &error) ? "" : error;
}

TEST_CASE("what is written is read back, whatever the rank") {
  TempFolder folder;
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{}, {6}, {2, 3}, {1, 2, 3}, {0, 4}}) {
    NpyArray array;
    array.header.shape = shape;
    array.bytes.resize(array.header.elements() * 4);
    for (size_t i = 0; i < array.bytes.size(); ++i) array.bytes[i] = static_cast<uint8_t>(i * 7);
    std::string error;
    REQUIRE(WriteNpy(folder / "x.npy", array.header, array.bytes, &error));
    NpyArray back;
    REQUIRE_MESSAGE(ReadNpy(folder / "x.npy", &back, &error), error);
    CHECK(back.header.shape == shape);
    CHECK(back.header.TypeName() == "float32");
    CHECK(back.header.data_offset % 64 == 0);
    CHECK(back.bytes == array.bytes);
  }
}

TEST_CASE("headers as numpy writes them") {
  TempFolder folder;
  // numpy.save(zeros((3,), int8)), (2, 1) float16, () bool
  const auto header = [&](const std::string& dictionary, size_t bytes) {
    NpyHeader parsed;
    std::string error;
    REQUIRE_MESSAGE(ReadNpyHeader(folder.Write("x.npy", Npy(dictionary, bytes)), &parsed, &error),
                    error);
    return parsed.TypeName() + " " + parsed.ShapeText();
  };
  CHECK(header("{'descr': '|i1', 'fortran_order': False, 'shape': (3,), }  \n", 3) == "int8 [3]");
  CHECK(header("{'descr': '<f2', 'fortran_order': False, 'shape': (2, 1), }\n", 4) ==
        "float16 [2, 1]");
  CHECK(header("{'descr': '|b1', 'fortran_order': False, 'shape': (), }\n", 1) == "bool []");
  CHECK(header("{\"shape\":(2,2),\"descr\":\"<u4\",\"fortran_order\":False}", 16) ==
        "uint32 [2, 2]");
}

TEST_CASE("every fault is one line with the file and the cure") {
  TempFolder folder;
  const std::string path = folder / "x.npy";
  const auto fault = [&](const std::string& bytes) {
    folder.Write("x.npy", bytes);
    const std::string error = ErrorOf(path);
    return error.starts_with(path) ? error.substr(path.size()) : error;
  };
  CHECK(fault("") == ": is no .npy file; write it with numpy.save");
  CHECK(fault(std::string(100, 'x')) == ": is no .npy file; write it with numpy.save");
  CHECK(fault(Npy("{'descr': '<f4'}", 0)) == ": has a malformed .npy header; use numpy.save");
  CHECK(fault(Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1,)}", 4)) ==
        ": is in Fortran order; save numpy.ascontiguousarray(x)");
  CHECK(fault(Npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", 4)) ==
        ": holds elements of type '>f4'; save booleans, integers or floats, little-endian");
  CHECK(fault(Npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", 8)) ==
        ": holds elements of type '|O'; save booleans, integers or floats, little-endian");
  CHECK(fault(Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", 23)) ==
        ": holds 23 bytes of data where its shape [2, 3] of float32 needs 24");
  CHECK(fault(Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 0)) ==
        ": has a malformed .npy header; use numpy.save");
  CHECK(fault(Npy("{'descr': '<f8', 'fortran_order': False, "
                  "'shape': (9223372036854775807, 9223372036854775807)}",
                  0)) == ": has a shape beyond 1 TB");
  CHECK(fault(Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", 4)) ==
        ": has a malformed .npy header; use numpy.save");
  CHECK(ErrorOf(folder / "none.npy") ==
        folder / "none.npy: cannot be opened: No such file or directory");
}

TEST_CASE("no truncation of a file is read") {
  TempFolder folder;
  const std::string whole =
      Npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }   \n", 8);
  for (size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(ErrorOf(folder.Write("x.npy", whole.substr(0, size))) != "");
  }
  CHECK(ErrorOf(folder.Write("x.npy", whole)) == "");
}

TEST_CASE("a failed write leaves the old file and nothing else") {
  TempFolder folder;
  std::string error;
  CHECK_FALSE(WriteNpy("/dev/full", NpyHeader{'f', 4, {1}, 0}, std::vector<uint8_t>(4), &error));
  CHECK(error == "/dev/full: cannot be written: No space left on device");
  CHECK_FALSE(
      WriteNpy(folder / "none/y.npy", NpyHeader{'f', 4, {1}, 0}, std::vector<uint8_t>(4), &error));
  CHECK(error == folder / "none/y.npy: cannot be created: No such file or directory");
  CHECK(std::filesystem::is_empty(std::filesystem::path(folder / "x").parent_path()));
}

}  // namespace
}  // namespace lutra::tools
