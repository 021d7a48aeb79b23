import "@dl/autograd";
import "@dl/backend-cpu";
import { TensorError, withTypePromotion } from "@dl/tensor";
import { expect, test } from "vitest";
import { runProgram } from "../src/python/interpreter.ts";

const run = (...lines: string[]): unknown => withTypePromotion(() => runProgram(lines.join("\n")));

test.each([
  ["7//2, -7//2, -7%3, 2**10, 3/2, -2**2", [3, -4, 2, 1024, 1.5, -4]],
  ["1 < 2 < 3, 1 < 2 > 3, not 1 == 2, 1 in [1], 2 not in (1,), None is None", [true, false, true, true, true, true]],
  ["1 if 0 else 2, 0 or 5, 3 and 4, [] or 'x'", [2, 5, 4, "x"]],
  ["[i*j for i in range(3) if i for j in (1,2)], {k: len(k) for k in ['a', 'bc']}", [[1, 2, 2, 4], { a: 1, bc: 2 }]],
  ["(lambda a, b=3, *c, **d: a+b+len(c)+len(d))(1, 2, 3, 4, e=5)", 6],
  [
    "sum(range(4)), max(3,1), sorted([3,1,2], reverse=True), list(zip([1,2],'ab'))",
    [
      6,
      3,
      [3, 2, 1],
      [
        [1, "a"],
        [2, "b"],
      ],
    ],
  ],
  ["[1,2,3][-1], [1,2,3][1:], 'abc'[:2], (1,)*2, [1]+[2]", [3, [2, 3], "ab", [1, 1], [1, 2]]],
])("%s", (text, expected) => {
  expect(run(`result=${text}`)).toEqual(expected);
});

test("blocks, loops, functions and what leaves them", () => {
  const found = run(
    "def f(n):",
    "  for i in range(10):",
    "    if i == n: return i*10",
    "    elif i > 5:",
    "      break",
    "  # nothing of that kind",
    "  return -1",
    "i = 8; found = []",
    "while i > 0:",
    "  i -= 3",
    "  if i == 2: continue",
    "  found.append(i)",
    "result = [f(3), f(9), found]",
  );
  expect(found).toEqual([30, -1, [5, -1]]);
});

test("a float among whole numbers decides the dtype, as a literal and beside a tensor", () => {
  const found = run(
    "x=torch.tensor([1,2])",
    "result=[(x+1).dtype,(x+1.).dtype,torch.tensor([1.]).dtype,torch.arange(3).dtype]",
  );
  expect(found).toEqual(["int64", "float32", "float32", "int64"]);
});

test("tensors: slices, lists and masks as indices, writing in place", () => {
  const found = run(
    "x=torch.arange(6.).view(2,3); y=x",
    "x[:,1]=9.; x[x>8]+=1; y*=2",
    "result=[x[0].tolist(), x[[1,0],[2,2]].tolist(), x[...,None].shape, y is x]",
  );
  expect(found).toEqual([[0, 20, 4], [10, 4], [2, 3, 1], true]);
});

test("classes of modules and of functions with a derivative of their own", () => {
  const found = run(
    "class Ten(torch.autograd.Function):",
    "  @staticmethod",
    "  def forward(ctx, x):",
    "    ctx.save_for_backward(x)",
    "    return x*10",
    "  @staticmethod",
    "  def backward(ctx, g):",
    "    x, = ctx.saved_tensors",
    "    return g*x",
    "class Net(nn.Module):",
    "  def __init__(self, width):",
    "    super().__init__()",
    "    self.first_layer=nn.Linear(1, width, bias=False)",
    "  def forward(self, x): return Ten.apply(self.first_layer(x))",
    "m=Net(width=2); nn.init.constant_(m.first_layer.weight, 3.); m(torch.ones(1,1)).sum().backward()",
    "result=[m.first_layer.weight.grad.tolist(), list(m.state_dict().keys())]",
  );
  expect(found).toEqual([[[3], [3]], ["first_layer.weight"]]);
});

test("gradients are off within no_grad, and come back", () => {
  const found = run(
    "x=torch.ones(1,requires_grad=True)",
    "@torch.no_grad()",
    "def f(x): return x*2",
    "with torch.no_grad(), torch.enable_grad(): a=x*2",
    "with torch.no_grad():",
    "  b=x*2",
    "result=[a.requires_grad, b.requires_grad, f(x).requires_grad, (x*2).requires_grad]",
  );
  expect(found).toEqual([true, false, false, true]);
});

test("errors of the library are caught, others and what is not understood are not", () => {
  expect(run("try:", "  torch.ones(2)@torch.ones(3)", "  result=0", "except RuntimeError as e:", "  result=1")).toBe(1);
  expect(() => run("torch.ones(2)@torch.ones(3)")).toThrow(TensorError);
  for (const text of ["x = yield 1", "result=f'{1}'", "import os; os.listdir('.')", "result=torch.nothing_here(1)"]) {
    expect(() => run(text)).toThrow(expect.objectContaining({ name: "Unsupported" }));
  }
});
