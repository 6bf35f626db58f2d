/**
 * The functions of all verbs of `campaign`, with everything that they need. Only `lib/cli/campaign/load.ts` imports this module, by
 * `import()`: in the built command it is a text until a campaign verb is called.
 *
 * @module
 */
export { advance } from "./advance.ts";
export { approve } from "./approve.ts";
export { check } from "./check.ts";
export { pipeline } from "./pipeline.ts";
export { commands } from "./commands.ts";
export { plan } from "./plan.ts";
export { report } from "./report.ts";
export { resume } from "./resume.ts";
export { retry } from "./retry.ts";
export { run } from "./run.ts";
export { skip } from "./skip.ts";
export { status } from "./status.ts";
export { stop } from "./stop.ts";
