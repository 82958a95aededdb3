// The table of Deep Compression (Han, Mao, Dally, arXiv 1510.00149, tables 2 to 5) for an archive:
// a row per tensor, then what the file needs besides, then the total.
#pragma once

#include <string>
#include <vector>

#include "converter/archive/archive.h"

namespace lutra::converter::report {

/// `measured`: the rows have their SQNR (after Compress); an archive alone cannot tell it.
std::string ArchiveText(const archive::ArchiveListing& listing, bool measured);
/// One JSON object.
std::string ArchiveJson(const archive::ArchiveListing& listing, bool measured,
                        const std::vector<checkpoint::SkippedEntry>& skipped,
                        const Warnings& warnings);

/// The tensors of a checkpoint, which has no other table.
std::string CheckpointText(const checkpoint::Checkpoint& checkpoint);
std::string CheckpointJson(const checkpoint::Checkpoint& checkpoint);

}  // namespace lutra::converter::report
