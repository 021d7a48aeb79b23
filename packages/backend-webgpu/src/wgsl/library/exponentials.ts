/** Exponentials, logarithms and hyperbolic functions. */
export const exponentials: Readonly<Record<string, string>> = {
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
};
