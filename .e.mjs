import { build } from "esbuild";
import { gzipSync } from "node:zlib";
import { writeFileSync } from "node:fs";
for (
  const code of [
    "export {EXIT, exitCodeFor} from './dist/mod.mjs'",
    "export {follow} from './dist/mod.mjs'",
    "export {run} from './dist/mod.mjs'",
    "import './dist/mod.mjs'",
  ]
) {
  const r = await build({
    stdin: { contents: code, resolveDir: process.cwd() },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
    metafile: true,
  });
  const t = r.outputFiles[0].text;
  console.log(code, t.length);
  writeFileSync("/tmp/tree" + t.length + ".mjs", t);
  const r2 = await build({
    stdin: { contents: code, resolveDir: process.cwd() },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
  });
  writeFileSync("/tmp/tree" + t.length + ".readable.mjs", r2.outputFiles[0].text);
}
