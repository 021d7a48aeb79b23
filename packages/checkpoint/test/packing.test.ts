import "@dl/backend-cpu";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  fromBytes,
  load,
  loadCheckpoint,
  pack,
  readMetadata,
  save,
  saveCheckpoint,
  toBytes,
  unpack,
} from "@dl/checkpoint";
import { isTensor, type Tensor, tensor } from "@dl/tensor";
import { afterAll, expect, test } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "dl-packing-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("plain data comes back with its tensors where they stood", async () => {
  const path = join(folder, "training.safetensors");
  const state = {
    model: { "0.weight": tensor([[1, 2]]), "0.bias": tensor([0.5]) },
    optimizer: {
      state: { 0: { step: 3, exp_avg: tensor([2.5]) } },
      param_groups: [{ params: [0], betas: [0.9, 0.999] }],
    },
    best: Number.POSITIVE_INFINITY,
    seed: 2n ** 60n,
    notes: ["a", null, true, { deep: [tensor(7)] }],
    absent: undefined,
  };
  await saveCheckpoint(state, path);
  const back = await loadCheckpoint<typeof state>(path);
  const { absent: _, ...kept } = state;
  const readable = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value, (_, x) => (isTensor(x) ? String(x) : typeof x === "bigint" ? `${x}n` : x)));
  expect(readable(back)).toEqual(readable(kept));
  expect(back.best).toBe(Number.POSITIVE_INFINITY);
  expect((back.notes[3] as { deep: Tensor[] }).deep[0]!.item()).toBe(7);
});

test("tensors have the names of their paths for other readers", async () => {
  const { tensors, metadata } = pack({ model: { "0.weight": tensor([1]) }, "model.0": { weight: tensor([2]) } });
  expect(Object.keys(tensors)).toEqual(["model.0.weight", "model.0.weight'"]);
  const bytes = await toBytes(tensors, metadata);
  const back = unpack<Record<string, Record<string, Tensor>>>({
    tensors: fromBytes(bytes),
    metadata: readMetadata(bytes),
  });
  expect(back["model.0"]!["weight"]!.item()).toBe(2);
});

test("what is no plain data is refused by its place", () => {
  expect(() => pack({ a: [{ f: () => 1 }] })).toThrow('pack: "a.0.f" is a function. Only plain data and tensors');
  expect(() => pack({ a: new Map() })).toThrow('"a" is a Map');
  expect(() => pack({ a: { $: 1 } })).toThrow('"a.$"');
});

test("files that hold something else say so", async () => {
  const path = join(folder, "weights.safetensors");
  await save({ w: tensor([1]) }, path);
  await expect(loadCheckpoint(path)).rejects.toThrow("holds tensors by name and no more. Use load");
  await saveCheckpoint({ w: tensor([1]) }, path);
  expect((await load(path))["w"]!.item()).toBe(1);
  const { metadata } = pack({ w: tensor([1]) });
  expect(() => unpack({ tensors: {}, metadata })).toThrow("a description that does not fit its tensors");
  await expect(loadCheckpoint(join(folder, "none"))).rejects.toThrow("loadCheckpoint: ");
});
