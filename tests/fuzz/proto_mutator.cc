// See proto_mutator.h.
#include "fuzz/proto_mutator.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <type_traits>

namespace lutra::test {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Sizes at which sums, products and comparisons break, and small ones that are usual.
constexpr std::array<int64_t, 28> kSharpIntegers = {
    0,     1,       2,         3,         4,         7,         8,
    -1,    -2,      -128,      127,       128,       255,       256,
    32767, 65536,   1 << 20,   1 << 26,   1 << 28,   INT32_MAX, INT32_MIN,
    -3,    1 << 30, 1LL << 32, 1LL << 40, 1LL << 62, INT64_MAX, INT64_MIN};

constexpr std::array<double, 16> kSharpReals = {0,
                                                -0.0,
                                                1,
                                                -1,
                                                0.5,
                                                2,
                                                1e-3,
                                                1e-20,
                                                1.2e-38,
                                                1e-45,
                                                3.5,
                                                255,
                                                1e10,
                                                3.4e38,
                                                std::numeric_limits<double>::infinity(),
                                                std::numeric_limits<double>::quiet_NaN()};

constexpr size_t kMostTexts = 4096, kLongestText = 64;

template <typename Visit>
void ForEachInner(const Message& message, const Visit& visit) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      visit(reflection.GetMessage(message, field));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      visit(reflection.GetRepeatedMessage(message, field, i));
    }
  }
}

}  // namespace

void ProtoMutator::Mutate(Message& message, const Message& donor) {
  // Pieces are copies where they are not the donor's: what they were taken from changes.
  const std::unique_ptr<Message> before(message.New());
  before->CopyFrom(message);
  messages_.clear();
  texts_.clear();
  FindPieces(*before);
  if (&donor != &message) FindPieces(donor);
  places_.clear();
  FindPlaces(message);
  const Place place = places_[random_.Below(places_.size())];
  place.field->is_repeated() ? ChangeRepeated(place) : ChangeSingle(place);
}

void ProtoMutator::FindPlaces(Message& message) {
  const Reflection& reflection = *message.GetReflection();
  std::vector<const Field*> fields;
  reflection.ListFields(message, &fields);
  for (const Field* field : fields) {
    const bool inner = field->cpp_type() == Field::CPPTYPE_MESSAGE;
    places_.push_back({&message, field});
    if (!field->is_repeated()) {
      if (inner) FindPlaces(*reflection.MutableMessage(&message, field));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field) && inner; ++i) {
      places_.push_back({&message, field});
      FindPlaces(*reflection.MutableRepeatedMessage(&message, field, i));
    }
  }
  // And one that may not be there yet.
  const auto& type = *message.GetDescriptor();
  if (type.field_count() == 0) return;
  places_.push_back({&message, type.field(static_cast<int>(
                                   random_.Below(static_cast<size_t>(type.field_count()))))});
}

void ProtoMutator::FindPieces(const Message& message) {
  messages_.push_back(&message);
  const Reflection& reflection = *message.GetReflection();
  std::vector<const Field*> fields;
  reflection.ListFields(message, &fields);
  const auto add = [&](const Field* field, std::string text) {
    if (texts_.size() < kMostTexts && text.size() <= kLongestText) {
      texts_.emplace_back(field, std::move(text));
    }
  };
  for (const Field* field : fields) {
    if (field->type() != Field::TYPE_STRING) continue;
    if (!field->is_repeated()) add(field, reflection.GetString(message, field));
    for (int i = 0; field->is_repeated() && i < reflection.FieldSize(message, field); ++i) {
      add(field, reflection.GetRepeatedString(message, field, i));
    }
  }
  ForEachInner(message, [&](const Message& inner) { FindPieces(inner); });
}

void ProtoMutator::ChangeSingle(Place place) {
  const Reflection& reflection = *place.message->GetReflection();
  if (random_.OneIn(8) && reflection.HasField(*place.message, place.field)) {
    reflection.ClearField(place.message, place.field);
  } else if (place.field->cpp_type() == Field::CPPTYPE_MESSAGE) {
    ChangeMessage(place.field, *reflection.MutableMessage(place.message, place.field));
  } else {
    ChangeScalar(place, -1);
  }
}

