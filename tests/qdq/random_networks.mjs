// Random small QDQ networks: what Lutra makes of them against ONNX Runtime without graph
// optimizations, which runs QuantizeLinear, the float operator and DequantizeLinear one by one.
//
//   node random_networks.mjs --lutra=LUTRA --folder=FOLDER --packages=DIR [--count=N] [--seed=S]
//       [--keep=1]
//
// A network has one image as input and up to nine operators. Each reads values through a
// quantization of its own, through one that others share, or as they are; formats are uint8 or
// int8, with or without a zero point, scales whatever they like; weights are quantized per channel,
// per tensor, or stay float. Network number i of a run is that of seed S + i, which is printed when
// it fails: --seed=THAT --count=1 makes it alone.
//
// An output passes if 99 % of its elements, or all but one, are within two steps (of its own scale,
// or of 1/255 of its range when it is float): sums of float32 and of integers round differently where they meet a
// tie, and a step made so is one step of error in what follows. Exits with 1 when a network fails.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { OnnxWriter } from './onnx_writer.mjs';
import { loadOnnxRuntime, product, Random, readNpy, readOptions, writeNpy } from './random_values.mjs';

const options = readOptions({ count: 40, seed: 1, keep: '' });
const ort = loadOnnxRuntime(options.packages);

class Network extends Random {
  constructor(seed) {
    super(seed);
    this.onnx = new OnnxWriter(this.chance(0.2) ? 21 : 17);
    const dims = [1, this.pick([1, 2, 3, 4]), this.range(4, 9), this.range(4, 9)];
    this.input = { name: 'x', dims };
    this.values = [{ name: 'x', dims, forms: [] }];
    const operators = this.range(1, 9);
    while (this.values.length <= operators) this.addOperator();
    this.quantize(this.values[0]);  // so that every network counts as quantized
    this.chooseOutputs();
    this.model = this.onnx.serialize([this.input], this.outputs);
  }

  scalar(x) { return this.onnx.constant('float32', [], [x]); }

  // Inputs behind the first of QuantizeLinear and DequantizeLinear.
  randomFormat() {
    const type = this.pick(['uint8', 'uint8', 'int8']);
    const scale = 0.008 + 0.05 * this.uniform();
    if (this.chance(0.1)) return { inputs: [this.scalar(scale)], scale, type: 'uint8' };
    const low = type === 'uint8' ? 0 : -128;
    const zero = this.chance(0.3) ? low : low + this.range(60, 200);
    return { inputs: [this.scalar(scale), this.onnx.constant(type, [], [zero])], scale, type };
  }

  quantize(value) {
    const format = this.randomFormat();
    const q = this.onnx.node('QuantizeLinear', [value.name, ...format.inputs]);
    const read = (inputs, scale) => {
      const form = { name: this.onnx.node('DequantizeLinear', [q, ...inputs]), scale };
      value.forms.push(form);
      return form;
    };
    if (this.chance(0.1)) read(format.inputs, format.scale);
    if (this.chance(0.04)) {
      const other = format.scale * (0.5 + this.uniform());
      read([this.scalar(other), ...format.inputs.slice(1)], other);
    }
    return read(format.inputs, format.scale);
  }

  // How an operator reads a value.
  read(value, raw = 0.2) {
    if (this.chance(raw)) return value.name;
    const known = value.forms.length > 0 && !this.chance(0.2);
    return (known ? this.pick(value.forms) : this.quantize(value)).name;
  }

  weights(dims, axis, fan) {
    if (this.chance(0.12)) {
      return this.onnx.constant('float32', dims, this.normals(product(dims), 1 / Math.sqrt(fan)));
    }
    const type = this.pick(['int8', 'int8', 'int8', 'uint8']);
    const channels = this.chance(0.6) ? dims[axis] : 1;
    const scales = Array.from({ length: channels },
                              () => (0.5 + this.uniform()) / (50 * Math.sqrt(fan)));
    if (channels > 1 && this.chance(0.1)) scales[0] = 1e-9;
    const middle = type === 'uint8' ? 128 : 0;
    const zeros = scales.map(() => middle + (this.chance(0.3) ? this.range(-9, 9) : 0));
    const low = type === 'uint8' ? 0 : -127;
    const integers = Array.from({ length: product(dims) }, () =>
      Math.max(low, Math.min(low + 254, Math.round(middle + 50 * this.normal()))));
    const shape = channels === 1 ? [] : [channels];
    const zeroInput = type === 'int8' && this.chance(0.2) && zeros.every((z) => z === 0)
      ? [] : [this.onnx.constant(type, shape, zeros)];
    return this.onnx.node('DequantizeLinear',
                          [this.onnx.constant(type, dims, integers),
                           this.onnx.constant('float32', shape, scales), ...zeroInput],
                          channels === 1 ? {} : { axis });
  }

