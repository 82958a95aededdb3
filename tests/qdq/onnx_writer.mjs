// Just enough of ONNX's protobuf messages to write a network from JavaScript.

const varint = (value) => {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    bytes.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(bytes);
};
const integer = (field, value) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field, value) => {
  const data = Buffer.from(value);
  return Buffer.concat([varint((field << 3) | 2), varint(data.length), data]);
};
const float = (field, value) => {
  const data = Buffer.alloc(4);
  data.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), data]);
};
const message = (field, parts) => bytes(field, Buffer.concat(parts));

export const kTypes = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 };
const kArrays = { float32: Float32Array, uint8: Uint8Array, int8: Int8Array, int32: Int32Array,
                  int64: BigInt64Array };

// A number is an INT; { float: x } a FLOAT; an array INTS; a string STRING.
function attribute(name, value) {
  const parts = [bytes(1, name)];
  if (Array.isArray(value)) parts.push(...value.map((v) => integer(8, v)), integer(20, 7));
  else if (typeof value === 'string') parts.push(bytes(4, value), integer(20, 3));
  else if (typeof value === 'object') parts.push(float(2, value.float), integer(20, 1));
  else parts.push(integer(3, value), integer(20, 2));
  return message(5, parts);
}

function valueInfo(field, { name, dims, type }) {
  const shape = dims ? [message(2, dims.map((d) => message(1, [integer(1, d)])))] : [];
  const tensor = message(1, [integer(1, kTypes[type ?? 'float32']), ...shape]);
  return message(field, [bytes(1, name), message(2, [tensor])]);
}

export class OnnxWriter {
  constructor(opset) {
    this.opset = opset;
    this.parts = [];
    this.count = 0;
  }

  fresh(stem) {
    return `${stem}${this.count++}`;
  }

  // Returns the names of the outputs, or the name if it is one.
  node(op, inputs, attributes = {}, outputs = 1) {
    const names = Array.from({ length: outputs }, () => this.fresh(op.toLowerCase()));
    this.parts.push(message(1, [
      ...inputs.map((input) => bytes(1, input)), ...names.map((name) => bytes(2, name)),
      bytes(3, names[0]), bytes(4, op),
      ...Object.entries(attributes).map(([name, value]) => attribute(name, value))]));
    return outputs === 1 ? names[0] : names;
  }

  constant(type, dims, values) {
    const name = this.fresh('constant');
    const array = kArrays[type].from(type === 'int64' ? values.map(BigInt) : values);
    this.parts.push(message(5, [
      ...dims.map((d) => integer(1, d)), integer(2, kTypes[type]), bytes(8, name),
      bytes(9, Buffer.from(array.buffer))]));
    return name;
  }

  serialize(inputs, outputs) {
    const graph = [...this.parts, bytes(2, 'random'), ...inputs.map((v) => valueInfo(11, v)),
                   ...outputs.map((v) => valueInfo(12, v))];
    return Buffer.concat([integer(1, this.opset >= 21 ? 10 : 8), message(7, graph),
                          message(8, [bytes(1, ''), integer(2, this.opset)])]);
  }
}
