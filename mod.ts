/**
 * Starts, follows and reports hosted Mogplex agent runs from CI.
 *
 * {@linkcode run} returns when the service reports `success`, and throws an error with an exit code otherwise. Importing this module has no
 * effect. When run as a program, the module is the command `mogplex-ci`.
 *
 * @example Run an agent, write a summary, exit with the verdict
 * ```ts
 * import { main, report, run } from "@mogplex/ci";
 *
 * const work = () =>
 *   main(async ({ signal }) => {
 *     const request = { repo: "acme/web", prompt: "Fix the flaky tests" };
 *     const result = await run(request, { signal, cancelOn: ["abort"], throwOnFailure: false });
 *     await report(result, [{ format: "markdown", path: "summary.md" }]);
 *     return result;
 *   });
 * console.log(typeof work);
 * ```
 *
 * @module
 */
import { isMain } from "./lib/runtime.ts";

export * from "./lib/library/exports.ts";

// Run the command only if the runtime was started with this file. Do not use a literal path: a bundler would include the whole command in each script
// that imports the library.
if (isMain(import.meta, "mod.ts")) {
  void import(new URL("./lib/cli/main.ts", import.meta.url).href).then(({ runProgram }) => runProgram());
}
