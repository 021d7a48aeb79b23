/** Division with a remainder, as PyTorch has it. */
export const division: Readonly<Record<string, string>> = {
  // Exact: each turn takes away the divisor times a power of two.
  dl_fmod: `fn dl_fmod(x: f32, y: f32) -> f32 {
  let d = abs(y);
  if (dl_isnan(x) || dl_isnan(y) || dl_isinf(x) || d == 0.0) { return dl_nan(); }
  var rest = abs(x);
  for (var turn = 0; turn < 300 && rest >= d; turn++) {
    let a = frexp(rest);
    let b = frexp(d);
    var part = ldexp(b.fract, a.exp);
    if (part > rest) { part *= 0.5; }
    rest -= part;
  }
  return dl_copysign(rest, x);
}`,
  dl_remainder: `fn dl_remainder(x: f32, y: f32) -> f32 {
  let rest = dl_fmod(x, y);
  return select(rest, rest + y, rest != 0.0 && (rest < 0.0) != (y < 0.0));
}`,
  dl_floordiv: `fn dl_floordiv(x: f32, y: f32) -> f32 {
  if (y == 0.0) { return x / y; }
  let rest = dl_fmod(x, y);
  var quotient = (x - rest) / y;
  if (rest != 0.0 && (rest < 0.0) != (y < 0.0)) { quotient -= 1.0; }
  if (quotient == 0.0) { return dl_copysign(0.0, x / y); }
  let low = floor(quotient);
  return select(low, low + 1.0, quotient - low > 0.5);
}`,
};
