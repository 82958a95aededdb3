// The independent check of our integers: the networks that --emit-qdq writes, run by ONNX Runtime
// on its exact paths, against what the Lutra runtime computed from the same samples.
//
//   node check_onnxruntime.mjs --cases=QDQ_CASES --folder=FOLDER --packages=DIR [--shared=DIR]
//       [--limit=N] [--only=operators|networks] [NAME...]
//
// QDQ_CASES is the program of make_cases.cc, DIR holds node_modules/onnxruntime-node. Two paths:
// "integer" is ONNX Runtime's quantized kernels, with the session option that forbids the
// saturating products of AVX2; "float" runs Quantize, the float operator and Dequantize one by one.
//
// Operators, on identical integer input: within one step of the output's scale, on both paths.
// Networks: 99 % of the outputs within two steps, or as many as ONNX Runtime's own two paths have in
// common, and 99 % the same top-1, on the integer path; the float path, whose float32 sums round, is
// printed beside it. (Where a function or factors stand between a product and its rounding, ONNX
// Runtime computes that in float on both paths, and our curve is a tenth of a step off: of networks
// that are made of such layers 97 % and 95 % are asked for.) The step of a float output is 1/255 of its
// range. Imported again, every network must give the very bytes. Exits with 1 when a limit is missed.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const kPaths = {
  integer: { graphOptimizationLevel: 'all', extra: { session: { x64quantprecision: '1' } } },
  float: { graphOptimizationLevel: 'disabled' },
};
const kFunctionsInProducts = new Set(['yolox_nano', 'imagenet_mobilenetv1_025_224']);
const kTolerance = 1e-3;  // of a step: float32 scales and sums of the other side

const here = path.dirname(new URL(import.meta.url).pathname);
const root = path.resolve(here, '../..');
const options = { shared: path.resolve(root, '../shared'), limit: 100, only: '' };
const names = [];
for (const argument of process.argv.slice(2)) {
  const flag = argument.match(/^--(\w+)=(.*)$/);
  if (flag) options[flag[1]] = flag[2];
  else names.push(argument);
}
const ort = createRequire(path.resolve(options.packages) + '/')('onnxruntime-node');

function makeCases(...what) {
  execFileSync(options.cases, [options.folder, ...what], { stdio: ['ignore', 'ignore', 'inherit'] });
  return JSON.parse(fs.readFileSync(path.join(options.folder, 'cases.json'), 'utf8'));
}

function readFloats(file) {
  const bytes = fs.readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

// The QDQ network imported again must compute the same bytes.
function checkRoundTrip(entry) {
  if (entry.round_trip_differs > 0) {
    misses.push(`${entry.name}: imported again, ${entry.round_trip_differs} samples differ`);
  }
  if (entry.float_fallbacks_again > entry.float_fallbacks) {
    misses.push(`${entry.name}: imported again, it has float operators`);
  }
}

const elements = (port) => port.dims.reduce((a, b) => a * b, 1);
const argmax = (row) => row.reduce((best, x, i) => (x > row[best] ? i : best), 0);

// Largest element minus smallest, over 255.
function stepOfFloats(values) {
  let low = Infinity, high = -Infinity;
  for (const x of values) {
    low = Math.min(low, x);
    high = Math.max(high, x);
  }
  return (high - low) / 255 || 1;
}

// Our outputs against theirs: for each output of the network the errors in steps.
async function compare(entry, kind) {
  const session = await ort.InferenceSession.create(
      entry.model,
      { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3, ...kPaths[kind] });
  const input = entry.inputs[0];
  const samples = readFloats(input.file);
  const results = entry.outputs.map((port) => {
    const ours = readFloats(port.file);
    return { port, ours, step: port.scale || stepOfFloats(ours),
             theirs: [], largest: 0, count: 0, exact: 0, within2: 0, same: 0 };
  });
  for (let i = 0; i < entry.samples; ++i) {
    const size = elements(input);
    const data = samples.subarray(i * size, (i + 1) * size);
    const theirs = await session.run({ [input.name]: new ort.Tensor('float32', data, input.dims) });
    for (const result of results) {
      const n = elements(result.port);
      const row = result.ours.subarray(i * n, (i + 1) * n), other = theirs[result.port.name].data;
      if (other.length !== n) throw new Error(`${entry.name}: ${result.port.name} has another size`);
      for (let k = 0; k < n; ++k) {
        const error = Math.abs(row[k] - other[k]) / result.step;
        if (!(error <= result.largest)) result.largest = error;
        result.exact += error < 0.5;
        result.within2 += error <= 2 + kTolerance;
      }
      result.theirs.push(Float32Array.from(other));
      result.count += n;
      result.same += argmax(row) === argmax(other);
    }
  }
  return results;
}

const misses = [];
const percent = (part, whole) => (100 * part / whole).toFixed(2);
const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);
function header(...cells) {
  row(...cells);
  console.log('|' + '---|'.repeat(cells.length));
}