  bias(n) {
    const kind = this.uniform();
    if (kind < 0.3) return [];
    if (kind < 0.7) return [this.onnx.constant('float32', [n], this.normals(n, 0.5))];
    const integers = Array.from({ length: n }, () => this.range(-3000, 3000));
    return [this.onnx.node('DequantizeLinear', [this.onnx.constant('int32', [n], integers),
                                                this.scalar(0.0002)])];
  }

  add(name, dims) { this.values.push({ name, dims, forms: [] }); }

  addOperator() {
    const value = this.chance(0.7) ? this.values.at(-1) : this.pick(this.values);
    const any = ['unary', 'unary', 'binary', 'constant', 'transpose', 'slice', 'softmax'];
    const kinds = value.dims.length === 4
      ? [...any, 'conv', 'conv', 'conv', 'pool', 'pool', 'global', 'flatten', 'concat', 'pad',
         'split', 'resize', 'mean']
      : [...any, 'gemm', 'gemm', 'matmul', 'concat'];
    this[this.pick(kinds)](value);
  }

  unary(value) {
    const x = this.read(value);
    const op = this.pick(['Relu', 'Relu', 'Clip', 'Sigmoid', 'Tanh', 'LeakyRelu', 'HardSwish', 'Exp',
                          'Abs', 'PRelu']);
    if (op === 'Clip') {
      const low = this.scalar(-this.uniform()), high = this.scalar(2 * this.uniform());
      return this.add(this.onnx.node('Clip', [x, low, high]), value.dims);
    }
    if (op === 'PRelu') {
      // (A slope per channel is executed channels last alone.)
      const slope = this.onnx.constant('float32', [1], this.normals(1, 0.3));
      return this.add(this.onnx.node('PRelu', [x, slope]), value.dims);
    }
    const attributes = op === 'LeakyRelu' ? { alpha: { float: 0.2 } } : {};
    return this.add(this.onnx.node(op, [x], attributes), value.dims);
  }

  binary(value) {
    const alike = this.values.filter((v) => String(v.dims) === String(value.dims));
    const other = this.pick(alike);
    const op = this.pick(['Add', 'Add', 'Sub', 'Mul', 'Max']);
    this.add(this.onnx.node(op, [this.read(value), this.read(other)]), value.dims);
  }

  constant(value) {
    const dims = this.chance(0.5) ? [] : [value.dims[1], ...value.dims.slice(2).map(() => 1)];
    let constant = this.onnx.constant('float32', dims, this.normals(product(dims), 0.7));
    if (this.chance(0.6)) {
      const format = this.randomFormat();
      const q = this.onnx.node('QuantizeLinear', [constant, ...format.inputs]);
      constant = this.onnx.node('DequantizeLinear', [q, ...format.inputs]);
    }
    const inputs = [this.read(value), constant];
    if (this.chance(0.3)) inputs.reverse();
    this.add(this.onnx.node(this.pick(['Add', 'Sub', 'Mul']), inputs), value.dims);
  }

  conv(value) {
    const [, c, h, w] = value.dims;
    const depthwise = c > 1 && this.chance(0.25);
    const group = depthwise ? c : 1;
    const n = depthwise ? c : this.range(1, 6);
    const k = this.pick([1, 2, 3]), pad = this.range(0, k - 1), stride = this.range(1, 2);
    const out = (size) => Math.floor((size + 2 * pad - k) / stride) + 1;
    if (out(h) < 1 || out(w) < 1) return;
    const weights = this.weights([n, c / group, k, k], 0, (c / group) * k * k);
    const y = this.onnx.node('Conv', [this.read(value), weights, ...this.bias(n)], {
      group, kernel_shape: [k, k], pads: [pad, pad, pad, pad], strides: [stride, stride] });
    this.add(this.chance(0.3) ? this.onnx.node('Relu', [y]) : y, [1, n, out(h), out(w)]);
  }

