import * as nn from "@dl/nn";
import { ones, type Tensor, zeros } from "@dl/tensor";

const [vocabulary, context, width, heads, layers] = [11, 12, 24, 3, 2];

/** Attention that looks back, then a feed-forward net, each added to what comes in. */
class Block extends nn.Module<[x: Tensor], Tensor> {
  ln1 = new nn.LayerNorm(width);
  qkv = new nn.Linear(width, 3 * width);
  proj = new nn.Linear(width, width);
  ln2 = new nn.LayerNorm(width);
  fc1 = new nn.Linear(width, 4 * width);
  fc2 = new nn.Linear(4 * width, width);

  forward(x: Tensor): Tensor {
    const attended = x.add(this.proj(this.#attend(this.ln1(x))));
    return attended.add(this.fc2(nn.functional.gelu(this.fc1(this.ln2(attended)))));
  }

  #attend(x: Tensor): Tensor {
    const [batch, time] = x.shape as [number, number];
    const split = (part: Tensor): Tensor => part.view(batch, time, heads, width / heads).transpose(1, 2);
    const [q, k, v] = this.qkv(x).split(width, 2).map(split) as [Tensor, Tensor, Tensor];
    const scores = q.matmul(k.transpose(-2, -1)).div(Math.sqrt(width / heads));
    const future = ones([time, time], { dtype: "bool", device: x.device }).triu(1);
    const weights = scores.maskedFill(future, Number.NEGATIVE_INFINITY).softmax(-1);
    return weights.matmul(v).transpose(1, 2).contiguous().view(batch, time, width);
  }
}

/** A small language model with learned positions. */
export class GPT extends nn.Module<[index: Tensor], Tensor> {
  pos = new nn.Parameter(zeros(1, context, width));
  tok = new nn.Embedding(vocabulary, width);
  blocks = new nn.ModuleList(Array.from({ length: layers }, () => new Block()));
  ln = new nn.LayerNorm(width);
  head = new nn.Linear(width, vocabulary, { bias: false });

  forward(index: Tensor): Tensor {
    let x = this.tok(index).add(this.pos);
    for (const block of this.blocks) x = block(x);
    return this.head(this.ln(x));
  }
}
