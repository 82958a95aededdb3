// Single float32 operators with random attributes, shapes and opsets, converted without quantization
// and run, against ONNX Runtime without graph optimizations.
//
//   node random_operators.mjs --lutra=LUTRA --folder=FOLDER --packages=DIR [--count=N] [--seed=S]
//
// Some have a 1x1 Conv in front, so that they meet both layouts. Operator number i of a run is that
// of seed S + i, which is printed when it fails. What ONNX Runtime refuses too is skipped. A result
// must have the shape that ONNX Runtime gives, scalars included, and be within 1e-4 of its largest
// value: float32 sums in another order, and functions of a few ulp. Exits with 1 when one fails.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { OnnxWriter } from './onnx_writer.mjs';
import { loadOnnxRuntime, product, Random, readNpy, readOptions, writeNpy } from './random_values.mjs';

const kTolerance = 1e-4;
const options = readOptions({ count: 100, seed: 1 });
const ort = loadOnnxRuntime(options.packages);

class Case extends Random {
  constructor(seed) {
    super(seed);
    this.opset = this.pick([7, 9, 11, 13, 17, 18, 21]);
    this.onnx = new OnnxWriter(this.opset);
    this.kind = this.pick(['unary', 'binary', 'reduce', 'pool', 'conv', 'transpose', 'reshape',
                           'concat', 'slice', 'pad', 'gather', 'softmax', 'gemm', 'matmul',
                           'normalize', 'batchNorm']);
    this.output = this[this.kind]();
    this.model = this.onnx.serialize([this.input], [{ name: this.output }]);
  }

  dims(rank, largest = 6) {
    const dims = Array.from({ length: rank }, () => this.range(1, largest));
    if (this.chance(0.7) && rank > 0) dims[0] = 1;
    return dims;
  }
  axis(rank) {
    const axis = this.range(0, rank - 1);
    return this.opset >= 11 && this.chance(0.5) ? axis - rank : axis;
  }
  floats(dims, deviation = 1) {
    return this.onnx.constant('float32', dims, this.normals(product(dims), deviation));
  }
  ints(list) { return this.onnx.constant('int64', [list.length], list); }
  // The network's input, perhaps behind a Conv.
  x(dims) {
    this.input = { name: 'x', dims };
    if (dims.length !== 4 || this.chance(0.6)) return 'x';
    return this.onnx.node('Conv', ['x', this.floats([dims[1], dims[1], 1, 1])]);
  }
  // From opset `since` on an input, before an attribute.
  withInts(op, x, name, list, attributes, since) {
    if (this.opset >= since) return this.onnx.node(op, [x, this.ints(list)], attributes);
    return this.onnx.node(op, [x], { ...attributes, [name]: list });
  }

