/**
 * One task for many repositories, in one process: plans a campaign, follows it to its end, prints a line for each change, and exits with
 * the code of the whole.
 *
 * ```sh
 * npm install --prefix . --no-save --ignore-scripts @mogplex/ci@0.1.0
 * node many_repositories.mjs campaign.yml
 * ```
 *
 * Set `MOGPLEX_API_KEY` in the CI system. The file says what to do and where: see docs/campaign-file.md. The directory `mogplex-campaign`
 * remembers what was done. Stop the script whenever you like: runs go on, and the next call goes on with them, on any machine that has the
 * directory. A long list takes hours or days, as the service allows 150 starts a day: see docs/campaigns.md for waves from a schedule.
 *
 * The exit code is 0 when every repository succeeded, 1 when some did not, 4 when only a person can go on, and 75 when the campaign goes on
 * without this process.
 */
// @ts-check
import process from "node:process";
import { createLogText, EXIT, exitCodeFor, InterruptedError, planCampaign, runCampaign, UsageError } from "@mogplex/ci";

const { line } = createLogText();
const stop = new AbortController();

/** @param {string} text */
function print(text) {
  process.stdout.write(`${line(text)}\n`);
}

/** @param {string[]} args */
async function main([path = "campaign.yml"]) {
  if (path.startsWith("-")) throw new UsageError("Cannot start campaign: usage: many_repositories.mjs FILE");
  const { view: plan, bound } = await planCampaign(path);
  print(`${plan.items.length} items, done ${plan.endsAt} at the earliest, because of: ${bound}`);
  const { counts, exitCode, state } = await runCampaign(path, {
    signal: stop.signal,
    onItem(each) {
      if (each.type === "item") print(`${each.item.verdict} ${each.item.repository} ${each.item.reason ?? ""}`);
    },
  });
  print(`${state}: ${counts.succeeded + counts.unchanged} of ${plan.items.length} succeeded`);
  return state === "done" ? exitCode : exitCode || EXIT.rateLimited;
}

/** @param {unknown} error */
function complain(error) {
  process.stderr.write(`error: ${line(error instanceof Error ? error.message : String(error))}\n`);
  return exitCodeFor(error);
}

// Never green by accident: if the script ends without a verdict, it exits 70.
process.exitCode = EXIT.internal;
process.stdout.on("error", () => {});
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.once(signal, () => stop.abort(new InterruptedError(signal)));
}
void main(process.argv.slice(2)).catch(complain).then((code) => process.exitCode = code);