void ProtoMutator::ChangeRepeated(Place place) {
  Message* const message = place.message;
  const Reflection& reflection = *message->GetReflection();
  const int count = reflection.FieldSize(*message, place.field);
  const auto any = [&] { return static_cast<int>(random_.Below(static_cast<size_t>(count))); };
  const size_t choice = count == 0 ? 0 : random_.Below(8);
  if (choice == 0) {  // one more, somewhere
    AddElement(place);
    for (int i = count, to = count == 0 ? 0 : any(); i > to; --i) {
      reflection.SwapElements(message, place.field, i, i - 1);
    }
  } else if (choice == 1) {  // one less
    for (int i = any(); i < count - 1; ++i) {
      reflection.SwapElements(message, place.field, i, i + 1);
    }
    reflection.RemoveLast(message, place.field);
  } else if (choice == 2) {
    reflection.SwapElements(message, place.field, any(), any());
  } else if (place.field->cpp_type() == Field::CPPTYPE_MESSAGE) {
    ChangeMessage(place.field, *reflection.MutableRepeatedMessage(message, place.field, any()));
  } else {
    ChangeScalar(place, any());
  }
}

void ProtoMutator::AddElement(Place place) {
  Message* const message = place.message;
  const Field* const field = place.field;
  const Reflection& reflection = *message->GetReflection();
  switch (field->cpp_type()) {
    case Field::CPPTYPE_INT32:
      return reflection.AddInt32(message, field, NewNumber(int32_t{1}));
    case Field::CPPTYPE_INT64:
      return reflection.AddInt64(message, field, NewNumber(int64_t{1}));
    case Field::CPPTYPE_UINT32:
      return reflection.AddUInt32(message, field, NewNumber(uint32_t{1}));
    case Field::CPPTYPE_UINT64:
      return reflection.AddUInt64(message, field, NewNumber(uint64_t{1}));
    case Field::CPPTYPE_FLOAT:
      return reflection.AddFloat(message, field, NewNumber(1.0F));
    case Field::CPPTYPE_DOUBLE:
      return reflection.AddDouble(message, field, NewNumber(1.0));
    case Field::CPPTYPE_BOOL:
      return reflection.AddBool(message, field, random_.OneIn(2));
    case Field::CPPTYPE_ENUM:
      return reflection.AddEnumValue(message, field, NewEnum(field));
    case Field::CPPTYPE_STRING:
      return reflection.AddString(
          message, field,
          field->type() == Field::TYPE_BYTES ? NewBytes("lutra") : NewText(field, ""));
    case Field::CPPTYPE_MESSAGE:
      ChangeMessage(field, *reflection.AddMessage(message, field));
  }
}

void ProtoMutator::ChangeScalar(Place place, int element) {
  Message* const message = place.message;
  const Field* const field = place.field;
  const Reflection& reflection = *message->GetReflection();
  const auto change = [&](auto get, auto set, auto get_one, auto set_one, const auto& renew) {
    if (element < 0) {
      (reflection.*set)(message, field, renew((reflection.*get)(*message, field)));
    } else {
      (reflection.*set_one)(message, field, element,
                            renew((reflection.*get_one)(*message, field, element)));
    }
  };
  const auto number = [&](auto old) { return NewNumber(old); };
  switch (field->cpp_type()) {
    case Field::CPPTYPE_INT32:
      return change(&Reflection::GetInt32, &Reflection::SetInt32, &Reflection::GetRepeatedInt32,
                    &Reflection::SetRepeatedInt32, number);
    case Field::CPPTYPE_INT64:
      return change(&Reflection::GetInt64, &Reflection::SetInt64, &Reflection::GetRepeatedInt64,
                    &Reflection::SetRepeatedInt64, number);
    case Field::CPPTYPE_UINT32:
      return change(&Reflection::GetUInt32, &Reflection::SetUInt32, &Reflection::GetRepeatedUInt32,
                    &Reflection::SetRepeatedUInt32, number);
    case Field::CPPTYPE_UINT64:
      return change(&Reflection::GetUInt64, &Reflection::SetUInt64, &Reflection::GetRepeatedUInt64,
                    &Reflection::SetRepeatedUInt64, number);
    case Field::CPPTYPE_FLOAT:
      return change(&Reflection::GetFloat, &Reflection::SetFloat, &Reflection::GetRepeatedFloat,
                    &Reflection::SetRepeatedFloat, number);
    case Field::CPPTYPE_DOUBLE:
      return change(&Reflection::GetDouble, &Reflection::SetDouble, &Reflection::GetRepeatedDouble,
                    &Reflection::SetRepeatedDouble, number);
    case Field::CPPTYPE_BOOL:
      return change(&Reflection::GetBool, &Reflection::SetBool, &Reflection::GetRepeatedBool,
                    &Reflection::SetRepeatedBool, [](bool old) { return !old; });
    case Field::CPPTYPE_ENUM:
      return change(&Reflection::GetEnumValue, &Reflection::SetEnumValue,
                    &Reflection::GetRepeatedEnumValue, &Reflection::SetRepeatedEnumValue,
                    [&](int) { return NewEnum(field); });
    case Field::CPPTYPE_STRING:
      return change(&Reflection::GetString, &Reflection::SetString, &Reflection::GetRepeatedString,
                    &Reflection::SetRepeatedString, [&](std::string old) {
                      return field->type() == Field::TYPE_BYTES ? NewBytes(std::move(old))
                                                                : NewText(field, std::move(old));
                    });
    case Field::CPPTYPE_MESSAGE:
      return;
  }
}

