/** Sines, their kin and their inverses. */
export const trigonometry: Readonly<Record<string, string>> = {
  // x = quarter * π/2 + rest, and sine and cosine of the rest, exchanged and signed by the quarter.
  dl_sincos: `fn dl_sincos(x: f32) -> vec2f {
  let quarter = round(x * 0.63661977236758134);
  let rest = ((x - quarter * 1.5703125) - quarter * 4.837512969970703e-4) - quarter * 7.549789948768648e-8;
  let z = rest * rest;
  let s = rest + rest * z * (-1.6666654611e-1 + z * (8.3321608736e-3 - z * 1.9515295891e-4));
  let c = 1.0 - 0.5 * z + z * z * (4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5));
  let turn = u32(i32(quarter)) & 3u;
  let pair = select(vec2f(s, c), vec2f(c, s), (turn & 1u) == 1u);
  let sign = vec2f(select(1.0, -1.0, turn >= 2u), select(1.0, -1.0, turn == 1u || turn == 2u));
  return select(pair * sign, vec2f(dl_nan()), dl_isinf(x) || dl_isnan(x));
}`,
  dl_tan: "fn dl_tan(x: f32) -> f32 { let both = dl_sincos(x); return both.x / both.y; }",
  dl_asin_half: `fn dl_asin_half(y: f32, z: f32) -> f32 {
  return y + y * z * (1.6666752422e-1 + z * (7.4953002686e-2 + z * (4.5470025998e-2
    + z * (2.4181311049e-2 + z * 4.2163199048e-2))));
}`,
  dl_asin: `fn dl_asin(x: f32) -> f32 {
  let a = abs(x);
  if (a > 1.0 || dl_isnan(x)) { return dl_nan(); }
  if (a <= 0.5) { return dl_asin_half(x, x * x); }
  let z = 0.5 * (1.0 - a);
  return dl_copysign(1.5707963267948966 - 2.0 * dl_asin_half(sqrt(z), z), x);
}`,
  dl_acos: `fn dl_acos(x: f32) -> f32 {
  let a = abs(x);
  if (a > 1.0 || dl_isnan(x)) { return dl_nan(); }
  if (a <= 0.5) { return 1.5707963267948966 - dl_asin_half(x, x * x); }
  let z = 0.5 * (1.0 - a);
  let angle = 2.0 * dl_asin_half(sqrt(z), z);
  return select(angle, 3.141592653589793 - angle, x < 0.0);
}`,
  dl_atan: `fn dl_atan(x: f32) -> f32 {
  var a = abs(x);
  var base = 0.0;
  if (a > 2.414213562373095) { base = 1.5707963267948966; a = -1.0 / a; }
  else if (a > 0.4142135623730950) { base = 0.7853981633974483; a = (a - 1.0) / (a + 1.0); }
  let z = a * a;
  let angle = base + (a + a * z * (-3.33329491539e-1 + z * (1.99777106478e-1
    + z * (-1.38776856032e-1 + z * 8.05374449538e-2))));
  return select(dl_copysign(angle, x), x, dl_isnan(x));
}`,
  dl_atan2: `fn dl_atan2(y: f32, x: f32) -> f32 {
  if (dl_isnan(x) || dl_isnan(y)) { return dl_nan(); }
  var ratio = abs(y) / abs(x);
  if (y == 0.0) { ratio = 0.0; }
  else if (dl_isinf(y) && dl_isinf(x)) { ratio = 1.0; }
  else if (x == 0.0) { ratio = dl_inf(); }
  let angle = dl_atan(ratio);
  return dl_copysign(select(angle, 3.141592653589793 - angle, dl_negative(x)), y);
}`,
  dl_hypot: `fn dl_hypot(x: f32, y: f32) -> f32 {
  let big = max(abs(x), abs(y));
  let small = min(abs(x), abs(y));
  if (dl_isinf(x) || dl_isinf(y)) { return dl_inf(); }
  if (dl_isnan(x) || dl_isnan(y)) { return dl_nan(); }
  let ratio = select(small / big, 0.0, big == 0.0);
  return big * sqrt(1.0 + ratio * ratio);
}`,
};
