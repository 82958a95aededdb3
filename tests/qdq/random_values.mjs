// What the random tests share: flags, ONNX Runtime, numbers from a seed, and NumPy's files of float32.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

// The program's arguments, all of the form --flag=value, over `defaults`.
export function readOptions(defaults) {
  const options = { ...defaults };
  for (const argument of process.argv.slice(2)) {
    const flag = argument.match(/^--(\w+)=(.*)$/);
    if (!flag) throw new Error(`unknown argument ${argument}`);
    options[flag[1]] = flag[2];
  }
  return options;
}

// From the folder of node's packages.
export const loadOnnxRuntime = (packages) =>
  createRequire(path.resolve(packages) + '/')('onnxruntime-node');

// mulberry32, and what is drawn with it.
export class Random {
  constructor(seed) { this.state = Math.imul(seed, 2654435761) >>> 0; }

  uniform() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }
  chance(p) { return this.uniform() < p; }
  range(low, high) { return low + Math.floor(this.uniform() * (high - low + 1)); }
  pick(list) { return list[this.range(0, list.length - 1)]; }
  normal() {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
  }
  normals(count, deviation) { return Array.from({ length: count }, () => deviation * this.normal()); }
}

export const product = (dims) => dims.reduce((a, b) => a * b, 1);

export function writeNpy(file, data, shape) {
  const tuple = shape.map((d) => `${d},`).join(' ');
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  const padded = header.padEnd(Math.ceil((header.length + 11) / 64) * 64 - 11) + '\n';
  const prefix = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  prefix.writeUInt16LE(padded.length, 8);
  fs.writeFileSync(file, Buffer.concat([prefix, Buffer.from(padded), Buffer.from(data.buffer)]));
}

// { shape, data }
export function readNpy(file) {
  const all = fs.readFileSync(file), start = 10 + all.readUInt16LE(8);
  const [, dims] = all.subarray(10, start).toString().match(/'shape': \((.*?)\)/);
  const values = all.subarray(start);
  return { shape: dims.split(',').filter((d) => d.trim()).map(Number),
           data: new Float32Array(values.buffer.slice(values.byteOffset,
                                                      values.byteOffset + values.length)) };
}
