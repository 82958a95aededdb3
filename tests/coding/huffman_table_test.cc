// Code lengths: all vectors of up to 8 letters and length 7, tables as they stand in a stream, and
// the optimality of limited lengths.
#include "runtime/coding/huffman_table.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "converter/coding/huffman_lengths.h"

namespace lutra::test {
namespace {

using coding::CodeLengths;
using coding::DecodeEntry;

/// Whether each code, followed by anything, is decoded to its letter.
bool Decodes(const CodeLengths& code, unsigned letters, std::vector<DecodeEntry>* table) {
  uint16_t codes[coding::kMaxLetters];
  coding::AssignCodes(code, letters, codes);
  coding::FillDecodeTable(
      code, letters, [](unsigned letter) { return static_cast<uint16_t>(letter); }, table->data());
  for (unsigned letter = 0; letter < letters; ++letter) {
    const unsigned length = code.lengths[letter];
    if (length == 0) continue;
    for (const unsigned rest : {0U, 1U, 0x2AAU, 0x7FFU}) {
      const DecodeEntry entry = (*table)[(codes[letter] | rest << length) & 0x7FF];
      if (entry.value != letter || entry.length != length) return false;
    }
  }
  return true;
}

TEST_CASE("all code-length vectors of up to 8 letters and length 7") {
  std::vector<DecodeEntry> table(coding::kDecodeEntries);
  for (unsigned letters = 1; letters <= 8; ++letters) {
    size_t valid = 0, wrong = 0;
    for (uint32_t vector = 0; vector < 1U << (3 * letters); ++vector) {
      CodeLengths code;
      unsigned space = 0;  // Kraft's sum in units of 2^-7
      for (unsigned letter = 0; letter < letters; ++letter) {
        const unsigned length = vector >> (3 * letter) & 7;
        code.lengths[letter] = static_cast<uint8_t>(length);
        if (length > 0) space += 128U >> length;
      }
      const bool accepted = coding::CheckLengths(code, letters).ok();
      if (accepted != (space == 128)) ++wrong;
      if (space != 128) continue;
      ++valid;
      wrong += Decodes(code, letters, &table) ? 0 : 1;
    }
    CAPTURE(letters);
    CHECK(wrong == 0);
    CHECK((valid > 0) == (letters > 1));
  }
}

TEST_CASE("canonical codes") {
  // The example of RFC 1951, 3.2.2: lengths 3 3 3 3 3 2 4 4.
  CodeLengths code;
  const uint8_t lengths[] = {3, 3, 3, 3, 3, 2, 4, 4};
  std::copy(std::begin(lengths), std::end(lengths), code.lengths);
  uint16_t codes[coding::kMaxLetters];
  coding::AssignCodes(code, 8, codes);
  // 010 011 100 101 110 00 1110 1111, each read backwards.
  const uint16_t expected[] = {0b010, 0b110, 0b001, 0b101, 0b011, 0b00, 0b0111, 0b1111};
  CHECK(std::equal(std::begin(expected), std::end(expected), codes));
}

/// Bits of an unlimited Huffman code, by joining the two lightest again and again.
uint64_t HuffmanBits(std::vector<uint64_t> weights) {
  uint64_t bits = 0;
  while (weights.size() > 1) {
    std::sort(weights.begin(), weights.end(), std::greater<>());
    const uint64_t joined = weights.back() + weights[weights.size() - 2];
    weights.pop_back();
    weights.back() = joined;
    bits += joined;
  }
  return bits;
}

TEST_CASE("lengths are optimal where the limit does not bind, and complete where it does") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const size_t letters = 2 + random() % 30;
    std::vector<uint64_t> weights;
    for (size_t i = 0; i < letters; ++i) weights.push_back(1 + random() % 100);
    const CodeLengths code = converter::encoding::LimitedLengths(weights);
    CHECK(coding::CheckLengths(code, static_cast<unsigned>(letters)).ok());
    uint64_t bits = 0;
    for (size_t i = 0; i < letters; ++i) bits += weights[i] * code.lengths[i];
    CHECK(bits == HuffmanBits(weights));  // 32 weights of up to 100 need no 12 bits
  }
  // Fibonacci's numbers make the longest codes: 40 letters would take 39 bits.
  std::vector<uint64_t> fibonacci = {1, 1};
  while (fibonacci.size() < 40) {
    fibonacci.push_back(fibonacci.back() + fibonacci[fibonacci.size() - 2]);
  }
  const CodeLengths code = converter::encoding::LimitedLengths(fibonacci);
  CHECK(coding::CheckLengths(code, 40).ok());
  CHECK(std::is_sorted(code.lengths, code.lengths + 40, std::greater<>()));
  // All letters of an alphabet, with one of them far more frequent than the others.
  std::vector<uint64_t> many(coding::kMaxLetters, 1);
  many[5] = 1000000;
  CHECK(coding::CheckLengths(converter::encoding::LimitedLengths(many), coding::kMaxLetters).ok());
}

TEST_CASE("tables that are refused") {
  const auto read = [](std::vector<uint8_t> bytes) {
    bytes.resize(bytes.size() + 8);
    coding::BitReader bits(bytes.data(), bytes.size());
    CodeLengths code;
    return coding::ReadCodeLengths(bits, 16, &code);
  };
  // First letter 1, last letter 0; letter 16 of 16; both 3 (sound); an unused first letter.
  CHECK(read({0x01, 0x00, 0x00}).code() == Code::malformed);
  CHECK(read({0x10, 0x20, 0x00}).code() == Code::malformed);
  CHECK(read({0x03, 0x06, 0x00}).ok());
  CHECK(read({0x03, 0x0E, 0x00}).code() == Code::malformed);
}

}  // namespace
}  // namespace lutra::test