  unary() {
    const x = this.x(this.dims(this.range(0, 5)));
    const alpha = { alpha: { float: this.pick([0.1, 0.5, 1.5]) } };
    const [op, attributes] = this.pick([
      ['Abs', {}], ['Neg', {}], ['Exp', {}], ['Floor', {}], ['Ceil', {}], ['Sigmoid', {}],
      ['Tanh', {}], ['Relu', {}], ['LeakyRelu', alpha], ['Elu', alpha], ['Selu', {}],
      ['Softplus', {}], ['Softsign', {}], ['HardSigmoid', alpha], ['Sin', {}], ['Identity', {}]]);
    return this.onnx.node(op, [x], attributes);
  }
  binary() {
    const dims = this.dims(this.range(0, 5));
    const x = this.x(dims);
    const smaller = dims.map((d) => (this.chance(0.4) ? 1 : d)).slice(this.range(0, dims.length));
    const op = this.pick(['Add', 'Sub', 'Mul', 'Max', 'Min', 'PRelu']);
    const inputs = [x, this.floats(smaller)];
    return this.onnx.node(op, op !== 'PRelu' && this.chance(0.3) ? inputs.reverse() : inputs);
  }
  reduce() {
    const rank = this.range(1, 5), x = this.x(this.dims(rank));
    const op = this.pick(['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceMin', 'ReduceL1', 'ReduceL2',
                          'ReduceSumSquare', 'ReduceLogSumExp']);
    const axes = [...Array(rank).keys()].filter(() => this.chance(0.5));
    if (axes.length === 0) return this.onnx.node(op, [x], { keepdims: this.range(0, 1) });
    return this.withInts(op, x, 'axes', axes, { keepdims: this.range(0, 1) },
                         op === 'ReduceSum' ? 13 : 18);
  }
  window(rank, size, largestPad) {
    const kernel = size.map((s) => this.range(1, Math.min(3, s)));
    const attributes = { strides: size.map(() => this.range(1, 3)) };
    if (this.chance(0.4)) {
      attributes.auto_pad = this.pick(['SAME_UPPER', 'SAME_LOWER', 'VALID']);
    } else {
      attributes.pads = [...kernel, ...kernel].map((k) => this.range(0, Math.min(largestPad, k - 1)));
    }
    return { kernel, attributes };
  }
  pool() {
    const rank = this.pick([1, 2, 2]), size = this.dims(rank + 1, 9).slice(1);
    const { kernel, attributes } = this.window(rank, size, 2);
    attributes.kernel_shape = kernel;
    const op = this.pick(['MaxPool', 'AveragePool']);
    if (op === 'AveragePool') attributes.count_include_pad = this.range(0, 1);
    if (this.opset >= 11) attributes.ceil_mode = this.range(0, 1);
    return this.onnx.node(op, [this.x([1, this.range(1, 5), ...size])], attributes);
  }
  conv() {
    const rank = this.pick([1, 2, 2]), group = this.pick([1, 1, 2]), size = this.dims(rank + 1, 9).slice(1);
    const { kernel, attributes } = this.window(rank, size, 3);
    const inputs = this.range(1, 4), outputs = group * this.range(1, 4);
    const x = this.x([1, group * inputs, ...size]);
    const weights = this.floats([outputs, inputs, ...kernel], 0.5);
    return this.onnx.node('Conv', [x, weights, this.floats([outputs])], { ...attributes, group });
  }
  transpose() {
    const dims = this.dims(this.range(1, 5));
    const perm = [...dims.keys()].map((d) => [this.uniform(), d]).sort().map(([, d]) => d);
    return this.onnx.node('Transpose', [this.x(dims)], this.chance(0.8) ? { perm } : {});
  }
  reshape() {
    const dims = this.dims(this.range(1, 5)), x = this.x(dims);
    if (this.chance(0.5)) return this.onnx.node('Flatten', [x], { axis: this.range(0, dims.length) });
    return this.onnx.node('Reshape', [x, this.ints(this.pick([[-1], [0, -1], [1, -1, 1]]))]);
  }
  concat() {
    const dims = this.dims(this.range(1, 4)), axis = this.axis(dims.length);
    const x = this.x(dims), other = this.onnx.node('Tanh', ['x']);
    return this.onnx.node('Concat', this.pick([[x, other], [x, this.floats(dims), x]]), { axis });
  }
  slice() {
    const dims = this.dims(this.range(1, 4), 8), x = this.x(dims), axis = this.axis(dims.length);
    const d = dims.at(axis), first = this.range(0, d - 1), last = this.range(first + 1, d + 2);
    if (this.opset < 10) return this.onnx.node('Slice', [x], { axes: [axis], starts: [first], ends: [last] });
    const back = this.chance(0.3);
    const range = back ? [-1, -d - 1, -this.range(1, 2)] : [first - d, last, this.range(1, 3)];
    const [start, end, step] = range.map((value) => this.ints([value]));
    return this.onnx.node('Slice', [x, start, end, this.ints([axis]), step]);
  }
  pad() {
    const dims = this.dims(this.range(1, 4)), mode = this.pick(['constant', 'reflect', 'edge']);
    const pads = [...dims, ...dims].map((d) => this.range(0, mode === 'reflect' ? d - 1 : 2));
    return this.withInts('Pad', this.x(dims), 'pads', pads, { mode }, 11);
  }
  gather() {
    const dims = this.dims(this.range(1, 4)), axis = this.range(0, dims.length - 1);
    const shape = this.dims(this.range(0, 2), 4);
    const indices = Array.from({ length: product(shape) }, () => this.range(0, dims[axis] - 1));
    const x = this.x(dims);
    return this.onnx.node('Gather', [x, this.onnx.constant('int64', shape, indices)], { axis });
  }
  softmax() {
    const rank = this.range(1, 4), x = this.x(this.dims(rank));
    return this.onnx.node(this.pick(['Softmax', 'LogSoftmax']), [x], { axis: this.axis(rank) });
  }
  gemm() {
    const [m, n, k] = [this.range(1, 5), this.range(1, 5), this.range(1, 6)];
    const transA = this.range(0, 1), transB = this.range(0, 1);
    const x = this.x(transA ? [k, m] : [m, k]), weights = this.floats(transB ? [n, k] : [k, n]);
    const bias = this.floats(this.pick([[n], [m, n], [m, 1], [1], []]));
    return this.onnx.node('Gemm', [x, weights, bias], { transA, transB, alpha: { float: 0.5 } });
  }
  matmul() {
    const outer = this.dims(this.range(0, 2), 3), [m, n, k] = [this.range(1, 5), this.range(1, 5), this.range(1, 6)];
    const x = this.x([...outer, m, k]);
    return this.onnx.node('MatMul', [x, this.floats(this.pick([[k, n], [...outer, k, n], [k]]))]);
  }
  normalize() {
    const dims = [1, 2 * this.range(1, 3), this.range(2, 5), this.range(2, 5)], c = dims[1];
    const x = this.x(dims);
    if (this.chance(0.5)) {
      return this.onnx.node('InstanceNormalization', [x, this.floats([c]), this.floats([c])]);
    }
    if (this.opset < 17 || this.chance(0.3)) {
      return this.onnx.node('LRN', [x], { size: this.pick([1, 3, 5]), alpha: { float: 0.1 } });
    }
    const axis = this.range(0, 3), shape = this.chance(0.7) ? dims.slice(axis) : dims.slice(3);
    return this.onnx.node('LayerNormalization', [x, this.floats(shape), this.floats(shape)], { axis });
  }
  batchNorm() {
    const dims = this.dims(this.range(2, 5)), c = dims[1];
    const variance = this.normals(c, 1).map((v) => Math.abs(v) + 0.1);
    return this.onnx.node('BatchNormalization',
                          [this.x(dims), this.floats([c]), this.floats([c]), this.floats([c]),
                           this.onnx.constant('float32', [c], variance)]);
  }

