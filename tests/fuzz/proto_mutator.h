// Random changes to a protobuf message by reflection, which knows every field of every type: what a
// fuzzer needs to get behind a parser that refuses almost any damaged byte. The idea is that of
// libprotobuf-mutator: choose a field anywhere in the tree, then change, add, remove, copy or move
// what it holds. It knows nothing of what messages mean, but takes new values mostly from the
// message itself: so a name is likely to become another name that exists, and a size another size.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <vector>

#include "support/random_numbers.h"

namespace lutra::test {

class ProtoMutator {
 public:
  /// The same seed makes the same changes.
  explicit ProtoMutator(uint64_t seed) : random_(seed) {}

  /// Changes one field of `message` or of a message inside it. Pieces are taken from `message` and
  /// from `donor`, which is of the same type and may be the same message.
  void Mutate(google::protobuf::Message& message, const google::protobuf::Message& donor);

 private:
  using Message = google::protobuf::Message;
  using Field = google::protobuf::FieldDescriptor;

  /// A field of a message of the tree, whatever it holds.
  struct Place {
    Message* message;
    const Field* field;
  };

  void FindPlaces(Message& message);
  void FindPieces(const Message& message);

  void ChangeSingle(Place place);
  void ChangeRepeated(Place place);
  void AddElement(Place place);
  /// element: -1 for a field that is not repeated.
  void ChangeScalar(Place place, int element);
  void ChangeMessage(const Field* field, Message& value);

  template <typename Number>
  Number NewNumber(Number old);
  int NewEnum(const Field* field);
  std::string NewText(const Field* field, std::string old);
  std::string NewBytes(std::string old);

  RandomNumbers random_;
  std::vector<Place> places_;  ///< one stands for as many changes as it has elements
  std::vector<const Message*> messages_;
  std::vector<std::pair<const Field*, std::string>> texts_;
};

}  // namespace lutra::test
