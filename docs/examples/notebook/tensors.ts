/** Rows 1, 2, 4, 5 and 8 to 14: tensors on the CPU. */
import { cat, floatTensor, tensor, transpose } from "@dl/tensor";

export function tensors(print: (text: unknown) => void): void {
  // 1. From nested lists.
  const data = tensor([
    [1, 2],
    [3, 4],
  ]);
  print(data.toString());

  // 2. Ragged lists are refused.
  print(
    messageOf(() =>
      tensor([
        [1, 2],
        [3, 4, 5],
      ]),
    ),
  );

  // 4. Another dtype.
  print(
    tensor(
      [
        [1, 2],
        [3, 4],
      ],
      { dtype: "float64" },
    ).toString(),
  );

  // 5. The same memory as an n-d array.
  const array = data.numpy();
  print(`shape [${array.shape}] stride [${array.stride}] offset ${array.offset}`);
  array.data[0] = 9n;
  print(data.toString());
  array.data[0] = 1n;

  // 8. Elements by position.
  const t = floatTensor([1, 2, 3, 4, 5, 6, 7]);
  for (const i of [0, 1, 2]) print(t.at(i).toString());

  // 9. A slice is a view: writing to it writes to the tensor.
  const slice = t.at([2, 5]);
  print(slice.toString());
  slice.fill_(0);
  print(t.toString());

  // 10. float32 and float64 do not mix; the compiler says so too.
  const single = floatTensor([1, 2, 3]);
  const double = tensor([1, 2, 3], { dtype: "float64" });
  // @ts-expect-error float32 and float64 do not mix: cast one with .to("float32")
  print(messageOf(() => single.add(double)));

  // 11. Arithmetic.
  const [v, w] = [tensor([1, 2, 3]), tensor([3, 4, 6])];
  print(w.sub(v).toString());

  // 12. The shape.
  print(data.shape);

  // 13. Views: other shapes over the same elements; -1 is worked out.
  print(data.view(4, 1).toString());
  print(data.view(-1).toString());
  print(data.view(1, -1).toString());
  print(data.view(-1, 1).toString());
  print(data.toString());
  print(messageOf(() => data.view(3, -1)));

  // 14. Joined, and with dimensions swapped.
  print(cat([tensor([1, 2]), tensor([3, 4, 5])]).toString());
  print(
    transpose(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]),
      0,
      1,
    ).toString(),
  );
}

export function messageOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("the row was expected to throw");
}