  sample() { return Float32Array.from(this.normals(product(this.input.dims), 1.3)); }
}

function lutra(...words) {
  const done = spawnSync(options.lutra, words, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`lutra ${words[0]}: ${done.stderr.trim() || done.signal}`);
}

async function compute(file, x, dims) {
  try {
    const session = await ort.InferenceSession.create(
      file, { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, interOpNumThreads: 1,
              logSeverityLevel: 4 });
    const results = await session.run({ x: new ort.Tensor('float32', x, dims) });
    return Object.values(results)[0];
  } catch {
    return null;  // it refuses the operator
  }
}

// Why the operator fails, '' if it does not, null if there is nothing to compare with.
async function check(operator) {
  const file = (name) => path.join(options.folder, name);
  fs.writeFileSync(file('operator.onnx'), operator.model);
  const x = operator.sample();
  const wanted = await compute(file('operator.onnx'), x, operator.input.dims);
  if (wanted === null || wanted.data.length === 0) return null;
  writeNpy(file('x.npy'), x, operator.input.dims);
  lutra('convert', file('operator.onnx'), '-o', file('operator.lutra'), '--activations', 'float',
        '--weights', 'fp32');
  lutra('run', file('operator.lutra'), '--input', file('x.npy'), '--output', file('y.npy'));
  const got = readNpy(file('y.npy'));
  if (String(got.shape) !== String(wanted.dims)) return `shape [${got.shape}], not [${wanted.dims}]`;
  let error = 0, largest = 0;
  for (let i = 0; i < got.data.length; ++i) {
    const difference = Math.abs(got.data[i] - wanted.data[i]);
    error = Math.max(error, Number.isNaN(difference) ? Infinity : difference);
    largest = Math.max(largest, Math.abs(wanted.data[i]));
  }
  return error > kTolerance * Math.max(largest, 1e-3) ? `an error of ${error}` : '';
}

fs.mkdirSync(options.folder, { recursive: true });
let failed = 0, compared = 0;
for (let i = 0; i < Number(options.count); ++i) {
  const seed = Number(options.seed) + i, operator = new Case(seed);
  let fault = null;
  try {
    fault = await check(operator);
  } catch (error) {
    fault = error.message.split('\n')[0];
  }
  if (fault !== null) ++compared;
  if (!fault) continue;
  ++failed;
  console.log(`MISSED seed ${seed} (${operator.kind}, opset ${operator.opset}): ${fault}`);
}
console.log(`${compared} random operators from seed ${options.seed}, ${failed} missed`);
process.exitCode = failed > 0 || compared === 0 ? 1 : 0;
