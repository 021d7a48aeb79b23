// Just enough of ONNX's protobuf to write a small graph. Field numbers are those of onnx.proto3.
const FLOAT = 1;
const utf8 = new TextEncoder();

const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(Math.floor(value / 128))]);
const join = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part)));
const bytes = (field, content) => join(varint(field * 8 + 2), varint(content.length), content);
const text = (field, value) => bytes(field, utf8.encode(value));
const int = (field, value) => join(varint(field * 8), varint(value));

/** An attribute that is a list of whole numbers. */
const attribute = (name, values) => join(text(1, name), ...values.map((value) => int(8, value)), int(20, 7));

export const node = (op, inputs, output, attributes = {}) =>
  join(
    ...inputs.map((input) => text(1, input)),
    text(2, output),
    text(3, output),
    text(4, op),
    ...Object.entries(attributes).map(([name, values]) => bytes(5, attribute(name, values))),
  );

/** A constant: a Float32Array under a name. */
export const constant = (name, shape, data) =>
  join(
    ...shape.map((size) => int(1, size)),
    int(2, FLOAT),
    text(8, name),
    bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );

/** An input or an output. */
export function value(name, shape) {
  const dimensions = join(...shape.map((size) => bytes(1, int(1, size))));
  return join(text(1, name), bytes(2, bytes(1, join(int(1, FLOAT), bytes(2, dimensions)))));
}

export function model({ nodes, constants, input, output }) {
  const graph = join(
    ...nodes.map((item) => bytes(1, item)),
    text(2, "graph"),
    ...constants.map((item) => bytes(5, item)),
    bytes(11, input),
    bytes(12, output),
  );
  return join(int(1, 9), text(2, "benchmark"), bytes(7, graph), bytes(8, join(text(1, ""), int(2, 20))));
}
