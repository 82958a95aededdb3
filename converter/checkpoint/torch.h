// PyTorch checkpoints, written by torch.save: a pickle that describes tensors as windows into
// storages, and the bytes of the storages. Two containers hold these: the zip file of torch 1.6 and
// later, and the sequence of pickles before it.
//
// Which tensors are the weights: those of the first entry called state_dict, model_state_dict,
// model, net or weights that is a dictionary with tensors; without such an entry all tensors of the
// file. Names are the keys from there on, joined with dots.
#pragma once

#include <span>

#include "converter/checkpoint/checkpoint.h"

namespace lutra::converter::checkpoint {

bool IsTorchZip(std::span<const uint8_t> bytes);
bool IsTorchLegacy(std::span<const uint8_t> bytes);
/// Any pickle of protocol 2 and later.
bool IsPickle(std::span<const uint8_t> bytes);

/// Throw Error. The legacy reader also gets pickles that torch did not write, and says what is
/// wrong with them.
Checkpoint ReadTorchZip(std::span<const uint8_t> bytes);
Checkpoint ReadTorchLegacy(std::span<const uint8_t> bytes);

}  // namespace lutra::converter::checkpoint
