// Writes a two-class model and samples for it: small_model MODEL.lutra SAMPLES.npy LABELS. Class 1
// is the larger second value.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "support/model_builder.h"

namespace {

bool Write(const char* path, const void* data, size_t bytes) {
  std::FILE* file = std::fopen(path, "wb");
  if (file == nullptr) return false;
  const bool ok = std::fwrite(data, 1, bytes, file) == bytes;
  return std::fclose(file) == 0 && ok;
}

std::vector<uint8_t> Model() {
  lutra::test::ModelBuilder b;
  const auto x = b.Input("x", {1, 2}, {0.1F, 0});
  const auto y = b.Int8({1, 2}, {0.1F, 0});
  lutra::schema::LinearT linear;
  linear.weights = b.IntWeights({1, 0, 0, 1}, {0, 0}, {1.0F, 1.0F});
  b.Add(std::move(linear), {x}, {y});
  b.Output("y", y);
  return b.Finish();
}

std::string Npy(const std::vector<float>& values) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                       std::to_string(values.size() / 2) + ", 2), }";
  while ((10 + header.size() + 1) % 16 != 0) header += ' ';
  header += '\n';
  std::string file = std::string("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(header.size() & 0xFF);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  file.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  return file;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::vector<uint8_t> model = Model();
  const std::string samples = Npy({0.5F, 2.0F, 3.0F, -1.0F, -2.0F, 0.0F});
  const uint8_t labels[] = {1, 0, 1};
  const bool ok = Write(argv[1], model.data(), model.size()) &&
                  Write(argv[2], samples.data(), samples.size()) &&
                  Write(argv[3], labels, sizeof(labels));
  return ok ? 0 : 1;
}
