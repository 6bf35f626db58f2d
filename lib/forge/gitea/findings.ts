/**
 * A user is treated as a user who can push if Gitea marks a review by this user as official.
 *
 * @module
 */
import * as z from "zod/mini";
import { isOwnCheck } from "../checks.ts";
import { type Findings, type FindingsOf, NO_FINDINGS, placeOf, type Remark } from "../findings.ts";
import type { ForgeClient } from "../client.ts";
import type { PullRequestAddress } from "../model.ts";
import { allPages, newestWords } from "./pulls.ts";
import { giteaTeams, hasTextEditors } from "./teams.ts";

// Source: Gitea, API reference, https://docs.gitea.com/api/1.24, `PullRequest`, `CombinedStatus`, `PullReview` and `PullReviewComment`.
const user = z.lazy(() => z.nullish(z.object({ id: z.int(), login: z.string() })));
const pullSchema = z.lazy(() => z.object({ head: z.object({ sha: z.string() }) }));
const statusSchema = z.lazy(() =>
  z.object({
    context: z.string(),
    status: z.string(),
    description: z.nullish(z.string()),
    target_url: z.nullish(z.string()),
  })
);
const combinedSchema = z.lazy(() => z.object({ statuses: z.nullish(z.array(statusSchema)) }));
const reviewSchema = z.lazy(() =>
  z.object({
    id: z.int(),
    state: z.string(),
    body: z.nullish(z.string()),
    official: z.nullish(z.boolean()),
    dismissed: z.nullish(z.boolean()),
    comments_count: z.nullish(z.int()),
    user,
    team: z.nullish(z.object({ id: z.int(), name: z.string() })),
  })
);
type Review = z.output<typeof reviewSchema>;
const commentSchema = z.lazy(() =>
  z.object({
    body: z.string(),
    path: z.nullish(z.string()),
    position: z.nullish(z.int()),
    original_position: z.nullish(z.int()),
    resolver: user,
    created_at: z.string(),
    updated_at: z.string(),
    user,
  })
);

const PAGE = 50;
const MAX_REVIEWS = 30;

export async function giteaFindings(
  client: ForgeClient,
  address: PullRequestAddress,
  of: FindingsOf,
): Promise<Findings> {
  return of === "checks" ? await checksOf(client, address) : await reviewOf(client, address);
}

async function checksOf(client: ForgeClient, { repository, number, url }: PullRequestAddress): Promise<Findings> {
  const what = `read the commit statuses of pull request ${url}`;
  const { head } = await client.get(what, `/repos/${repository}/pulls/${number}`, pullSchema);
  const path = `/repos/${repository}/commits/${encodeURIComponent(head.sha)}/status?limit=${PAGE}`;
  const combined = await client.getShown(what, path, combinedSchema);
  const failed = (combined?.statuses ?? []).filter(({ context, status }) =>
    (status === "failure" || status === "error") && !isOwnCheck(context)
  );
  const checks = failed.map(({ context, description, target_url: page }) => ({
    name: context,
    // The address of a status by Gitea's own actions has no host.
    url: page && URL.canParse(page, url) ? new URL(page, url).href : null,
    text: description ?? "",
  }));
  return { ...NO_FINDINGS, checks };
}

async function reviewOf(client: ForgeClient, { repository, number, url }: PullRequestAddress): Promise<Findings> {
  const what = `read the reviews of pull request ${url}`;
  const path = `/repos/${repository}/pulls/${number}/reviews`;
  const list = async <T extends z.core.$ZodType>(at: string, schema: T) =>
    await client.getShown(what, at, z.nullable(z.array(schema))) ?? [];
  const reviews = await allPages((query) => list(`${path}?${query}`, reviewSchema)) ?? [];
  const isDismissed = ({ dismissed }: Review) => dismissed === true;
  const official = reviews.filter((review) => review.official === true && !isDismissed(review));
  const members = new Set(official.map((review) => review.user?.id));
  const remark = (by: Review["user"], rest: Pick<Remark, "place" | "text">): Remark[] => {
    if (!by || rest.text.trim() === "") return [];
    const author = { id: by.id, name: by.login, isBot: by.id > 0 ? null : true };
    return [{ author, mayPush: members.has(by.id), ...rest }];
  };
  const wishes = newestWords(reviews).filter(({ state }) => state === "REQUEST_CHANGES");
  const remarks = wishes.flatMap((review) => remark(review.user, { place: null, text: review.body ?? "" }));
  // A new review dismisses earlier reviews by the same reviewer, but the comments on lines in these reviews stay open.
  const wants = new Set(wishes.map((review) => review.user?.id));
  const full = reviews.filter((review) =>
    review.comments_count !== 0 && (!isDismissed(review) || wants.has(review.user?.id))
  );
  // Anyone can write reviews. Many reviews must not hide the official reviews.
  const isOfMember = ({ user }: Review) => members.has(user?.id);
  const last = [...full.filter((review) => !isOfMember(review)), ...full.filter(isOfMember)].slice(-MAX_REVIEWS);
  let leftOut = 0;
  for (const { id } of full.filter((review) => last.includes(review))) {
    for (const comment of await list(`${path}/${id}/comments`, commentSchema)) {
      if (comment.resolver) continue;
      // Another user may have changed the comment, because everyone who may write to issues can edit comments.
      if (comment.updated_at !== comment.created_at) leftOut++;
      else {
        const line = comment.position || comment.original_position;
        remarks.push(...remark(comment.user, { place: placeOf(comment.path, line), text: comment.body }));
      }
    }
  }
  // `updated_at` does not show a change in the same second in which the comment was written.
  const isSure = remarks.length === 0 || !hasTextEditors(await giteaTeams(client, repository));
  return { ...NO_FINDINGS, remarks: isSure ? remarks : [], leftOut: isSure ? leftOut : leftOut + remarks.length };
}
