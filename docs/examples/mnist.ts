/** Trains a convolutional network on handwritten digits: `npm start`, `npm start -- --help`. */
import { getNumThreads, setNumThreads } from "@dl/backend-cpu";
import "@dl/autograd";
import { load, save } from "@dl/checkpoint";
import { manualSeed } from "@dl/tensor";
import { openDigits } from "./mnist/data.ts";
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
  console.log(
    `${digits.name}: ${digits.train.length} images to learn from, ${digits.test.length} in ${digits.testName}`,
  );
  const place = options.device === "cpu" ? `${getNumThreads()} CPU threads` : options.device;
  console.log(`${options.optimizer}, lr ${options.lr}, batches of ${options.batchSize}, ${place}`);

  const model = new Net().to(options.device);
  const stopped = await train(model, digits.train, options);
  await save(model.stateDict(), options.out);
  if (stopped) {
    console.log(`\nStopped in ${stopped}. The weights so far are saved in ${options.out}`);
    return 130;
  }
  model.loadStateDict(await load(options.out));
  const result = evaluate(model, digits.test, options.device);
  console.log(
    `\naccuracy: ${(100 * result.accuracy).toFixed(1)} % of ${digits.testName} (${digits.test.length} images)\n`,
  );
  console.log(confusionTable(result.confusion));
  console.log(`\n${gallery(digits.test, result.predictions)}`);
  console.log(`\nThe weights are saved in ${options.out}`);
  return 0;
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options) process.exitCode = await main(options);
  else console.log(help);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
