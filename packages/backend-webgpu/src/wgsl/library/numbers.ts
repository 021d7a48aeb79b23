/**
 * What a float32 is, its rounding to 16 bits, and the larger of two. Compilers may assume that NaN does not exist: it is
 * told by its bits, and made of a variable since constant expressions must be finite.
 */
export const numbers: Readonly<Record<string, string>> = {
  dl_nan: "fn dl_nan() -> f32 { var bits = 0x7fc00000u; return bitcast<f32>(bits); }",
  dl_inf: "fn dl_inf() -> f32 { var bits = 0x7f800000u; return bitcast<f32>(bits); }",
  dl_isnan: "fn dl_isnan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }",
  dl_isinf: "fn dl_isinf(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }",
  dl_negative: "fn dl_negative(x: f32) -> bool { return (bitcast<u32>(x) >> 31u) != 0u; }",
  dl_copysign: `fn dl_copysign(x: f32, y: f32) -> f32 {
  return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(y) & 0x80000000u));
}`,
  dl_half: `fn dl_half(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  var rounded = (size + 0xfffu + ((size >> 13u) & 1u)) & 0xffffe000u;
  if (size >= 0x7f800000u) { rounded = size; }
  else if (size >= 0x477ff000u) { rounded = 0x7f800000u; }
  else if (size < 0x38800000u) { rounded = bitcast<u32>(round(abs(x) * 16777216.0) * 5.9604644775390625e-8); }
  return bitcast<f32>(rounded | (bits & 0x80000000u));
}`,
  dl_brain: `fn dl_brain(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let rounded = (bits + 0x7fffu + ((bits >> 16u) & 1u)) & 0xffff0000u;
  return bitcast<f32>(select(rounded, bits, (bits & 0x7fffffffu) > 0x7f800000u));
}`,
  dl_max: `fn dl_max(a: f32, b: f32) -> f32 {
  return select(select(max(a, b), b, dl_isnan(b)), a, dl_isnan(a));
}`,
  dl_min: `fn dl_min(a: f32, b: f32) -> f32 {
  return select(select(min(a, b), b, dl_isnan(b)), a, dl_isnan(a));
}`,
  dl_fmax: `fn dl_fmax(a: f32, b: f32) -> f32 {
  return select(select(max(a, b), a, dl_isnan(b)), b, dl_isnan(a));
}`,
  dl_fmin: `fn dl_fmin(a: f32, b: f32) -> f32 {
  return select(select(min(a, b), a, dl_isnan(b)), b, dl_isnan(a));
}`,
};
