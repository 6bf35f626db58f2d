/**
 * The text of the worker that checks results: the validator of `lib/result/validator.ts` and the package that it imports, as one script. The text is
 * in a module because `mod.ts` runs from source on three runtimes, and each program is one file.
 *
 * @module
 */
import { buildSync } from "esbuild";
import { root } from "../setup.mjs";

export function validatorSource(): string {
  const { outputFiles: [file] } = buildSync({
    absWorkingDir: root,
    entryPoints: ["lib/result/validator.ts"],
    bundle: true,
    write: false,
    minify: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    charset: "ascii",
    legalComments: "none",
  });
  return `// deno-fmt-ignore-file
/**
 * The script of the worker that checks results, made of \`validator.ts\` and @cfworker/json-schema. Written by \`npm run docs\`.
 *
 * @module
 */

/** Script of the worker. */
export const VALIDATOR: string = ${JSON.stringify(file?.text.trim())};
`;
}
