/** Trains a convolutional network on handwritten digits: `npm start`, `npm start -- --help`. */
import { getNumThreads, setNumThreads } from "@dl/backend-cpu";
import "@dl/autograd";
import { load, save } from "@dl/checkpoint";
import { manualSeed } from "@dl/tensor";
import { type Digits, openDigits } from "./mnist/data.ts";
import { openDevice } from "./mnist/device.ts";
import { evaluate } from "./mnist/evaluate.ts";
import { Net } from "./mnist/net.ts";
import { help, type Options, parseOptions } from "./mnist/options.ts";
import { checkOut } from "./mnist/out.ts";
import { confusionTable, gallery } from "./mnist/report.ts";
import { train } from "./mnist/train.ts";

async function main(options: Options): Promise<number> {
  await checkOut(options.out);
  if (options.threads) setNumThreads(options.threads);
  await openDevice(options.device);
  manualSeed(options.seed);
  const digits = await openDigits(options);
  introduce(digits, options);

  const model = new Net().to(options.device);
  const stopped = await train(model, digits.train, options);
  await save(model.stateDict(), options.out);
  if (stopped) {
    console.log(`\nStopped in ${stopped}. The weights so far are saved in ${options.out}`);
    return 130;
  }
  model.loadStateDict(await load(options.out));
  report(model, digits, options);
  console.log(`\nThe weights are saved in ${options.out}`);
  return 0;
}

function introduce({ name, testName, train, test }: Digits, { device, optimizer, lr, batchSize }: Options): void {
  const threads = getNumThreads();
  const place = device === "cpu" ? `${threads} CPU thread${threads === 1 ? "" : "s"}` : device;
  console.log(`${name}: ${train.length} images to learn from, ${test.length} in ${testName}`);
  console.log(`${optimizer}, lr ${lr}, batches of ${batchSize}, ${place}`);
}

function report(model: Net, { test, testName }: Digits, { device }: Options): void {
  const { accuracy, confusion, predictions } = evaluate(model, test, device);
  console.log(`\naccuracy: ${(100 * accuracy).toFixed(1)} % of ${testName} (${test.length} images)\n`);
  console.log(confusionTable(confusion));
  console.log(`\n${gallery(test, predictions)}`);
}

// The reader of a pipe has seen enough, as in `npm start | head`.
process.stdout.on("error", () => process.exit());
try {
  const options = parseOptions(process.argv.slice(2));
  if (options) process.exitCode = await main(options);
  else console.log(help);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
