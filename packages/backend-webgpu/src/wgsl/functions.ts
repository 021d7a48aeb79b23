/**
 * Functions that WGSL lacks, or whose built-in twin is too imprecise (the language allows sin an absolute error of
 * 2^-11). Polynomials are those of Cephes' single precision. Compilers may assume that NaN does not exist: it is told by
 * its bits, and made of a variable since constant expressions must be finite.
 */
import { philox } from "./philox.ts";

const number: Readonly<Record<string, string>> = {
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

const trigonometry: Readonly<Record<string, string>> = {
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

const exponential: Readonly<Record<string, string>> = {
  // x times 2^n, by two factors since one cannot reach the ends of the range.
  dl_scale: `fn dl_scale(x: f32, n: i32) -> f32 {
  let near = clamp(n, -250, 250) / 2;
  let far = clamp(n, -250, 250) - near;
  return x * bitcast<f32>((near + 127) << 23u) * bitcast<f32>((far + 127) << 23u);
}`,
  dl_exp: `fn dl_exp(x: f32) -> f32 {
  let n = round(clamp(x, -110.0, 110.0) * 1.4426950408889634);
  let r = (clamp(x, -110.0, 110.0) - n * 0.693359375) + n * 2.12194440e-4;
  let p = 1.0 + r + r * r * (5.0000001201e-1 + r * (1.6666665459e-1 + r * (4.1665795894e-2
    + r * (8.3334519073e-3 + r * (1.3981999507e-3 + r * 1.9875691500e-4)))));
  return select(dl_scale(p, i32(n)), x, dl_isnan(x));
}`,
  dl_exp2: `fn dl_exp2(x: f32) -> f32 {
  let n = round(clamp(x, -160.0, 160.0));
  return select(dl_scale(exp2(clamp(x, -160.0, 160.0) - n), i32(n)), x, dl_isnan(x));
}`,
  dl_expm1: `fn dl_expm1(x: f32) -> f32 {
  let series = x + x * x * (0.5 + x * (1.6666667e-1 + x * (4.1666668e-2 + x * (8.333334e-3
    + x * (1.3888889e-3 + x * (1.984127e-4 + x * 2.4801588e-5))))));
  return select(dl_exp(x) - 1.0, series, abs(x) < 0.5);
}`,
  dl_log1p: `fn dl_log1p(x: f32) -> f32 {
  let s = x / (2.0 + x);
  let z = s * s;
  let series = 2.0 * s * (1.0 + z * (3.3333334e-1 + z * (0.2 + z * (1.4285715e-1 + z * (1.1111111e-1
    + z * (9.0909094e-2 + z * (7.692308e-2 + z * 6.6666670e-2)))))));
  return select(dl_loge(1.0 + x), series, abs(x) <= 0.5);
}`,
  // The built-in may answer anything outside its domain.
  dl_loge: `fn dl_loge(x: f32) -> f32 {
  let special = select(select(dl_nan(), x, x > 0.0 || dl_isnan(x)), -dl_inf(), x == 0.0);
  return select(special, log(x), x > 0.0 && !dl_isinf(x));
}`,
  dl_log: "fn dl_log(x: f32) -> f32 { return select(dl_loge(x), dl_log1p(x - 1.0), abs(x - 1.0) <= 0.5); }",
  dl_sinh: `fn dl_sinh(x: f32) -> f32 {
  let z = x * x;
  let series = x + x * z * (1.66667160211e-1 + z * (8.33028376239e-3 + z * 2.03721912945e-4));
  let e = dl_exp(min(abs(x), 12.0));
  let far = select(0.5 * (e - 1.0 / e), dl_halfexp(abs(x)), !(abs(x) < 12.0));
  return select(dl_copysign(far, x), series, abs(x) < 1.0);
}`,
  dl_cosh: `fn dl_cosh(x: f32) -> f32 {
  let e = dl_exp(min(abs(x), 12.0));
  return select(0.5 * (e + 1.0 / e), dl_halfexp(abs(x)), !(abs(x) < 12.0));
}`,
  // e^x / 2 for x ≥ 12, also where e^x has no float32. A product of two roots is no way: drivers may regroup it.
  dl_halfexp: "fn dl_halfexp(x: f32) -> f32 { return dl_exp(x - 6.0) * 201.7143967463676; }",
  dl_tanh: `fn dl_tanh(x: f32) -> f32 {
  let z = x * x;
  let series = x + x * z * (-3.33332819422e-1 + z * (1.33314422036e-1 + z * (-5.37397155531e-2
    + z * (2.06390887954e-2 - z * 5.70498872745e-3))));
  let far = dl_copysign(1.0 - 2.0 / (dl_exp(2.0 * min(abs(x), 20.0)) + 1.0), x);
  return select(select(far, series, abs(x) < 0.625), x, dl_isnan(x));
}`,
  dl_asinh: `fn dl_asinh(x: f32) -> f32 {
  let a = abs(x);
  let z = x * x;
  let series = x + x * z * (-1.6666288134e-1 + z * (7.4847586088e-2 + z * (-4.2699340972e-2 + z * 2.0122003309e-2)));
  let far = select(dl_log(a + sqrt(z + 1.0)), dl_log(a) + 0.6931471805599453, a > 1e9);
  return select(dl_copysign(far, x), series, a < 0.5);
}`,
  dl_acosh: `fn dl_acosh(x: f32) -> f32 {
  let z = x - 1.0;
  let series = sqrt(max(z, 0.0)) * (1.4142135263 + z * (-1.1784741703e-1 + z * (2.6454905019e-2
    + z * (-7.5272886713e-3 + z * 1.7596881071e-3))));
  let far = select(dl_log(x + sqrt(max(z, 0.0) * (x + 1.0))), dl_log(x) + 0.6931471805599453, x > 1e9);
  return select(select(far, series, z < 0.5), dl_nan(), x < 1.0 || dl_isnan(x));
}`,
  dl_atanh: `fn dl_atanh(x: f32) -> f32 {
  let a = abs(x);
  if (a > 1.0 || dl_isnan(x)) { return dl_nan(); }
  if (a == 1.0) { return dl_copysign(dl_inf(), x); }
  return dl_copysign(0.5 * dl_log1p(2.0 * a / (1.0 - a)), x);
}`,
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

const integer: Readonly<Record<string, string>> = {
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

const special: Readonly<Record<string, string>> = {
  dl_erf: `fn dl_erf(x: f32) -> f32 {
  let z = x * x;
  let series = x * (1.128379165726710 + z * (-3.761262582423300e-1 + z * (1.128358514861418e-1
    + z * (-2.685381193529856e-2 + z * (5.188327685732524e-3 + z * (-8.010193625184903e-4 + z * 7.853861353153693e-5))))));
  return select(dl_copysign(1.0 - dl_erfc_far(abs(x)), x), series, abs(x) <= 1.0 || dl_isnan(x));
}`,
  dl_erfc: `fn dl_erfc(x: f32) -> f32 {
  let tail = dl_erfc_far(abs(x));
  return select(select(tail, 2.0 - tail, x < 0.0), 1.0 - dl_erf(x), abs(x) <= 1.0 || dl_isnan(x));
}`,
  dl_erfc_far: `fn dl_erfc_far(a: f32) -> f32 {
  let q = 1.0 / a;
  let y = q * q;
  var p = 5.638259427386472e-1 + y * (-2.741127028184656e-1 + y * (3.404879937665872e-1 + y * (-4.944515323274145e-1
    + y * (6.210004621745983e-1 + y * (-5.824733027278666e-1 + y * (3.687424674597105e-1
    + y * (-1.387039388740657e-1 + y * 2.326819970068386e-2)))))));
  if (a >= 2.0) {
    p = 5.641895067754075e-1 + y * (-2.820767439740514e-1 + y * (4.218463358204948e-1 + y * (-1.015265279202700
      + y * (2.921019019210786 + y * (-7.495518717768503 + y * (12.97719955372516 - y * 10.47766399936249))))));
  }
  return select(dl_exp(-a * a) * q * p, 0.0, a > 11.0);
}`,
  // Giles' approximation in single precision.
  dl_erfinv: `fn dl_erfinv(x: f32) -> f32 {
  let a = abs(x);
  if (a > 1.0 || dl_isnan(x)) { return dl_nan(); }
  if (a == 1.0) { return dl_copysign(dl_inf(), x); }
  let w = -dl_log1p(-x * x);
  let near = w - 2.5;
  let far = sqrt(max(w, 0.0)) - 3.0;
  let p = 1.50140941 + near * (0.246640727 + near * (-0.00417768164 + near * (-0.00125372503 + near * (0.00021858087
    + near * (-4.39150654e-6 + near * (-3.5233877e-6 + near * (3.43273939e-7 + near * 2.81022636e-8)))))));
  let q = 2.83297682 + far * (1.00167406 + far * (0.00943887047 + far * (-0.0076224613 + far * (0.00573950773
    + far * (-0.00367342844 + far * (0.00134934322 + far * (0.000100950558 - far * 0.000200214257)))))));
  return x * select(q, p, w < 5.0);
}`,
  dl_ndtr: "fn dl_ndtr(x: f32) -> f32 { return 0.5 * dl_erfc(-x * 0.7071067811865476); }",
  dl_bell: "fn dl_bell(x: f32) -> f32 { return dl_exp(-0.5 * x * x) * 0.3989422804014327; }",
  // In the tail Newton's steps on logarithms, from where the density is about p.
  dl_ndtri: `fn dl_ndtri(p: f32) -> f32 {
  let t = min(p, 1.0 - p);
  if (!(t > 0.0 && t < 0.01)) { return select(1.4142135623730951 * dl_erfinv(2.0 * p - 1.0), dl_nan(), t < 0.0); }
  var x = sqrt(-2.0 * dl_log(t));
  x -= (dl_log(x) + 0.9189385332046727) / x;
  for (var i = 0; i < 3; i++) { x += dl_log(dl_ndtr(-x) / t) * dl_ndtr(-x) / dl_bell(x); }
  return dl_copysign(x, p - 0.5);
}`,
  dl_gelu: "fn dl_gelu(x: f32) -> f32 { return x * dl_ndtr(x); }",
  dl_gelu_slope: "fn dl_gelu_slope(x: f32) -> f32 { return dl_ndtr(x) + x * dl_bell(x); }",
  // sin(πx) by the distance to the nearest whole number: exact where it matters.
  dl_sinpi: `fn dl_sinpi(x: f32) -> f32 {
  let near = round(x);
  let value = dl_sincos(3.141592653589793 * (x - near)).x;
  return select(value, -value, fract(0.5 * near) != 0.0);
}`,
  // Stirling's series above 8, reached by the recurrence; reflection below zero.
  dl_lgamma: `fn dl_lgamma(v: f32) -> f32 {
  if (dl_isnan(v)) { return v; }
  if (dl_isinf(v) || (v <= 0.0 && v == floor(v))) { return dl_inf(); }
  var x = select(v, 1.0 - v, v < 0.5);
  var product = 1.0;
  while (x < 8.0) { product *= x; x += 1.0; }
  let z = 1.0 / (x * x);
  let sum = (x - 0.5) * log(x) - x + 0.9189385332046727 - log(product)
    + (8.3333336e-2 + z * (-2.7777778e-3 + z * 7.936508e-4)) / x;
  return select(sum, log(3.141592653589793 / abs(dl_sinpi(v))) - sum, v < 0.5);
}`,
  dl_digamma: `fn dl_digamma(v: f32) -> f32 {
  if (dl_isnan(v) || v == 0.0) { return select(v, dl_copysign(dl_inf(), -v), v == 0.0); }
  if (v < 0.0 && (v == floor(v) || dl_isinf(v))) { return dl_nan(); }
  if (dl_isinf(v)) { return v; }
  var x = select(v, 1.0 - v, v < 0.0);
  var sum = 0.0;
  if (v < 0.0) { sum = -3.141592653589793 / dl_tan(3.141592653589793 * (v - round(v))); }
  while (x < 8.0) { sum -= 1.0 / x; x += 1.0; }
  let z = 1.0 / (x * x);
  return sum + log(x) - 0.5 / x - z * (8.3333336e-2 - z * (8.333334e-3 - z * 3.968254e-3));
}`,
  dl_trigamma: `fn dl_trigamma(v: f32) -> f32 {
  if (dl_isnan(v)) { return v; }
  if (v <= 0.0 && v == floor(v)) { return dl_inf(); }
  var x = select(v, 1.0 - v, v < 0.5);
  var sum = 0.0;
  while (x < 8.0) { sum += 1.0 / (x * x); x += 1.0; }
  let z = 1.0 / (x * x);
  sum += (1.0 + 0.5 / x + z * (1.6666667e-1 - z * (3.3333335e-2 - z * 2.3809524e-2))) / x;
  let sine = dl_sinpi(v);
  return select(sum, 9.869604401089358 / (sine * sine) - sum, v < 0.5);
}`,
};

const functions: Readonly<Record<string, string>> = {
  ...number,
  ...trigonometry,
  ...exponential,
  ...integer,
  ...special,
  ...philox,
};

/** The source with the functions that it calls, and that they call. */
export function withFunctions(source: string): string {
  const used = new Set<string>();
  const search = (text: string): void => {
    for (const [name] of text.matchAll(/\bdl_\w+/g)) {
      const found = functions[name];
      if (found && !used.has(name)) {
        used.add(name);
        search(found);
      }
    }
  };
  search(source);
  return [...used].map((name) => `${functions[name]}\n`).join("") + source;
}
