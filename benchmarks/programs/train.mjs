// A program as a user writes it, in a process of its own: trains the seed network for some steps and says what that
// took of memory. Arguments: steps, batch, learning rate, threads.
import "@dl/autograd";
import { setNumThreads } from "@dl/backend-cpu";
import * as nn from "@dl/nn";
import { SGD } from "@dl/optim";
import { memory, rand, randint, scope } from "@dl/tensor";

const [steps, batch, lr, threads] = process.argv.slice(2).map(Number);
setNumThreads(threads);
const model = new nn.Sequential(
  new nn.Conv2d(1, 64, 5),
  new nn.ReLU({ inplace: true }),
  new nn.MaxPool2d(2),
  new nn.Conv2d(64, 32, 5),
  new nn.ReLU({ inplace: true }),
  new nn.MaxPool2d(2),
  new nn.Flatten(),
  new nn.Linear(512, 10),
);
const criterion = new nn.CrossEntropyLoss();
const optimizer = new SGD(model.parameters(), { lr });
const [images, labels] = [rand(batch, 1, 28, 28), randint(0, 10, [batch])];

for (let i = 0; i < steps; i++) {
  scope(() => {
    optimizer.zeroGrad();
    const loss = criterion(model(images), labels);
    loss.backward();
    optimizer.step();
    loss.item();
  });
}
console.log(JSON.stringify({ resident: process.resourceUsage().maxRSS * 1024, tensors: memory().peak }));
