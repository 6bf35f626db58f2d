/**
 * The logs of GitHub Actions are on another host, which must not receive the token, so the annotations of a check show what failed.
 *
 * @module
 */
import * as z from "zod/mini";
import { isOwnCheck } from "../checks.ts";
import { type Findings, type FindingsOf, NO_FINDINGS, placeOf, type Remark } from "../findings.ts";
import type { ForgeClient } from "../client.ts";
import type { PullRequestAddress } from "../model.ts";

const ACTOR = "__typename login ... on User { databaseId } ... on Bot { databaseId }";
// Source: GitHub, GraphQL reference, `CheckRun`, `CheckAnnotation`, `StatusContext`; https://docs.github.com/en/graphql/reference
const CHECKS = `commits(last: 1) { nodes { commit { statusCheckRollup { contexts(first: 100) { nodes { __typename
  ... on CheckRun { name conclusion detailsUrl title summary
    annotations(last: 20) { nodes { path message annotationLevel location { start { line } } } } }
  ... on StatusContext { context state description targetUrl }
} } } } } }`;
// Source: GitHub, GraphQL reference, `PullRequestReview`, `PullRequestReviewThread`, `PullRequestReviewComment`.
const REVIEW =
  `latestOpinionatedReviews(first: 20) { nodes { state body authorCanPushToRepository author { ${ACTOR} } } }
  reviewThreads(last: 100) { totalCount nodes { isResolved path line originalLine comments(first: 10) {
    nodes { body author { ${ACTOR} } pullRequestReview { authorCanPushToRepository } }
  } } }`;

const nodesOf = <T extends z.core.SomeType>(node: T) =>
  z.nullish(z.object({ nodes: z.nullish(z.array(z.nullable(node))) }));
const text = z.nullish(z.string());
const actor = z.lazy(() =>
  z.nullish(z.object({ __typename: z.string(), login: z.string(), databaseId: z.nullish(z.int()) }))
);
const annotationSchema = z.lazy(() =>
  z.object({
    path: text,
    message: text,
    annotationLevel: text,
    location: z.nullish(z.object({ start: z.nullish(z.object({ line: z.nullish(z.int()) })) })),
  })
);
const checkSchema = z.lazy(() =>
  z.object({
    ...{ name: text, conclusion: text, detailsUrl: text, title: text, summary: text },
    annotations: nodesOf(annotationSchema),
    ...{ context: text, state: text, description: text, targetUrl: text },
  })
);
const pullSchema = z.lazy(() =>
  z.object({
    commits: nodesOf(z.object({
      commit: z.nullish(z.object({ statusCheckRollup: z.nullish(z.object({ contexts: nodesOf(checkSchema) })) })),
    })),
    latestOpinionatedReviews: nodesOf(
      z.object({ state: text, body: text, authorCanPushToRepository: z.nullish(z.boolean()), author: actor }),
    ),
    reviewThreads: z.nullish(z.extend(nodesOfThread(), { totalCount: z.nullish(z.int()) })),
  })
);
const nodesOfThread = () =>
  z.object({
    nodes: z.nullish(z.array(z.nullable(z.object({
      isResolved: z.nullish(z.boolean()),
      path: text,
      line: z.nullish(z.int()),
      originalLine: z.nullish(z.int()),
      comments: nodesOf(z.object({
        body: text,
        author: actor,
        pullRequestReview: z.nullish(z.object({ authorCanPushToRepository: z.nullish(z.boolean()) })),
      })),
    })))),
  });
const answerSchema = z.lazy(() =>
  z.object({ data: z.object({ repository: z.nullish(z.object({ pullRequest: z.nullish(pullSchema) })) }) })
);
type Pull = z.output<typeof pullSchema>;
type Check = z.output<typeof checkSchema>;

const rowsOf = <T>(list: { nodes?: (T | null)[] | null | undefined } | null | undefined): T[] =>
  (list?.nodes ?? []).filter((node) => node !== null);

// Source: GitHub, GraphQL reference, enums `CheckConclusionState` and `StatusState`.
const FAILED = ["FAILURE", "TIMED_OUT", "STARTUP_FAILURE", "ACTION_REQUIRED", "CANCELLED", "ERROR"];

function saidBy({ title, summary, description, annotations }: Check): string {
  const lines = rowsOf(annotations).filter(({ annotationLevel: level }) => level === "FAILURE")
    .map(({ path, message, location }) => `${placeOf(path, location?.start?.line) ?? ""}: ${message ?? ""}`);
  return [title, summary, description, ...lines].filter((part) => part).join("\n");
}

function checksOf({ commits }: Pull): Findings {
  const contexts = rowsOf(commits).flatMap(({ commit }) => rowsOf(commit?.statusCheckRollup?.contexts));
  const failed = contexts.filter(({ name, context, conclusion, state }) =>
    FAILED.includes(conclusion ?? state ?? "") && !isOwnCheck(name ?? context ?? "")
  );
  const checks = failed.map((check) => ({
    name: check.name ?? check.context ?? "",
    url: check.detailsUrl ?? check.targetUrl ?? null,
    text: saidBy(check),
  }));
  return { ...NO_FINDINGS, checks };
}

function remarkOf(
  by: z.output<typeof actor>,
  mayPush: boolean | null | undefined,
  rest: Pick<Remark, "place" | "text">,
): Remark[] {
  if (!by || typeof by.databaseId !== "number" || rest.text.trim() === "") return [];
  const author = { id: by.databaseId, name: by.login, isBot: by.__typename !== "User" };
  return [{ author, mayPush: mayPush === true && !author.isBot, ...rest }];
}

function reviewOf({ latestOpinionatedReviews, reviewThreads }: Pull): Findings {
  const open = rowsOf(reviewThreads).filter(({ isResolved }) => isResolved !== true);
  const remarks = [
    ...rowsOf(latestOpinionatedReviews).filter(({ state }) => state === "CHANGES_REQUESTED").flatMap((review) =>
      remarkOf(review.author, review.authorCanPushToRepository, { place: null, text: review.body ?? "" })
    ),
    ...open.flatMap(({ path, line, originalLine, comments }) =>
      rowsOf(comments).flatMap(({ author, body, pullRequestReview: review }) =>
        remarkOf(author, review?.authorCanPushToRepository, {
          place: placeOf(path, line ?? originalLine),
          text: body ?? "",
        })
      )
    ),
  ];
  const leftOut = Math.max(0, (reviewThreads?.totalCount ?? 0) - rowsOf(reviewThreads).length);
  return { ...NO_FINDINGS, remarks, leftOut };
}

export async function githubFindings(
  client: ForgeClient,
  { repository, number, url }: PullRequestAddress,
  of: FindingsOf,
): Promise<Findings> {
  const [o = "", n = ""] = repository.split("/");
  const query = `query($o: String!, $n: String!, $i: Int!) { repository(owner: $o, name: $n) { pullRequest(number: $i) {
  ${of === "checks" ? CHECKS : REVIEW}
} } }`;
  const { data } = await client.call({
    what: `read the ${of} of pull request ${url}`,
    path: "/graphql",
    body: { query, variables: { o, n, i: number } },
    read: (value) => z.safeParse(answerSchema, value).data,
  });
  const pull = data.repository?.pullRequest;
  return !pull ? NO_FINDINGS : of === "checks" ? checksOf(pull) : reviewOf(pull);
}
