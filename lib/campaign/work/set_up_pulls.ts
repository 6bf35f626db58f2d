/**
 * Gives each pull request the reviewers and labels of the campaign file, once, when it is found. What people change later stays.
 *
 * @module
 */
import { InterruptedError, MogplexError } from "../../errors.ts";
import { LostRaceError } from "../../git/remote.ts";
import type { ItemMemory } from "../journal/memory.ts";
import { finishWrites, namedReviewers, openWrites, sendWrites, type WriteWork } from "../pull_writes.ts";
import type { PullRequests } from "../pulls.ts";
import type { Store } from "./store.ts";

/** For the journal, and for messages about a missing right. */
const BY = "pull-requests";
const COMMAND = "campaign advance";

/** Most pull requests for one reading: a forge takes one write a second. */
const MOST = 50;

function isDue({ state, pull, pullRequest, writes: { setup } }: ItemMemory): boolean {
  if (state === "skipped" || pullRequest === null || pull?.state !== "open" || pull.foreign !== null) return false;
  return setup === undefined || setup.state === "withdrawn" || setup.state !== "open" && setup.url !== pullRequest;
}

/**
 * Sets up the pull requests that were found since, and finishes changes of which no answer is known. A forge that does not take them is reported, and
 * the next wave tries again.
 *
 * @throws `signal.reason` if the signal of the forges aborts; what the journal throws.
 */
export async function setUpPullRequests({ store, pulls }: { store: Store; pulls: PullRequests }): Promise<void> {
  const { memory } = store;
  const rules = memory.lock.pullRequests;
  const due = rules === null || memory.stopped !== null ? [] : [...memory.items.values()].filter(isDue);
  if (due.length === 0 && openWrites(store).length === 0 || !pulls.mayWrite()) return;
  const work: WriteWork = { store, writer: (url) => pulls.writer(url, COMMAND) };
  try {
    const results = await finishWrites(work);
    const intents = [];
    for (const { item: { id: item }, pullRequest } of due.slice(0, MOST)) {
      const url = pullRequest ?? "";
      const names = await pulls.reviewersFor(url, rules?.reviewers ?? [], COMMAND);
      if (typeof names === "string") pulls.tell(`${url} gets no reviewers: ${names}`);
      else {
        const intent = { item, act: "setup" as const, url, by: BY, labels: rules?.labels ?? [] };
        intents.push({ ...intent, ...namedReviewers(names) });
      }
    }
    results.push(...await sendWrites(work, intents));
    for (const { url, state, reason } of results) {
      if (state !== "done") pulls.tell(`${url} was not changed: ${reason ?? "no answer came"}`);
    }
  } catch (error) {
    const isOurs = error instanceof LostRaceError || error instanceof InterruptedError;
    if (!(error instanceof MogplexError) || isOurs) throw error;
    pulls.tell(error.message);
  }
}
