/**
 * Adds the reviewers and labels from the campaign file to each new pull request. This happens only once, so later changes by people are kept.
 *
 * @module
 */
import { InterruptedError, MogplexError } from "../../errors.ts";
import { LostRaceError } from "../../git/remote.ts";
import { finishWrites, namedReviewers, openWrites, sendWrites, type WriteWork } from "../pull_writes.ts";
import type { PullRequests } from "../pulls.ts";
import { isSetupDue } from "../view/pending_pulls.ts";
import type { Store } from "./store.ts";

const BY = "pull-requests";
const COMMAND = "campaign advance";

/** Maximum number of pull requests for each call. A forge accepts one write per second, and starts have to wait in the meantime. */
const MOST = 20;

export async function setUpPullRequests({ store, pulls }: { store: Store; pulls: PullRequests }): Promise<void> {
  const { memory } = store;
  const rules = memory.lock.pullRequests;
  const items = [...memory.items.values()].filter((item) => isSetupDue(memory, item));
  const dueUrls = new Set<string | null>();
  for (const url of [...openWrites(store).map(({ write }) => write.url), ...items.map((item) => item.pullRequest)]) {
    if (url !== null && dueUrls.size < MOST && !dueUrls.has(url) && pulls.mayWrite(url)) dueUrls.add(url);
  }
  if (dueUrls.size === 0) return;
  const due = items.filter(({ pullRequest }) => dueUrls.has(pullRequest));
  const work: WriteWork = { store, writer: (url) => pulls.writer(url, COMMAND) };
  try {
    const results = await finishWrites(work, ({ url }) => dueUrls.has(url));
    const intents = [];
    for (const { item: { id: item }, pullRequest } of due) {
      const url = pullRequest ?? "";
      const names = await pulls.reviewersFor(url, rules?.reviewers ?? [], COMMAND);
      if (typeof names === "string") pulls.tell(`no reviewers were requested for ${url}: ${names}`);
      else {
        const intent = { item, act: "setup" as const, url, by: BY, labels: rules?.labels ?? [] };
        intents.push({ ...intent, ...namedReviewers(names) });
      }
    }
    results.push(...await sendWrites(work, intents));
    for (const { url, state, reason } of results) {
      if (state !== "done") pulls.tell(`${url} was not changed: ${reason ?? "there was no answer"}`);
    }
  } catch (error) {
    const isOurs = error instanceof LostRaceError || error instanceof InterruptedError;
    if (!(error instanceof MogplexError) || isOurs) throw error;
    pulls.tell(error.message);
  }
}
