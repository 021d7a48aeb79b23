// What a browser downloads, minified and brotlied. esbuild bundles for `browser`: an import of a Node module fails.
// Budgets rise only on purpose.
const budgets = [
  { name: "tensor + backend-cpu", path: "benchmarks/size/tensor-cpu.js", limit: "150 kB" },
  {
    name: "training: tensor, backend-cpu, autograd, nn, optim",
    path: "benchmarks/size/training.js",
    limit: "164 kB",
  },
  { name: "all packages, all exports", path: "benchmarks/size/everything.js", limit: "256 kB" },
];

const modifyEsbuildConfig = (config) => ({ ...config, format: "esm", platform: "browser", target: "es2022" });

export default budgets.map((budget) => ({ ...budget, modifyEsbuildConfig }));
