import * as z from "zod/mini";
import { MogplexError } from "../../errors.ts";
import { isOwnCheck } from "../checks.ts";
import {
  type FailedCheck,
  type Findings,
  type FindingsOf,
  lastLinesOf,
  MAX_READ_CHECKS,
  NO_FINDINGS,
  placeOf,
  type Remark,
} from "../findings.ts";
import type { ForgeClient } from "../client.ts";
import type { PullRequestAddress } from "../model.ts";

const user = z.lazy(() => z.object({ id: z.int(), username: z.string() }));
// Source: GitLab, "Merge requests API", https://docs.gitlab.com/api/merge_requests/
const requestSchema = z.lazy(() =>
  z.object({
    head_pipeline: z.nullish(
      z.object({ id: z.int(), project_id: z.nullish(z.int()), web_url: z.nullish(z.string()) }),
    ),
  })
);
// Source: GitLab, "Jobs API", https://docs.gitlab.com/api/jobs/
const jobSchema = z.lazy(() =>
  z.object({
    id: z.int(),
    name: z.string(),
    web_url: z.nullish(z.string()),
    allow_failure: z.nullish(z.boolean()),
    failure_reason: z.nullish(z.string()),
  })
);
// Source: GitLab, "Discussions API", https://docs.gitlab.com/api/discussions/
export const positionSchema = z.lazy(() =>
  z.nullish(z.object({
    new_path: z.nullish(z.string()),
    old_path: z.nullish(z.string()),
    new_line: z.nullish(z.int()),
    old_line: z.nullish(z.int()),
  }))
);
const noteSchema = z.lazy(() =>
  z.object({
    body: z.string(),
    author: user,
    system: z.boolean(),
    created_at: z.string(),
    resolvable: z.nullish(z.boolean()),
    resolved: z.nullish(z.boolean()),
    internal: z.nullish(z.boolean()),
    imported: z.nullish(z.boolean()),
    position: positionSchema,
  })
);
type Note = z.output<typeof noteSchema>;
const discussionSchema = z.lazy(() => z.object({ notes: z.array(noteSchema) }));
const reviewerSchema = z.lazy(() => z.object({ user, state: z.string() }));
// Source: GitLab, "Project members API", https://docs.gitlab.com/api/project_members/
export const memberSchema = z.lazy(() => z.object({ id: z.int(), state: z.string(), access_level: z.int() }));

/** The Developer role. Source: GitLab, "Project members API", roles. */
const MAY_PUSH = 30;
const PAGE = 100;
const MAX_USERS = 10;

export function isPusher(member: z.output<typeof memberSchema> | null | undefined, id: number): boolean {
  return member?.id === id && member.state === "active" && member.access_level >= MAY_PUSH;
}

export async function gitlabFindings(
  client: ForgeClient,
  address: PullRequestAddress,
  of: FindingsOf,
): Promise<Findings> {
  return of === "checks" ? await checksOf(client, address) : await reviewOf(client, address);
}

const pathOf = ({ repository, number }: PullRequestAddress) =>
  `/projects/${encodeURIComponent(repository)}/merge_requests/${number}`;

async function checksOf(client: ForgeClient, address: PullRequestAddress): Promise<Findings> {
  const { url, repository } = address;
  const what = `read the failed jobs of merge request ${url}`;
  const { head_pipeline: pipeline } = await client.get(what, pathOf(address), requestSchema);
  if (!pipeline) return NO_FINDINGS;
  const project = `/projects/${pipeline.project_id ?? encodeURIComponent(repository)}`;
  const query = `scope%5B%5D=failed&per_page=${PAGE}`;
  const jobs = await client.getShown(what, `${project}/pipelines/${pipeline.id}/jobs?${query}`, z.array(jobSchema));
  const failed = (jobs ?? []).filter(({ name, allow_failure: isAllowed }) => isAllowed !== true && !isOwnCheck(name));
  const checks: FailedCheck[] = [];
  for (const [index, { id, name, web_url: page, failure_reason: reason }] of failed.entries()) {
    const log = index < MAX_READ_CHECKS ? await logOf(client, `${project}/jobs/${id}/trace`, name) : "";
    checks.push({ name, url: page ?? null, text: log === "" ? reason ?? "" : log });
  }
  // A job of a child pipeline failed, or a job was cancelled.
  if (checks.length === 0) checks.push({ name: "pipeline", url: pipeline.web_url ?? null, text: "" });
  return { ...NO_FINDINGS, checks };
}

async function logOf(client: ForgeClient, path: string, name: string): Promise<string> {
  try {
    return lastLinesOf(await client.getText(`read the log of job ${JSON.stringify(name)}`, path));
  } catch (error) {
    if (error instanceof MogplexError) return "";
    throw error;
  }
}

async function reviewOf(client: ForgeClient, address: PullRequestAddress): Promise<Findings> {
  const what = `read the open threads of merge request ${address.url}`;
  const path = pathOf(address);
  const discussions = await client.getShown(
    what,
    `${path}/discussions?per_page=${PAGE}`,
    z.array(discussionSchema),
  );
  const all = (discussions ?? []).map(({ notes }) => notes.filter(({ system }) => !system));
  const open = all.filter((notes) =>
    notes.some(({ resolvable, resolved }) => resolvable === true && resolved !== true)
  );
  const notes = [...await wordsOfReviewers(client, address, all.flat()), ...open.flat()];
  const visibleNotes = notes.filter(({ imported, internal }) => imported !== true && internal !== true);
  const rights = await rightsOf(client, address, visibleNotes);
  const remarks = visibleNotes.map(({ author: { id, username }, body, position }): Remark => ({
    author: { id, name: username, isBot: null },
    mayPush: rights.get(id) === true,
    place: placeOf(position?.new_path ?? position?.old_path, position?.new_line ?? position?.old_line),
    text: body,
  }));
  return { ...NO_FINDINGS, remarks, leftOut: notes.length - visibleNotes.length };
}

/** The last comment of each reviewer who requests changes, unless the comment is in a thread. The comment contains the text of the review. */
async function wordsOfReviewers(client: ForgeClient, address: PullRequestAddress, notes: Note[]): Promise<Note[]> {
  const what = `read the reviewers of merge request ${address.url}`;
  const reviewers = await client.getShown(what, `${pathOf(address)}/reviewers`, z.array(reviewerSchema)) ?? [];
  return reviewers.filter(({ state }) => state === "requested_changes").flatMap(({ user: { id } }) => {
    const ownNotes = notes.filter(({ author, resolvable }) => author.id === id && resolvable !== true);
    return ownNotes.sort((a, b) => Date.parse(a.created_at) - Date.parse(b.created_at)).slice(-1);
  });
}

async function rightsOf(
  client: ForgeClient,
  { repository, url }: PullRequestAddress,
  notes: readonly Note[],
): Promise<ReadonlyMap<number, boolean>> {
  const rights = new Map<number, boolean>();
  for (const id of [...new Set(notes.map(({ author }) => author.id))].slice(0, MAX_USERS)) {
    const path = `/projects/${encodeURIComponent(repository)}/members/all/${id}`;
    const member = await client.getShown(`read a reviewer's permissions for ${url}`, path, memberSchema);
    rights.set(id, isPusher(member, id));
  }
  return rights;
}
