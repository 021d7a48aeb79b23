import { registerBackend } from "@dl/tensor";
import { backendCases, ReferenceBackend } from "@dl/tensor/testing";
import { test } from "vitest";
import { onDevice } from "./device.ts";

registerBackend(new ReferenceBackend());

onDevice("the cases that every backend is tried on", () => {
  test.each(backendCases("webgpu", { tolerance: 2e-5 }))("$name", ({ check }) => check());
});