  gemm(value) {
    const [, k] = value.dims, n = this.range(1, 8), transB = this.range(0, 1);
    const weights = this.weights(transB ? [n, k] : [k, n], transB ? 0 : 1, k);
    this.add(this.onnx.node('Gemm', [this.read(value), weights, ...this.bias(n)], { transB }), [1, n]);
  }

  matmul(value) {
    const [, k] = value.dims, n = this.range(1, 8);
    let y = this.onnx.node('MatMul', [this.read(value), this.weights([k, n], 1, k)]);
    if (this.chance(0.5)) {
      y = this.onnx.node('Add', [y, this.onnx.constant('float32', [n], this.normals(n, 0.5))]);
    }
    this.add(y, [1, n]);
  }

  pool(value) {
    const [, c, h, w] = value.dims;
    if (h < 2 || w < 2) return;
    const strides = this.pick([[1, 1], [2, 2]]);
    const pads = this.chance(0.3) ? [1, 1, 1, 1] : [0, 0, 0, 0];
    const out = (size, i) => Math.floor((size + pads[i] + pads[i + 2] - 2) / strides[i]) + 1;
    const attributes = { kernel_shape: [2, 2], strides, pads };
    const op = this.pick(['MaxPool', 'AveragePool']);
    if (op === 'AveragePool') attributes.count_include_pad = this.range(0, 1);
    this.add(this.onnx.node(op, [this.read(value)], attributes), [1, c, out(h, 0), out(w, 1)]);
  }

  global(value) {
    this.add(this.onnx.node('GlobalAveragePool', [this.read(value)]), [1, value.dims[1], 1, 1]);
  }

  mean(value) {
    const axes = this.pick([[2, 3], [1], [3]]);
    const dims = value.dims.map((d, i) => (axes.includes(i) ? 1 : d));
    this.add(this.onnx.node('ReduceMean', [this.read(value)], this.onnx.opset < 18 ? { axes } : {}),
             this.onnx.opset < 18 ? dims : [1, 1, 1, 1]);
  }

  flatten(value) {
    const size = product(value.dims), x = this.read(value);
    const y = this.chance(0.5) ? this.onnx.node('Flatten', [x])
                               : this.onnx.node('Reshape', [x, this.onnx.constant('int64', [2], [1, -1])]);
    this.add(y, [1, size]);
  }

  transpose(value) {
    const perm = value.dims.length === 4 ? this.pick([[0, 1, 3, 2], [0, 2, 3, 1], [0, 3, 1, 2]]) : [0, 1];
    this.add(this.onnx.node('Transpose', [this.read(value)], { perm }), perm.map((d) => value.dims[d]));
  }

  slice(value) {
    const size = value.dims[1];
    if (size < 2) return;
    const ints = (list) => this.onnx.constant('int64', [list.length], list);
    const y = this.onnx.node('Slice', [this.read(value), ints([1]), ints([size]), ints([1])]);
    this.add(y, [1, size - 1, ...value.dims.slice(2)]);
  }

  split(value) {
    const size = value.dims[1];
    if (size < 2) return;
    const sizes = [1, size - 1];
    const parts = this.onnx.node(
      'Split', [this.read(value), this.onnx.constant('int64', [2], sizes)], { axis: 1 }, 2);
    parts.forEach((part, i) => this.add(part, [1, sizes[i], ...value.dims.slice(2)]));
  }

  concat(value) {
    const alike = this.values.filter(
      (v) => v.dims.length === value.dims.length && String(v.dims.slice(2)) === String(value.dims.slice(2)));
    const other = this.pick(alike);
    if (value.dims[1] + other.dims[1] > 64) return;
    this.add(this.onnx.node('Concat', [this.read(value), this.read(other)], { axis: 1 }),
             [1, value.dims[1] + other.dims[1], ...value.dims.slice(2)]);
  }

  pad(value) {
    const amounts = this.onnx.constant('int64', [8], [0, 0, 1, 0, 0, 0, 0, 2]);
    const constant = this.chance(0.3) ? [this.scalar(this.normal())] : [];
    const [n, c, h, w] = value.dims;
    this.add(this.onnx.node('Pad', [this.read(value), amounts, ...constant]), [n, c, h + 1, w + 2]);
  }

