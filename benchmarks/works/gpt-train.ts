import * as nn from "@dl/nn";
import { AdamW } from "@dl/optim";
import { ones, scope, type Tensor } from "@dl/tensor";
import { attempt, measure, type Spec } from "../lib/timing.ts";
import { floats } from "./tensors.ts";

const { functional: F } = nn;

/** A decoder's block as nanoGPT writes it: norms first, causal attention from its parts, a residual around each half. */
class Block extends nn.Module {
  readonly heads: number;
  readonly ln1: nn.LayerNorm;
  readonly qkv: nn.Linear;
  readonly proj: nn.Linear;
  readonly ln2: nn.LayerNorm;
  readonly fc1: nn.Linear;
  readonly fc2: nn.Linear;
  readonly mask: Tensor;

  constructor(width: number, heads: number, tokens: number) {
    super();
    this.heads = heads;
    [this.ln1, this.ln2] = [new nn.LayerNorm(width), new nn.LayerNorm(width)];
    [this.qkv, this.proj] = [new nn.Linear(width, 3 * width), new nn.Linear(width, width)];
    [this.fc1, this.fc2] = [new nn.Linear(width, 4 * width), new nn.Linear(4 * width, width)];
    this.mask = ones(tokens, tokens, { dtype: "bool" }).triu(1);
    this.registerBuffer("mask", this.mask);
  }

  attend(x: Tensor): Tensor {
    const [batch, tokens, width] = x.shape as [number, number, number];
    const depth = width / this.heads;
    const parts = this.qkv(x).split(width, 2);
    const [q, k, v] = parts.map((part) => part.view(batch, tokens, this.heads, depth).transpose(1, 2)) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    const scores = q.matmul(k.transpose(-2, -1)).mul(depth ** -0.5);
    const weights = scores.maskedFill(this.mask, -Infinity).softmax(-1);
    return this.proj(weights.matmul(v).transpose(1, 2).reshape(batch, tokens, width));
  }

  override forward(x: Tensor): Tensor {
    const attended = x.add(this.attend(this.ln1(x)));
    return attended.add(this.fc2(F.gelu(this.fc1(this.ln2(attended)))));
  }
}

export async function run(spec: Spec): Promise<void> {
  for (const { name, size } of spec.cases) {
    await attempt(spec, name, async () => {
      const [width, tokens, batch] = [size["width"]!, size["tokens"]!, size["batch"]!];
      const block = new Block(width, size["heads"]!, tokens);
      const optimizer = new AdamW(block.parameters(), { lr: size["learningRate"]! });
      const [x, target] = [3, 4].map((seed) => floats(seed, [batch, tokens, width])) as [Tensor, Tensor];
      let last = 0;
      const step = (): void => {
        optimizer.zeroGrad();
        const loss = F.mseLoss(block(x), target);
        loss.backward();
        optimizer.step();
        last = loss.item();
      };
      await measure(spec, name, () => scope(step), { loss: () => last });
    });
  }
}
