/**
 * Source: GitLab, "Commits API", "List the statuses of a commit", "Set commit pipeline status".
 *
 * @module
 */
import * as z from "zod/mini";
import { type ForgeStatuses, statusOf } from "../statuses.ts";
import { pathOf, pipelineSchema } from "./pulls.ts";

const statusSchema = z.lazy(() =>
  z.object({ name: z.string(), status: z.string(), description: z.nullish(z.string()) })
);
const headSchema = z.lazy(() => z.object({ head_pipeline: z.nullish(pipelineSchema) }));

const requestSchema = z.lazy(() =>
  z.object({ iid: z.int(), state: z.string(), web_url: z.string(), sha: z.nullish(z.string()) })
);

const projectOf = (repository: string) => `/projects/${encodeURIComponent(repository)}`;

export const GITLAB_STATUSES: ForgeStatuses = {
  // GitLab rejects new text for an existing state: "Cannot transition status via :enqueue from :pending" (gitlab-org/gitlab-foss issue 25807).
  takesTexts: false,
  async read(client, { repository }, commit, name) {
    const query = new URLSearchParams({ name, per_page: "100" });
    const path = `${projectOf(repository)}/repository/commits/${commit}/statuses?${query}`;
    const list = await client.get("read the statuses of a commit", path, z.array(statusSchema));
    const status = list.findLast((each) => each.name === name);
    return status === undefined ? null : statusOf(status.status, status.description, ["pending", "running"]);
  },
  // The list contains all merge requests that contain the commit. Source: GitLab, "Commits API", "List all merge requests associated with a commit".
  async sharers(client, { repository, number }, commit) {
    const path = `${projectOf(repository)}/repository/commits/${commit}/merge_requests?per_page=100`;
    const requests = await client.getShown("read the merge requests of a commit", path, z.array(requestSchema));
    return requests?.filter(({ iid, state, sha }) => iid !== number && state === "opened" && sha === commit)
      .map(({ web_url: url }) => url);
  },
  async set(client, address, commit, { name, state, text, url }) {
    // Without the id of the pipeline, the status would get its own pipeline, and the merge request would not wait for the status.
    const { head_pipeline: head } = await client.get(
      "read the pipeline of a merge request",
      pathOf(address),
      headSchema,
    );
    const project = head?.project_id ? `/projects/${head.project_id}` : projectOf(address.repository);
    const pipeline = head ? { pipeline_id: head.id } : {};
    await client.send("set a commit status", `${project}/statuses/${commit}`, {
      body: { state, name, description: text, target_url: url, ...pipeline },
    });
  },
};
