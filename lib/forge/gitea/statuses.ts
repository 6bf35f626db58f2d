/**
 * Source: Gitea, API reference, `CommitStatus`, `CreateStatusOption`.
 *
 * @module
 */
import * as z from "zod/mini";
import { type ForgeStatuses, statusOf } from "../statuses.ts";
import { allPages, branchOf, isPattern } from "./pulls.ts";

const combinedSchema = z.lazy(() =>
  z.object({
    statuses: z.nullish(
      z.array(z.object({ context: z.string(), status: z.string(), description: z.nullish(z.string()) })),
    ),
  })
);

const pullSchema = z.lazy(() =>
  z.object({ number: z.int(), html_url: z.string(), head: z.object({ sha: z.string() }) })
);

/**
 * Whether a pattern may match a name. Only the text before the first and after the last special character is compared, so the result may be `true`
 * for a name that does not match.
 */
function mayMatch(pattern: string, name: string): boolean {
  const [before = ""] = pattern.split(/[*?[\]{}\\]/);
  const after = pattern.split(/[*?[\]{}\\]/).at(-1) ?? "";
  return name.startsWith(before) && name.endsWith(after);
}

export const GITEA_STATUSES: ForgeStatuses = {
  takesTexts: true,
  async read(client, { repository }, commit, name) {
    const path = `/repos/${repository}/commits/${commit}/status?limit=50`;
    const { statuses } = await client.get("read the statuses of a commit", path, combinedSchema);
    const status = (statuses ?? []).find(({ context }) => context === name);
    return status === undefined ? null : statusOf(status.status, status.description, ["pending"]);
  },
  // Gitea's list of the pull requests of a commit contains only a merged pull request.
  async sharers(client, { repository, number }, commit) {
    const what = "read the open pull requests";
    const pulls = await allPages(async (query) =>
      await client.getShown(what, `/repos/${repository}/pulls?state=open&${query}`, z.array(pullSchema))
    );
    return pulls?.filter((pull) => pull.number !== number && pull.head.sha === commit).map(({ html_url: url }) => url);
  },
  async set(client, { repository }, commit, { name, state, text, url }) {
    await client.send("set a commit status", `/repos/${repository}/statuses/${commit}`, {
      body: { state, context: name, description: text, target_url: url },
    });
  },
  async objection(client, address, base, name) {
    const target = await branchOf(client, address, base);
    if (target === undefined) return { why: "the rules of the pull request's target branch cannot be read" };
    // Our status alone would satisfy a rule for any check, such as `*`.
    const pattern = (target.status_check_contexts ?? []).find((each) => isPattern(each) && mayMatch(each, name));
    if (target.enable_status_check !== true || pattern === undefined) return null;
    return {
      why: `the pull request's target branch requires checks that match ${
        JSON.stringify(pattern)
      }, and this status would match`,
      advice: "require each check by its name",
    };
  },
};
