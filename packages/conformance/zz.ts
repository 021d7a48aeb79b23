import "@dl/backend-cpu";
import { writeSync } from "node:fs";
import { randn } from "@dl/tensor";

import { Net } from "./src/models/net.ts";

const main = async () => {
  const net = new Net();
  for (const n of [1, 2, 8, 32]) {
    const t = performance.now();
    net(randn(n, 1, 28, 28));
    writeSync(2, `${n} ${performance.now() - t}\n`);
  }
};
await main();
process.exit(0);
