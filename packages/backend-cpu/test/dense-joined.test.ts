import { expect, test, vi } from "vitest";
import { engine } from "../src/runtime/index.ts";
import { checkVariant } from "./dense-variant-check.ts";

// The tiles for engines that join vectors are right in every engine, only slower in the others.
vi.mock("../src/runtime/features.ts", () => ({
  detectFeatures: () => ({ simd: true, relaxedSimd: false, joinedVectors: true }),
}));

test.skipIf(engine.options.wide)("matrices and convolutions are right in tiles of joined vectors", () => {
  expect(engine.options.joined).toBe(true);
  checkVariant();
});
