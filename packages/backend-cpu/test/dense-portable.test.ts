import { expect, test, vi } from "vitest";
import { engine } from "../src/runtime/index.ts";
import { checkVariant } from "./dense-variant-check.ts";

// A host without relaxed SIMD: other tiles, multiplication and addition apart.
vi.mock("../src/runtime/features.ts", () => ({
  detectFeatures: () => ({ simd: true, relaxedSimd: false, joinedVectors: false }),
}));

test("matrices and convolutions need no relaxed SIMD", () => {
  expect(engine.options.relaxed).toBe(false);
  checkVariant();
});
