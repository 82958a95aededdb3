#include "base/npy.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/file.h"
#include "base/output_files.h"

namespace lutra {
namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr size_t kMagicBytes = 6;
constexpr size_t kMaxHeaderBytes = 1 << 16;
constexpr size_t kMaxRank = 8;
constexpr uint64_t kMaxBytes = uint64_t{1} << 40;

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

// Reads the header's Python dictionary: three known keys in any order, literals only.
class DictReader {
 public:
  explicit DictReader(std::string_view text) : text_(text) {}

  bool Read(NpyHeader* header, bool* fortran) {
    bool descr = false, order = false, shape = false;
    if (!Take('{')) return false;
    while (!Take('}')) {
      std::string_view key;
      if (!Quoted(&key) || !Take(':')) return false;
      if (key == "descr" && !descr) {
        descr = Quoted(&descr_);
        if (!descr) return false;
      } else if (key == "fortran_order" && !order) {
        order = Word("True") ? (*fortran = true) : Word("False");
        if (!order) return false;
      } else if (key == "shape" && !shape) {
        shape = Shape(&header->shape);
        if (!shape) return false;
      } else {
        return false;
      }
      if (!Take(',')) {
        if (!Take('}')) return false;
        break;
      }
    }
    Skip();
    return descr && order && shape && at_ == text_.size();
  }

  std::string_view descr() const { return descr_; }

