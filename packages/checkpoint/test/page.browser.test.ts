/** A page has no files: bytes come from elsewhere, and go there. */
import "@dl/backend-cpu";
import * as checkpoint from "@dl/checkpoint";
import { tensor } from "@dl/tensor";
import { expect, test } from "vitest";

const { fromBytes, fromPyTorch, load, loadCheckpoint, pack, readMetadata, save, saveCheckpoint, toBytes, unpack } =
  checkpoint;

test("what a response or a file gives is read as it is", async () => {
  const file = new File([await toBytes({ a: tensor([1, 2]) }, { of: "a page" })], "a.safetensors");
  const bytes = await file.arrayBuffer();
  expect(fromBytes(bytes)["a"]!.toArray()).toEqual([1, 2]);
  expect(readMetadata(bytes)).toEqual({ of: "a page" });
  expect(() => fromPyTorch(bytes)).toThrow("It has to be an intact file of torch.save");
  const wrong = /load: these bytes are a File\. Pass a Uint8Array, or what await blob\.arrayBuffer\(\) gives/;
  for (const read of [fromBytes, readMetadata, fromPyTorch]) expect(() => read(file as never)).toThrow(wrong);
});

test("functions of files say what to do with bytes, and that works", async () => {
  const state = { weights: tensor([3, 4]), epoch: 3 };
  await expect(save({ a: tensor([1]) }, "a")).rejects.toThrow(
    "save: this host has no files. Keep the bytes yourself: toBytes",
  );
  await expect(load("a")).rejects.toThrow("load: this host has no files. Keep the bytes yourself: fromBytes(bytes)");
  await expect(saveCheckpoint(state, "a")).rejects.toThrow(
    /^saveCheckpoint: .*pack\(state\), then toBytes\(tensors, metadata\)$/,
  );
  await expect(loadCheckpoint("a")).rejects.toThrow(/^loadCheckpoint: .*: unpack\({ tensors: fromBytes\(bytes\), /);

  const { tensors, metadata } = pack(state);
  const bytes = await toBytes(tensors, metadata);
  const saved = unpack<typeof state>({ tensors: fromBytes(bytes), metadata: readMetadata(bytes) });
  expect([saved.weights.toArray(), saved.epoch]).toEqual([[3, 4], 3]);
});
