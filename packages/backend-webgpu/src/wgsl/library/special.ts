/** The error function, the normal distribution and the gamma function's logarithm and derivatives. */
export const special: Readonly<Record<string, string>> = {
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
