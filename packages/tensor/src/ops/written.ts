/**
 * ★ In-place forms of functions that have no kernel writing in place, a row each: what the function of that name gives is
 * written into the tensor. They throw where its shape or kind of dtype does not fit.
 */
import * as aliases from "./aliases.ts";
import { tril, triu } from "./diagonals.ts";
import { round } from "./elementwise.ts";
import { indexAdd, indexCopy, scatter, scatterAdd } from "./gathering.ts";
import { renorm } from "./norms.ts";
import { indexFill, indexPut, indexReduce, maskedScatter, put, scatterReduce } from "./placing.ts";
import * as pointwise from "./pointwise.ts";
import * as products from "./products.ts";
import { cumprod, cumsum } from "./reduce.ts";
import { written } from "./writing.ts";

/** {@link absolute}, in place. */
export const absolute_: typeof aliases.absolute = written(aliases.absolute);
/** {@link arccos}, in place. */
export const arccos_: typeof aliases.arccos = written(aliases.arccos);
/** {@link arccosh}, in place. */
export const arccosh_: typeof aliases.arccosh = written(aliases.arccosh);
/** {@link arcsin}, in place. */
export const arcsin_: typeof aliases.arcsin = written(aliases.arcsin);
/** {@link arcsinh}, in place. */
export const arcsinh_: typeof aliases.arcsinh = written(aliases.arcsinh);
/** {@link arctan}, in place. */
export const arctan_: typeof aliases.arctan = written(aliases.arctan);
/** {@link arctan2}, in place. */
export const arctan2_: typeof aliases.arctan2 = written(aliases.arctan2);
/** {@link arctanh}, in place. */
export const arctanh_: typeof aliases.arctanh = written(aliases.arctanh);
/** {@link clip}, in place. */
export const clip_: typeof aliases.clip = written(aliases.clip);
/** {@link divide}, in place. */
export const divide_: typeof aliases.divide = written(aliases.divide);
/** {@link fix}, in place. */
export const fix_: typeof aliases.fix = written(aliases.fix);
/** {@link greater}, in place. */
export const greater_: typeof aliases.greater = written(aliases.greater);
/** {@link greaterEqual}, in place. */
export const greaterEqual_: typeof aliases.greaterEqual = written(aliases.greaterEqual);
/** {@link less}, in place. */
export const less_: typeof aliases.less = written(aliases.less);
/** {@link lessEqual}, in place. */
export const lessEqual_: typeof aliases.lessEqual = written(aliases.lessEqual);
/** {@link multiply}, in place. */
export const multiply_: typeof aliases.multiply = written(aliases.multiply);
/** {@link negative}, in place. */
export const negative_: typeof aliases.negative = written(aliases.negative);
/** {@link notEqual}, in place. */
export const notEqual_: typeof aliases.notEqual = written(aliases.notEqual);
/** {@link subtract}, in place. */
export const subtract_: typeof aliases.subtract = written(aliases.subtract);
/** {@link trueDivide}, in place. */
export const trueDivide_: typeof aliases.trueDivide = written(aliases.trueDivide);
/** {@link addcdiv}, in place. */
export const addcdiv_: typeof pointwise.addcdiv = written(pointwise.addcdiv);
/** {@link addcmul}, in place. */
export const addcmul_: typeof pointwise.addcmul = written(pointwise.addcmul);
/** {@link clampMax}, in place. */
export const clampMax_: typeof pointwise.clampMax = written(pointwise.clampMax);
/** {@link clampMin}, in place. */
export const clampMin_: typeof pointwise.clampMin = written(pointwise.clampMin);
/** {@link deg2rad}, in place. */
export const deg2rad_: typeof pointwise.deg2rad = written(pointwise.deg2rad);
/** {@link floatPower}, in place. */
export const floatPower_: typeof pointwise.floatPower = written(pointwise.floatPower);
/** {@link frac}, in place. */
export const frac_: typeof pointwise.frac = written(pointwise.frac);
/** {@link heaviside}, in place. */
export const heaviside_: typeof pointwise.heaviside = written(pointwise.heaviside);
/** {@link lcm}, in place. */
export const lcm_: typeof pointwise.lcm = written(pointwise.lcm);
/** {@link ldexp}, in place. */
export const ldexp_: typeof pointwise.ldexp = written(pointwise.ldexp);
/** {@link lerp}, in place. */
export const lerp_: typeof pointwise.lerp = written(pointwise.lerp);
/** {@link logit}, in place. */
export const logit_: typeof pointwise.logit = written(pointwise.logit);
/** {@link nanToNum}, in place. */
export const nanToNum_: typeof pointwise.nanToNum = written(pointwise.nanToNum);
/** {@link rad2deg}, in place. */
export const rad2deg_: typeof pointwise.rad2deg = written(pointwise.rad2deg);
/** {@link sgn}, in place. */
export const sgn_: typeof pointwise.sgn = written(pointwise.sgn);
/** {@link sinc}, in place. */
export const sinc_: typeof pointwise.sinc = written(pointwise.sinc);
/** {@link xlogy}, in place. */
export const xlogy_: typeof pointwise.xlogy = written(pointwise.xlogy);
/** {@link addbmm}, in place. */
export const addbmm_: typeof products.addbmm = written(products.addbmm);
/** {@link addmm}, in place. */
export const addmm_: typeof products.addmm = written(products.addmm);
/** {@link addmv}, in place. */
export const addmv_: typeof products.addmv = written(products.addmv);
/** {@link addr}, in place. */
export const addr_: typeof products.addr = written(products.addr);
/** {@link baddbmm}, in place. */
export const baddbmm_: typeof products.baddbmm = written(products.baddbmm);
/** {@link cumprod}, in place. */
export const cumprod_: typeof cumprod = written(cumprod);
/** {@link cumsum}, in place. */
export const cumsum_: typeof cumsum = written(cumsum);
/** {@link indexAdd}, in place. */
export const indexAdd_: typeof indexAdd = written(indexAdd);
/** {@link indexCopy}, in place. */
export const indexCopy_: typeof indexCopy = written(indexCopy);
/** {@link indexFill}, in place. */
export const indexFill_: typeof indexFill = written(indexFill);
/** {@link indexPut}, in place. */
export const indexPut_: typeof indexPut = written(indexPut);
/** {@link indexReduce}, in place. */
export const indexReduce_: typeof indexReduce = written(indexReduce);
/** {@link maskedScatter}, in place. */
export const maskedScatter_: typeof maskedScatter = written(maskedScatter);
/** {@link put}, in place. */
export const put_: typeof put = written(put);
/** {@link renorm}, in place. */
export const renorm_: typeof renorm = written(renorm);
/** {@link round}, in place. */
export const round_: typeof round = written(round);
/** {@link scatter}, in place. */
export const scatter_: typeof scatter = written(scatter);
/** {@link scatterAdd}, in place. */
export const scatterAdd_: typeof scatterAdd = written(scatterAdd);
/** {@link scatterReduce}, in place. */
export const scatterReduce_: typeof scatterReduce = written(scatterReduce);
/** {@link tril}, in place. */
export const tril_: typeof tril = written(tril);
/** {@link triu}, in place. */
export const triu_: typeof triu = written(triu);