 private:
  void Skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool Take(char c) {
    Skip();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool Word(std::string_view word) {
    Skip();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  bool Quoted(std::string_view* out) {
    Skip();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return false;
    const size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) return false;
    *out = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return true;
  }
  bool Shape(std::vector<int64_t>* shape) {
    if (!Take('(')) return false;
    while (!Take(')')) {
      Skip();
      int64_t value = 0;
      const auto [end, failure] =
          std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
      if (failure != std::errc() || value < 0 || shape->size() == kMaxRank) return false;
      shape->push_back(value);
      at_ = static_cast<size_t>(end - text_.data());
      if (!Take(',')) {
        if (!Take(')')) return false;
        break;
      }
    }
    return true;
  }

  std::string_view text_, descr_;
  size_t at_ = 0;
};

bool ParseType(std::string_view descr, NpyHeader* header) {
  if (descr.size() != 3) return false;
  const char order = descr[0];
  header->kind = descr[1];
  header->item_bytes = static_cast<size_t>(descr[2] - '0');
  const size_t n = header->item_bytes;
  if (order != '<' && order != '|' && order != '=') return false;
  switch (header->kind) {
    case 'f':
      return n == 2 || n == 4 || n == 8;
    case 'i':
    case 'u':
      return n == 1 || n == 2 || n == 4 || n == 8;
    case 'b':
      return n == 1;
    default:
      return false;
  }
}

// 0 bytes when the product passes kMaxBytes.
bool DataBytes(const NpyHeader& header, uint64_t* bytes) {
  bool zero = false;
  for (const int64_t d : header.shape) zero = zero || d == 0;
  *bytes = zero ? 0 : header.item_bytes;
  for (const int64_t d : header.shape) {
    if (zero) break;
    if (static_cast<uint64_t>(d) > kMaxBytes / *bytes) return false;
    *bytes *= static_cast<uint64_t>(d);
  }
  return true;
}

bool ParseOpen(std::FILE* file, const std::string& path, NpyHeader* header, std::string* error) {
  *header = NpyHeader{};
  const auto fail = [&](const std::string& what) {
    *error = path + ": " + what;
    return false;
  };
  unsigned char start[12];
  if (std::fread(start, 1, 10, file) != 10 || std::memcmp(start, kMagic, kMagicBytes) != 0) {
    return fail("is no .npy file; write it with numpy.save");
  }
  if (start[6] < 1 || start[6] > 3) return fail("has an unknown .npy version; use numpy.save");
  size_t length = start[8] | start[9] << 8;
  size_t prefix = 10;
  if (start[6] >= 2) {
    if (std::fread(start + 10, 1, 2, file) != 2) return fail("is cut off within its header");
    length |= static_cast<size_t>(start[10]) << 16 | static_cast<size_t>(start[11]) << 24;
    prefix = 12;
  }
  if (length > kMaxHeaderBytes) return fail("has a .npy header of over 64 KB; use numpy.save");
  std::string text(length, '\0');
  if (std::fread(text.data(), 1, length, file) != length) {
    return fail("is cut off within its header");
  }
  bool fortran = false;
  DictReader reader(text);
  if (!reader.Read(header, &fortran)) return fail("has a malformed .npy header; use numpy.save");
  if (!ParseType(reader.descr(), header)) {
    return fail("holds elements of type '" + std::string(reader.descr()) +
                "'; save booleans, integers or floats, little-endian");
  }
  if (fortran) return fail("is in Fortran order; save numpy.ascontiguousarray(x)");
  header->data_offset = prefix + length;
  uint64_t want = 0;
  if (!DataBytes(*header, &want)) return fail("has a shape beyond 1 TB");
  if (std::fseek(file, 0, SEEK_END) != 0) return fail("cannot be read: it is no regular file");
  const uint64_t have = static_cast<uint64_t>(std::ftell(file)) - header->data_offset;
  if (have != want) {
    return fail("holds " + std::to_string(have) + " bytes of data where its shape " +
                header->ShapeText() + " of " + header->TypeName() + " needs " +
                std::to_string(want));
  }
  if (std::fseek(file, static_cast<long>(header->data_offset), SEEK_SET) != 0) {
    return fail("cannot be read: it is no regular file");
  }
  return true;
}

bool OpenAndParse(const std::string& path, File* file, NpyHeader* header, std::string* error) {
  const int fd = OpenForReading(path, error);
  if (fd < 0) return false;
  file->reset(::fdopen(fd, "rb"));
  if (!*file) {
    ::close(fd);
    *error = path + ": cannot be opened: " + std::strerror(errno);
    return false;
  }
  return ParseOpen(file->get(), path, header, error);
}

}  // namespace

uint64_t NpyHeader::elements() const {
  uint64_t n = 1;
  for (const int64_t d : shape) n *= static_cast<uint64_t>(d);
  return n;
}

std::string NpyHeader::TypeName() const {
  if (kind == 'b') return "bool";
  const char* name = kind == 'f' ? "float" : kind == 'i' ? "int" : "uint";
  return name + std::to_string(8 * item_bytes);
}

std::string NpyHeader::ShapeText() const {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

bool ReadNpyHeader(const std::string& path, NpyHeader* header, std::string* error) {
  File file;
  return OpenAndParse(path, &file, header, error);
}

bool ReadNpy(const std::string& path, NpyArray* array, std::string* error) {
  File file;
  if (!OpenAndParse(path, &file, &array->header, error)) return false;
  array->bytes.resize(array->header.elements() * array->header.item_bytes);
  if (std::fread(array->bytes.data(), 1, array->bytes.size(), file.get()) != array->bytes.size()) {
    *error = path + ": cannot be read: " + std::strerror(errno);
    return false;
  }
  return true;
}

std::vector<uint8_t> EncodeNpy(const NpyHeader& header, std::span<const uint8_t> bytes) {
  std::string shape;
  for (const int64_t d : header.shape) shape += std::to_string(d) + ", ";
  if (header.shape.size() > 1) shape.resize(shape.size() - 2);
  if (header.shape.size() == 1) shape.resize(shape.size() - 1);
  std::string text = "{'descr': '" + std::string(1, header.item_bytes == 1 ? '|' : '<') +
                     header.kind + std::to_string(header.item_bytes) +
                     "', 'fortran_order': False, 'shape': (" + shape + "), }";
  // The data starts on a multiple of 64 bytes, as numpy.save does it.
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  std::vector<uint8_t> file(10 + text.size() + bytes.size());
  std::memcpy(file.data(), kMagic, kMagicBytes);
  file[6] = 1;
  file[8] = static_cast<uint8_t>(text.size() & 0xFF);
  file[9] = static_cast<uint8_t>(text.size() >> 8);
  std::memcpy(file.data() + 10, text.data(), text.size());
  if (!bytes.empty()) std::memcpy(file.data() + 10 + text.size(), bytes.data(), bytes.size());
  return file;
}

bool WriteNpy(const std::string& path, const NpyHeader& header, std::span<const uint8_t> bytes,
              std::string* error) {
  return WriteFile(path, EncodeNpy(header, bytes), error);
}

}  // namespace lutra
