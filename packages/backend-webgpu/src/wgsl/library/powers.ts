/** Powers of float32 numbers. */
export const powers: Readonly<Record<string, string>> = {
  dl_powi: `fn dl_powi(base: f32, exponent: u32) -> f32 {
  var result = 1.0;
  var square = base;
  for (var left = exponent; left > 0u; left >>= 1u) {
    if ((left & 1u) == 1u) { result *= square; }
    square *= square;
  }
  return result;
}`,
  dl_pow: `fn dl_pow(x: f32, y: f32) -> f32 {
  if (y == 0.0 || x == 1.0) { return 1.0; }
  if (dl_isnan(x) || dl_isnan(y)) { return dl_nan(); }
  let a = abs(x);
  if (dl_isinf(y)) {
    if (a == 1.0) { return 1.0; }
    return select(0.0, dl_inf(), (a > 1.0) == (y > 0.0));
  }
  let whole = y == trunc(y);
  let odd = whole && abs(y) < 16777216.0 && (i32(y) & 1) == 1;
  if (a == 0.0 || dl_isinf(x)) {
    let size = select(0.0, dl_inf(), (a == 0.0) == (y < 0.0));
    return select(size, -size, odd && dl_negative(x));
  }
  if (x < 0.0 && !whole) { return dl_nan(); }
  if (whole && abs(y) <= 16.0) {
    let size = dl_powi(x, u32(abs(y)));
    return select(size, 1.0 / size, y < 0.0);
  }
  if (abs(y) == 0.5) { return select(sqrt(x), inverseSqrt(x), y < 0.0); }
  // y log2(a) with the exponent of a apart, which is the large part and exact.
  let parts = frexp(a);
  let low = parts.fract < 0.70710678;
  let whole_part = y * f32(select(parts.exp, parts.exp - 1, low));
  let fine = y * 1.4426950408889634 * dl_log1p(select(parts.fract, parts.fract * 2.0, low) - 1.0);
  if (abs(whole_part + fine) > 200.0) {
    let far = select(0.0, dl_inf(), whole_part + fine > 0.0);
    return select(far, -far, odd && x < 0.0);
  }
  let n = round(whole_part);
  let rest = fine + (whole_part - n);
  let size = dl_scale(exp2(rest - round(rest)), i32(n) + i32(round(rest)));
  return select(size, -size, odd && x < 0.0);
}`,
};
