import { configDefaults, mergeConfig } from "vitest/config";
import base from "./vitest.config.ts";

/** Every test there is, the slow ones too. */
const all = mergeConfig(base, {});
all.test.exclude = [...configDefaults.exclude, "**/*.browser.test.ts"];

export default all;