async function checkOperators() {
  header('operator', 'outputs', 'integer: largest error in steps', 'not identical %',
         'float: largest error in steps', 'not identical %');
  for (const entry of makeCases('operators')) {
    checkRoundTrip(entry);
    const cells = [];
    for (const kind of Object.keys(kPaths)) {
      const results = await compare(entry, kind);
      for (const operand of results.slice(0, -1)) {
        if (operand.largest > kTolerance) misses.push(`${entry.name}: operands differ (${kind})`);
      }
      const result = results.at(-1);
      if (!result.port.scale || entry.float_fallbacks) misses.push(`${entry.name}: is no int8`);
      if (!(result.largest <= 1 + kTolerance)) {
        misses.push(`${entry.name}: ${result.largest.toFixed(2)} steps (${kind})`);
      }
      if (cells.length === 0) cells.push(result.count);
      cells.push(result.largest.toFixed(2), percent(result.count - result.exact, result.count));
    }
    row(entry.name, ...cells);
  }
}

// The example, and the shared networks where they are.
function listNetworks() {
  const shapes = path.join(root, 'examples/shapes');
  const networks = [{ name: 'shapes', model: `${shapes}/shapes.onnx`, calib: `${shapes}/calib.json`,
                      samples: `${shapes}/test.json`, classifier: true }];
  const models = path.join(options.shared, 'models'), specs = path.join(options.shared, 'data/specs');
  if (!fs.existsSync(path.join(models, 'models.json'))) {
    console.log(`(${models} is absent: only the example is checked)`);
    return networks;
  }
  const index = JSON.parse(fs.readFileSync(path.join(models, 'models.json'), 'utf8'));
  for (const kind of ['classifiers', 'detectors']) {
    for (const { file } of index[kind]) {
      const name = path.basename(file, '.onnx'), classifier = kind === 'classifiers';
      if (name.startsWith('alexnet')) continue;  // its data need unpacking first
      networks.push({ name, model: path.join(models, file), classifier,
                      calib: path.join(specs, classifier ? `${name}.calib.json` : `${name}.json`),
                      samples: path.join(specs, classifier ? `${name}.eval.json` : `${name}.json`) });
    }
  }
  return networks;
}

// How far ONNX Runtime's two paths are apart: their share of elements within two steps of each other.
// Where one tie is broken differently, a deep network may make many steps of it; ours need not be
// closer to one of them than they are to each other.
function spread([one, other]) {
  let within2 = 0, count = 0;
  one.forEach((result, o) => result.theirs.forEach((row, i) => row.forEach((x, k) => {
    within2 += Math.abs(x - other[o].theirs[i][k]) <= (2 + kTolerance) * result.step;
    ++count;
  })));
  return within2 / count;
}

async function checkNetworks() {
  header('network', 'samples', 'path', 'largest error in steps', 'identical %',
         'within two steps %', 'same top-1 %');
  for (const network of listNetworks()) {
    if (names.length > 0 && !names.includes(network.name)) continue;
    const limit = network.classifier ? options.limit : Math.ceil(options.limit / 20);
    const [entry] = makeCases('network', network.model, network.calib, network.samples,
                              String(limit));
    checkRoundTrip(entry);
    const all = [];
    for (const kind of Object.keys(kPaths)) all.push(await compare(entry, kind));
    const loose = kFunctionsInProducts.has(network.name);
    const enough = loose ? 0.97 : Math.min(0.99, spread(all)), alike = loose ? 0.95 : 0.99;
    for (const [index, kind] of Object.keys(kPaths).entries()) {
      const results = all[index];
      const sum = (field) => results.reduce((total, result) => total + result[field], 0);
      const within2 = sum('within2') / sum('count'), same = results[0].same / entry.samples;
      const exact = kind === 'integer';
      if (exact && !(within2 >= enough)) {
        misses.push(`${network.name}: ${percent(within2, 1)} % within two steps (${kind})`);
      }
      if (exact && network.classifier && !(same >= alike)) {
        misses.push(`${network.name}: top-1 ${percent(same, 1)} % the same (${kind})`);
      }
      row(network.name, entry.samples, kind,
          Math.max(...results.map((result) => result.largest)).toFixed(2),
          percent(sum('exact'), sum('count')), percent(within2, 1),
          network.classifier ? percent(same, 1) : '');
    }
  }
}

if (options.only !== 'networks') await checkOperators();
if (options.only !== 'operators') await checkNetworks();
for (const miss of misses) console.log('MISSED', miss);
process.exitCode = misses.length > 0 ? 1 : 0;