  resize(value) {
    const [n, c, h, w] = value.dims;
    if (h * w > 100) return;
    const scales = this.onnx.constant('float32', [4], [1, 1, 2, 2]);
    this.add(this.onnx.node('Resize', [this.read(value), '', scales],
                            { mode: 'nearest', coordinate_transformation_mode: 'asymmetric',
                              nearest_mode: 'floor' }),
             [n, c, 2 * h, 2 * w]);
  }

  softmax(value) {
    this.add(this.onnx.node('Softmax', [this.read(value)], { axis: 1 }), value.dims);
  }

  chooseOutputs() {
    const computed = this.values.slice(1);
    const chosen = new Set([computed.at(-1)]);
    for (let i = this.range(0, 2); i > 0; --i) chosen.add(this.pick(computed));
    this.outputs = [];
    for (const value of chosen) {
      const form = this.chance(0.7) ? this.quantize(value) : null;
      this.outputs.push({ name: form?.name ?? value.name, dims: value.dims, scale: form?.scale });
      if (form && this.chance(0.1)) this.outputs.push({ name: value.name, dims: value.dims });
    }
  }

  sample() {
    return Float32Array.from(this.normals(product(this.input.dims), 1.3));
  }
}

function lutra(...words) {
  const done = spawnSync(options.lutra, words, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`lutra ${words[0]}: ${done.stderr.trim() || done.signal}`);
  return done;
}

function stepOf(output, values) {
  if (output.scale) return output.scale;
  return (Math.max(...values) - Math.min(...values)) / 255 || 1;
}

// Why the network fails, or ''.
async function check(network, folder) {
  const file = (name) => path.join(folder, name);
  fs.writeFileSync(file('network.onnx'), network.model);
  const session = await ort.InferenceSession.create(
    file('network.onnx'),
    { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, interOpNumThreads: 1,
      logSeverityLevel: 3 });
  const x = network.sample();
  const theirs = await session.run({ x: new ort.Tensor('float32', x, network.input.dims) });
  writeNpy(file('x.npy'), x, network.input.dims);
  fs.rmSync(file('network.recipe.json'), { force: true });  // of the network before
  const converted = lutra('convert', file('network.onnx'), '-o', file('network.lutra'));
  const outputs = network.outputs.flatMap((o, i) => ['--output', `${o.name}=${file(`y${i}.npy`)}`]);
  lutra('run', file('network.lutra'), '--input', file('x.npy'), ...outputs);
  const faults = [];
  network.outputs.forEach((output, i) => {
    const ours = readNpy(file(`y${i}.npy`)).data, wanted = theirs[output.name].data;
    const step = stepOf(output, wanted);
    let within = 0, largest = 0;
    for (let k = 0; k < wanted.length; ++k) {
      const error = Math.abs(ours[k] - wanted[k]) / step;
      within += error <= 2.001;
      largest = Math.max(largest, Number.isNaN(error) ? Infinity : error);
    }
    const allowed = Math.max(1, 0.01 * wanted.length);
    if (ours.length !== wanted.length || wanted.length - within > allowed) {
      faults.push(`output ${output.name}: ${(100 * within / wanted.length).toFixed(1)} % within two ` +
                  `steps, largest error ${largest.toFixed(1)}`);
    }
  });
  if (/does not compute what|is stated as/.test(converted.stderr)) faults.push(converted.stderr.trim());
  return faults.join('; ');
}

fs.mkdirSync(options.folder, { recursive: true });
let failed = 0;
for (let i = 0; i < Number(options.count); ++i) {
  const seed = Number(options.seed) + i;
  let fault = '';
  try {
    fault = await check(new Network(seed), options.folder);
  } catch (error) {
    fault = error.message.split('\n')[0];
  }
  if (!fault) continue;
  ++failed;
  console.log(`MISSED seed ${seed}: ${fault}`);
  if (options.keep) {
    fs.copyFileSync(path.join(options.folder, 'network.onnx'),
                    path.join(options.folder, `seed${seed}.onnx`));
  }
}
console.log(`${options.count} random networks from seed ${options.seed}, ${failed} missed`);
process.exitCode = failed > 0 ? 1 : 0;
