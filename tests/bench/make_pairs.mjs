// Quantizes ONNX networks into the pairs that compare_onnxruntime.mjs times: NAME.lutra and
// NAME.qdq.onnx, the same integers for both runtimes, calibrated on random samples.
//
//   npm install --ignore-scripts onnxruntime-node          (anywhere; run from that folder)
//   node make_pairs.mjs --lutra=build/release/bin/lutra --out=FOLDER NETWORK.onnx ...
//
// ONNX Runtime tells the input's shape. The samples are normal deviates of a fixed seed, like the
// normalized pictures that the networks expect. Both runtimes then run one more sample; a line for
// each network gives how far their outputs are apart. On x86 without VNNI, ONNX Runtime is told to
// use its exact kernels for that (the timing comparison uses its default).
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';

const ort = createRequire(process.cwd() + '/')('onnxruntime-node');

const options = { lutra: 'lutra', out: '.', samples: 16 };
const networks = [];
for (const argument of process.argv.slice(2)) {
  const flag = argument.match(/^--(\w+)=(.*)$/);
  if (flag) options[flag[1]] = flag[2];
  else networks.push(argument);
}

let state = 1;
function uniform() {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return (state + 1) / 4294967297;
}
function normal(count) {
  return Float32Array.from({ length: count }, () =>
    Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

function writeNpy(path, data, shape) {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const padded = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n';
  const prefix = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  prefix.writeUInt16LE(padded.length, 8);
  writeFileSync(path, Buffer.concat([prefix, Buffer.from(padded), Buffer.from(data.buffer)]));
}

function readNpy(path) {
  const bytes = readFileSync(path);
  const values = bytes.subarray(10 + bytes.readUInt16LE(8));
  return new Float32Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.length));
}

async function runPeer(path, sample, shape) {
  const session = await ort.InferenceSession.create(path, {
    intraOpNumThreads: 1, extra: { session: { x64quantprecision: '1' } } });
  const input = new ort.Tensor('float32', sample, shape);
  const results = await session.run({ [session.inputNames[0]]: input });
  return results[session.outputNames[0]].data;
}

mkdirSync(options.out, { recursive: true });
for (const network of networks) {
  const name = basename(network, '.onnx');
  const at = (suffix) => join(options.out, name + suffix);
  const session = await ort.InferenceSession.create(network);
  const shape = session.inputMetadata[0].shape.map((d) => (typeof d === 'number' ? d : 1));
  const elements = shape.reduce((a, b) => a * b, 1);
  const samples = Number(options.samples);
  writeNpy(at('.calib.npy'), normal(samples * elements), [samples, ...shape.slice(1)]);
  execFileSync(options.lutra, ['convert', network, '-o', at('.lutra'), '--emit-qdq',
    at('.qdq.onnx'), '--format', 'npy', '--images', at('.calib.npy')], { stdio: 'pipe' });
  const sample = normal(elements);
  writeNpy(at('.input.npy'), sample, shape);
  execFileSync(options.lutra, ['run', at('.lutra'), '--input', at('.input.npy'), '--output',
    at('.output.npy')]);
  const ours = readNpy(at('.output.npy'));
  const theirs = await runPeer(at('.qdq.onnx'), sample, shape);
  const top = Math.max(...ours.map(Math.abs));
  const apart = Math.max(...ours.map((value, i) => Math.abs(value - theirs[i])));
  console.log(`${name}: outputs up to ${top.toPrecision(3)}, at most ${apart.toPrecision(3)} apart`);
}
