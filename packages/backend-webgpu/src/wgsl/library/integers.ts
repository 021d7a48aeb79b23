/** Arithmetic of whole numbers, as PyTorch has it. */
export const integers: Readonly<Record<string, string>> = {
  dl_ipow: `fn dl_ipow(base: i32, exponent: i32) -> i32 {
  if (exponent < 0) {
    if (base == 1) { return 1; }
    return select(0, select(1, -1, (exponent & 1) == 1), base == -1);
  }
  var result = 1;
  var square = base;
  for (var left = exponent; left > 0; left >>= 1u) {
    if ((left & 1) == 1) { result *= square; }
    square *= square;
  }
  return result;
}`,
  dl_ifloordiv: `fn dl_ifloordiv(x: i32, y: i32) -> i32 {
  let quotient = x / y;
  return select(quotient, quotient - 1, x % y != 0 && (x < 0) != (y < 0));
}`,
  dl_iremainder: `fn dl_iremainder(x: i32, y: i32) -> i32 {
  let rest = x % y;
  return select(rest, rest + y, rest != 0 && (rest < 0) != (y < 0));
}`,
  dl_gcd: `fn dl_gcd(x: i32, y: i32) -> i32 {
  var a = abs(x);
  var b = abs(y);
  while (b != 0) { let rest = a % b; a = b; b = rest; }
  return a;
}`,
};
