import "@dl/backend-cpu";
import { registerBackend } from "@dl/tensor";
import { backendCases, ReferenceBackend } from "@dl/tensor/testing";
import { test } from "vitest";

registerBackend(new ReferenceBackend());

test.each(backendCases("cpu"))("$name", ({ check }) => check());
