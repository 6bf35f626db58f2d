/**
 * One task in many repositories, in one process: plans a campaign, follows it to its end, prints a line for each change, and exits with the
 * campaign's code.
 *
 * ```sh
 * npm install --prefix . --no-save --ignore-scripts @mogplex/ci@0.0.0
 * node many_repositories.mjs campaign.yml
 * ```
 *
 * Set `MOGPLEX_API_KEY` in the CI system. The campaign file contains the task and the repositories: see docs/campaign-file.md. The directory
 * `mogplex-campaign` stores the progress. You can stop the script at any time: runs continue, and the next call continues the campaign, on
 * any machine that has the directory. A long list takes hours or days, because the service allows 150 starts a day: see docs/campaigns.md
 * for waves from a schedule.
 *
 * The exit code is 0 if every repository succeeded, 1 if some did not, 4 if a person must act, and 75 if the campaign is not done and can
 * continue. For other exit codes, see docs/campaigns.md.
 */
// @ts-check
import process from "node:process";
import { createMogplex, EXIT, main, UsageError } from "@mogplex/ci";
import { createCampaigns } from "@mogplex/ci/campaigns";

/** @param {import("@mogplex/ci").MainContext} context */
async function work({ signal, args: [path = "campaign.yml"], line }) {
  if (path.startsWith("-")) throw new UsageError("Cannot start campaign: usage: many_repositories.mjs FILE");
  /** @param {string} text */
  const print = (text) => process.stdout.write(`${line(text)}\n`);
  const campaign = createCampaigns(createMogplex()).of(path);
  const { view: plan, limitedBy } = await campaign.plan();
  print(`${plan.items.length} items, done ${plan.endsAt} at the earliest, because of: ${limitedBy}`);
  for await (const each of campaign.run({ signal })) {
    if (each.type === "item") print(`${each.item.verdict} ${each.item.repository} ${each.item.reason ?? ""}`);
    if (each.type !== "end") continue;
    const { counts, state } = each.result;
    print(`${state}: ${counts.succeeded + counts.unchanged} of ${plan.items.length} succeeded`);
    return each.exitCode;
  }
  return EXIT.internal;
}

void main(work);
