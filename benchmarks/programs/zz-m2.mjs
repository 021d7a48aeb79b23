import "@dl/backend-cpu"; import * as T from "@dl/tensor";
const med=(f)=>{for(let i=0;i<200;i++)T.scope(()=>{f()});const ts=[];for(let i=0;i<200;i++){const t0=performance.now();T.scope(()=>{const y=f();y.flatten().asStrided([1],[1]).item()});ts.push(performance.now()-t0)}ts.sort((a,b)=>a-b);return ts[100].toFixed(3)};
const w=T.rand([1000]), W=T.rand([256,1000]);
const s=w.cumsum(-1), S=W.cumsum(-1), d=T.rand([1000]), D=T.rand([256,1]);
console.log('multi',med(()=>w.multinomial(1000,true)),'amax',med(()=>w.amax(-1)),'cumsum',med(()=>w.cumsum(-1)),'rand',med(()=>T.rand([1000])),'search',med(()=>T.searchsorted(s,d,{right:true})),'amin', med(()=>w.amin()));
console.log('multi',med(()=>W.multinomial(1,true)),'amax',med(()=>W.amax(-1)),'cumsum',med(()=>W.cumsum(-1)),'search',med(()=>T.searchsorted(S,D,{right:true})),'amin', med(()=>W.amin()));
