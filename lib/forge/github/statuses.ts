/**
 * Source: GitHub, REST reference, "Commit statuses".
 *
 * @module
 */
import * as z from "zod/mini";
import { type ForgeStatuses, statusOf } from "../statuses.ts";
import { restOf } from "./address.ts";

const statusSchema = z.lazy(() =>
  z.object({ context: z.string(), state: z.string(), description: z.nullish(z.string()) })
);

const pullSchema = z.lazy(() =>
  z.object({ number: z.int(), state: z.string(), html_url: z.string(), head: z.object({ sha: z.string() }) })
);

export const GITHUB_STATUSES: ForgeStatuses = {
  takesTexts: true,
  async read(client, { repository }, commit, name) {
    const path = `${restOf(client.api)}/repos/${repository}/commits/${commit}/statuses?per_page=100`;
    const list = await client.get("read the statuses of a commit", path, z.array(statusSchema));
    const status = list.find(({ context }) => context === name);
    return status === undefined ? null : statusOf(status.state, status.description, ["pending"]);
  },
  // The list contains all pull requests that contain the commit. Source: GitHub, REST reference, "List pull requests associated with a commit".
  async sharers(client, { repository, number }, commit) {
    const path = `${restOf(client.api)}/repos/${repository}/commits/${commit}/pulls?per_page=100`;
    const pulls = await client.getShown("read the pull requests of a commit", path, z.array(pullSchema));
    return pulls?.filter((pull) => pull.number !== number && pull.state === "open" && pull.head.sha === commit)
      .map(({ html_url: url }) => url);
  },
  async set(client, { repository }, commit, { name, state, text, url }) {
    await client.send("set a commit status", `${restOf(client.api)}/repos/${repository}/statuses/${commit}`, {
      body: { state, context: name, description: text, target_url: url },
    });
  },
};
