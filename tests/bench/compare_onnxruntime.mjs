// Latency of Lutra against ONNX Runtime on exactly the same quantized networks, interleaved.
//
//   npm install --ignore-scripts onnxruntime-node          (anywhere; run from that folder)
//   taskset -c 1 node compare_onnxruntime.mjs [--threads=1] [--rounds=7] [--row=ROW]
//       --bench=build/release/bin/lutra-bench NAME=MODEL.lutra[,MORE.lutra ...],QDQ.onnx ...
//
// MODEL.lutra and QDQ.onnx come from one `lutra convert MODEL.onnx -o MODEL.lutra --emit-qdq
// QDQ.onnx`. Every round times one after the other for about half a second each; a row of the table
// gives the medians over the rounds and the median of the rounds' ratios (below 1: Lutra is
// faster). More models of the same network, with other weights, get a row each, with the ratio to
// the first model in the last column. ONNX Runtime runs with its default settings: on x86 without VNNI these saturate.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { basename } from 'node:path';

const ort = createRequire(process.cwd() + '/')('onnxruntime-node');

const options = { threads: 1, rounds: 7, row: '', bench: 'lutra-bench' };
const pairs = [];
for (const argument of process.argv.slice(2)) {
  const flag = argument.match(/^--(\w+)=(.*)$/);
  if (flag) options[flag[1]] = flag[2];
  else {
    const [, name, files] = argument.match(/^([^=]+)=(.+)$/);
    pairs.push({ name, models: files.split(',').slice(0, -1), qdq: files.split(',').at(-1) });
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function openPeer(path) {
  const threads = Number(options.threads);
  const session = await ort.InferenceSession.create(path, {
    intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: 'sequential' });
  const feeds = {};
  for (const input of session.inputMetadata) {
    const shape = input.shape.map((d) => (typeof d === 'number' && d > 0 ? d : 1));
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    for (let i = 0; i < data.length; ++i) data[i] = ((i * 2654435761) % 1000) / 500 - 1;
    feeds[input.name] = new ort.Tensor('float32', data, shape);
  }
  return async () => {
    await session.run(feeds);
    const times = [];
    const end = performance.now() + 500;
    while (times.length < 5 || performance.now() < end) {
      const begin = performance.now();
      await session.run(feeds);
      times.push(performance.now() - begin);
    }
    return median(times);
  };
}

function timeLutra(path) {
  const flags = [`--graph=${path}`, `--num_threads=${options.threads}`, '--num_runs=5',
                 '--min_secs=0.5', '--warmup_min_secs=0.1', '--json'];
  if (options.row) flags.push(`--cpu=${options.row}`);
  return JSON.parse(execFileSync(options.bench, flags, { encoding: 'utf8' })).median_us / 1000;
}

console.log('| network | Lutra ms | ONNX Runtime ms | ratio | to the first |\n|---|---|---|---|---|');
for (const { name, models, qdq } of pairs) {
  const peer = await openPeer(qdq);
  const ours = models.map(() => []), theirs = [];
  for (let round = 0; round < Number(options.rounds); ++round) {
    models.forEach((model, i) => ours[i].push(timeLutra(model)));
    theirs.push(await peer());
  }
  const ratio = (times, others) => median(times.map((value, i) => value / others[i])).toFixed(2);
  models.forEach((model, i) => {
    const label = i === 0 ? name : `${name} ${basename(model, '.lutra')}`;
    console.log(`| ${label} | ${median(ours[i]).toFixed(3)} | ${median(theirs).toFixed(3)} | ${
      ratio(ours[i], theirs)} | ${ratio(ours[i], ours[0])} |`);
  });
}
