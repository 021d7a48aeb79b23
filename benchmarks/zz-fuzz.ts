// @ts-nocheck
import "@dl/autograd"; import { setNumThreads } from "@dl/backend-cpu"; import * as T from "@dl/tensor"; import { readFileSync } from "node:fs";
const [,, base, th="2"] = process.argv; setNumThreads(+th); T.setTypePromotion(true);
const bin=readFileSync(base+".bin"); const buf=bin.buffer.slice(bin.byteOffset,bin.byteOffset+bin.length);
const A={float32:Float32Array,float64:Float64Array,bfloat16:Uint16Array,float16:Uint16Array,int64:BigInt64Array,int32:Int32Array,int16:Int16Array,int8:Int8Array,uint8:Uint8Array,bool:Uint8Array};
const load=({at,n,shape,dtype})=>{ const a=new A[dtype](buf,at,n); return T.fromArray(a.slice(),shape,{dtype}); };
const camel=n=>n.replace(/(?<=[^_])_([a-z0-9])/g,(_,l)=>l.toUpperCase());
const lay=(x,st)=>{ for(const [k,...a] of st){ if(k==="transpose") x=x.transpose(a[0],a[1]); else if(k==="step") x=x.at(...Array(a[0]).fill([null,null]).map(()=>[null,null]),[null,null,a[1]]); else if(k==="narrow") x=x.narrow(...a); else if(k==="expand"){ const s=x.shape; x=x.unsqueeze(a[0]).expand([...s.slice(0,a[0]),a[1],...s.slice(a[0])]);} } return x; };
const tolOf={float32:[2e-5,1e-6],float64:[1e-11,1e-13],bfloat16:[1.6e-2,1e-3],float16:[2e-3,1e-4]};
let bad=0,thrown=new Map(),n=0;
for (const line of readFileSync(base+".jsonl","utf8").trim().split("\n")) { const c=JSON.parse(line); n++;
 let out;
 try { T.scope(()=>T.noGrad(()=>{ const ins=c.ins.map(i=>lay(load(i),i.layout)); let x=ins[0];
  for (const [k,...a] of c.steps) {
   const nm=camel(String(a[0]));
   if(k==="u") x=(T[nm]??((y)=>y[nm]()))(x); else if(k==="n") x=x[nm](a[1]); else if(k==="b") x=T[nm](x,ins[a[1]]);
   else if(k==="r") x=a[0]==="var"||a[0]==="std"? x[nm](a[1],{keepdim:a[2]}): x[nm](a[1],{keepdim:a[2]}); else if(k==="r1") x=x[nm](a[1],{keepdim:a[2]}); else if(k==="d") x=x[nm](a[1]);
   else if(k==="v") x=Object.values(x[nm](a[1]))[0]; else if(k==="topk") x=x.topk(a[0],a[1])[0]; else if(k==="flip") x=x.flip(a[0]); else if(k==="roll") x=x.roll(a[0],a[1]); else if(k==="diff") x=T.diff(x,1,a[0]);
   else if(k==="isel") x=x.indexSelect(a[0],ins[a[1]]); else if(k==="gather") x=x.gather(a[0],ins[a[1]]); else if(k==="mfill") x=x.maskedFill(ins[a[0]],a[1]); else if(k==="where") x=T.where(ins[a[0]],x,ins[a[1]]);
   else if(k==="clamp") x=x.clamp(a[0],a[1]); else if(k==="cat") x=T.cat([x,ins[a[0]],x],a[1]); else if(k==="sadd") x=x.scatterAdd(a[0],ins[a[1]],ins[a[2]]); else if(k==="lerp") x=T.lerp(x,ins[a[0]],a[1]); else if(k==="unique") x=T.unique(x); else if(k==="ntn") x=x.nanToNum(0); else if(k==="cast") x=x.to(a[0]); else throw new Error("step "+k);
  }
  out={dtype:x.dtype,shape:[...x.shape],v:x.contiguous().to(x.dtype==="bfloat16"||x.dtype==="float16"?"float32":x.dtype).flatten().tolist()}; })); }
 catch(e){ const m=String(e.message??e).slice(0,90); const key=c.steps.map(s=>s.slice(0,2).filter(z=>typeof z==="string").join(":")).join(",")+" "+c.ins[0].dtype; if(!thrown.has(m)) thrown.set(m,[0,key,c.steps]); thrown.get(m)[0]++; continue; }
 const want=T.scope(()=>({dtype:c.out.dtype,shape:c.out.shape,v:load(c.out).to(c.out.dtype==="bfloat16"||c.out.dtype==="float16"?"float32":c.out.dtype).flatten().tolist()}));
 let why="";
 if(out.dtype!==want.dtype) why=`dtype ${out.dtype} for ${want.dtype}`; else if(JSON.stringify(out.shape)!==JSON.stringify(want.shape)) why=`shape ${out.shape} for ${want.shape}`;
 else { const tol=tolOf[want.dtype]; let miss=0,first=-1,scale=1; if(tol){ scale=0; for(const w of want.v) if(Number.isFinite(w)) scale=Math.max(scale,Math.abs(w)); }
  for(let i=0;i<want.v.length;i++){ const a=out.v[i],b=want.v[i]; let ok= a===b || (Number.isNaN(a)&&Number.isNaN(b)); if(!ok&&tol) ok=Math.abs(a-b)<=tol[0]*Math.abs(b)+tol[1]*Math.max(scale*.1,1e-3); if(!ok){miss++; if(first<0) first=i;} }
  if(miss) why=`${miss} of ${want.v.length}, first at ${first}: ${out.v[first]} for ${want.v[first]}`; }
 if(why){ bad++; console.log(n, JSON.stringify(c.steps), c.ins.map(i=>i.dtype+JSON.stringify(i.shape)+(i.layout.length?JSON.stringify(i.layout):"")).join(" "), "->", why); }
}
console.log(n,"cases",bad,"bad"); for(const [m,[k,s,st]] of thrown) console.log("thrown",k,m,"|",s);
process.exit(0);