void ProtoMutator::ChangeMessage(const Field* field, Message& value) {
  std::vector<const Message*> alike;
  for (const Message* message : messages_) {
    if (message->GetDescriptor() == field->message_type()) alike.push_back(message);
  }
  if (alike.empty()) return;
  const Message& other = *alike[random_.Below(alike.size())];
  random_.OneIn(4) ? value.MergeFrom(other) : value.CopyFrom(other);
}

template <typename Number>
Number ProtoMutator::NewNumber(Number old) {
  if constexpr (std::is_floating_point_v<Number>) {
    switch (random_.Below(4)) {
      case 0:
        return old * 2;
      case 1:
        return -old;
      case 2:
        return static_cast<Number>(random_.Real(-8, 8));
      default:
        return static_cast<Number>(kSharpReals[random_.Below(kSharpReals.size())]);
    }
  } else {
    const auto wide = static_cast<uint64_t>(old);  // which may wrap around
    switch (random_.Below(6)) {
      case 0:
        return static_cast<Number>(wide + 1);
      case 1:
        return static_cast<Number>(wide - 1);
      case 2:
        return static_cast<Number>(wide * 2);
      case 3:
        return static_cast<Number>(random_.Below(17));
      case 4:
        return static_cast<Number>(0 - wide);
      default:
        return static_cast<Number>(kSharpIntegers[random_.Below(kSharpIntegers.size())]);
    }
  }
}

int ProtoMutator::NewEnum(const Field* field) {
  const auto& type = *field->enum_type();
  return type.value(static_cast<int>(random_.Below(static_cast<size_t>(type.value_count()))))
      ->number();
}

std::string ProtoMutator::NewText(const Field* field, std::string old) {
  const bool alike = random_.OneIn(2);
  std::vector<const std::string*> known;
  for (const auto& [of, text] : texts_) {
    if (!alike || of == field) known.push_back(&text);
  }
  if (!known.empty() && !random_.OneIn(8)) return *known[random_.Below(known.size())];
  return random_.OneIn(4) ? std::string() : NewBytes(std::move(old));
}

std::string ProtoMutator::NewBytes(std::string old) {
  constexpr size_t kLongest = 4096;
  switch (random_.Below(6)) {
    case 0:
      return old.substr(0, random_.Below(old.size() + 1));
    case 1:
      return old.size() > kLongest ? old : old + old;
    case 2:
      old += static_cast<char>(random_.Bits());
      return old;
    case 3:  // one number of 4 bytes
      if (old.size() >= sizeof(float)) {
        const auto real = static_cast<float>(kSharpReals[random_.Below(kSharpReals.size())]);
        const size_t at = random_.Below(old.size() / sizeof real) * sizeof real;
        std::memcpy(old.data() + at, &real, sizeof real);
      }
      return old;
    case 4:  // all alike
      if (!old.empty()) old.assign(old.size(), old[random_.Below(old.size())]);
      return old;
    default:
      if (!old.empty()) old[random_.Below(old.size())] = static_cast<char>(random_.Bits());
      return old;
  }
}

}  // namespace lutra::test
