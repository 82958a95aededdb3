// Writes the malformed models and manifest.tsv (name, status number, message) into a folder:
//   make_corrupt tests/corrupt/models
// Refuses when a model does not give the error its case states.
#include <cstdio>
#include <cstring>
#include <fstream>

#include "corrupt/cases.h"
#include "schema/validate.h"
#include "support/aligned_bytes.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: make_corrupt FOLDER\n");
    return 2;
  }
  const std::string folder = argv[1];
  std::ofstream manifest(folder + "/manifest.tsv");
  int wrong = 0;
  for (const auto& cases : {lutra::test::ContainerCases(), lutra::test::TensorCases(),
                            lutra::test::OperatorCases(), lutra::test::CodedCases()}) {
    for (const lutra::test::CorruptCase& c : cases) {
      const std::vector<uint8_t> file = c.make();
      const lutra::Status status = lutra::test::OpenAndValidate(file);
      if (status.code() != c.code || c.message != status.message()) {
        std::fprintf(stderr, "%s\n  expected %d %s\n  got      %d %s\n", c.name.c_str(),
                     static_cast<int>(c.code), c.message.c_str(), static_cast<int>(status.code()),
                     status.message());
        ++wrong;
      }
      std::ofstream out(folder + "/" + c.name + ".lutra", std::ios::binary);
      out.write(reinterpret_cast<const char*>(file.data()),
                static_cast<std::streamsize>(file.size()));
      manifest << c.name << '\t' << static_cast<int>(c.code) << '\t' << c.message << '\n';
    }
  }
  return wrong == 0 && manifest.good() ? 0 : 1;
}
