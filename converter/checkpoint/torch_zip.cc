// torch 1.6 and later: a zip file of NAME/data.pkl and a file NAME/data/KEY for every storage, all
// of them stored without compression, which is also what bounds memory here: an entry cannot hold
// more than the file does.
#include <zip.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "converter/checkpoint/pickle.h"
#include "converter/checkpoint/torch.h"
#include "converter/checkpoint/torch_tensors.h"
#include "converter/error.h"

namespace lutra::converter::checkpoint {
namespace {

struct ZipCloser {
  void operator()(zip_t* zip) const { zip_discard(zip); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

class ZipArchive {
 public:
  explicit ZipArchive(std::span<const uint8_t> bytes) : bytes_left_(bytes.size()) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
    if (source != nullptr) {
      zip_.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
      if (zip_ == nullptr) zip_source_free(source);
    }
    const std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    if (zip_ == nullptr) throw Error("is a damaged zip file: " + Printable(text));
  }

  /// The folder that everything lies in, with its slash.
  std::string Folder() const {
    constexpr std::string_view kPickle = "data.pkl";
    const auto entries = zip_get_num_entries(zip_.get(), 0);
    for (zip_int64_t i = 0; i < entries; ++i) {
      const char* name = zip_get_name(zip_.get(), static_cast<zip_uint64_t>(i), 0);
      const std::string_view text = name == nullptr ? "" : name;
      if (text.ends_with("/data.pkl") && text.find('/') == text.size() - kPickle.size() - 1) {
        return std::string(text.substr(0, text.size() - kPickle.size()));
      }
    }
    throw Error("is a zip file without data.pkl: not one of torch.save");
  }

  bool Has(const std::string& name) const {
    return zip_name_locate(zip_.get(), name.c_str(), 0) >= 0;
  }

  std::vector<uint8_t> Read(const std::string& name) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    if (zip_stat(zip_.get(), name.c_str(), 0, &stat) != 0) {
      throw Error("its entry " + Printable(name) + " is missing");
    }
    constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    if ((stat.valid & kNeeded) != kNeeded || stat.comp_method != ZIP_CM_STORE) {
      throw Error("its entry " + Printable(name) +
                  " is compressed, as torch.save never does; save it again");
    }
    if (stat.size > bytes_left_) throw Error("its entries hold more bytes than the file");
    bytes_left_ -= stat.size;
    std::vector<uint8_t> bytes(stat.size);
    const std::unique_ptr<zip_file_t, ZipCloser> file(zip_fopen_index(zip_.get(), stat.index, 0));
    // The read past the end makes libzip check the CRC.
    uint8_t past = 0;
    const bool read =
        file != nullptr &&
        zip_fread(file.get(), bytes.data(), bytes.size()) == static_cast<zip_int64_t>(stat.size) &&
        zip_fread(file.get(), &past, 1) == 0;
    if (!read) throw Error("its entry " + Printable(name) + " is damaged");
    return bytes;
  }

 private:
  uint64_t bytes_left_;  // stored entries that do not overlap
  std::unique_ptr<zip_t, ZipCloser> zip_;
};

}  // namespace

bool IsTorchZip(std::span<const uint8_t> bytes) {
  return bytes.size() >= 4 && bytes[0] == 'P' && bytes[1] == 'K' && bytes[2] == 3 && bytes[3] == 4;
}

Checkpoint ReadTorchZip(std::span<const uint8_t> bytes) {
  ZipArchive zip(bytes);
  const std::string folder = zip.Folder();
  if (zip.Has(folder + "constants.pkl")) {
    throw Error(
        "is a TorchScript program; save the weights alone with "
        "torch.save(model.state_dict(), FILE)");
  }
  if (zip.Has(folder + "byteorder")) {
    const std::vector<uint8_t> order = zip.Read(folder + "byteorder");
    if (std::string_view(reinterpret_cast<const char*>(order.data()), order.size()) != "little") {
      throw Error("was written on a big-endian machine, which is not supported");
    }
  }
  const std::vector<uint8_t> pickle = zip.Read(folder + "data.pkl");
  const PickleTree tree = ReadPickle(pickle);
  std::map<std::string, std::vector<uint8_t>> storages;
  const auto read = [&](const TorchStorage& storage) -> std::span<const uint8_t> {
    const auto [entry, fresh] = storages.try_emplace(storage.key);
    if (fresh) entry->second = zip.Read(folder + "data/" + storage.key);
    return entry->second;
  };
  Checkpoint checkpoint = CollectTensors(tree, read, bytes.size());
  checkpoint.format = "PyTorch (zip)";
  return checkpoint;
}

}  // namespace lutra::converter::checkpoint
