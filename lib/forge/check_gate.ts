import { adviceOf, type Check, failedWith, follows, ok, skipped, tried, warning } from "../check.ts";
import { adviceFor, checkBranch } from "./check_forge.ts";
import { isHidden } from "./client.ts";
import type { GateResult } from "./gate.ts";
import type { Threads } from "./threads.ts";

interface GateCheckOptions {
  isThere: boolean;
  open(): Threads;
  judge(): Promise<GateResult | undefined>;
}

const GIVE_RIGHTS = "Give the token the permissions in docs/gate.md";

export async function checkGate({ isThere, open, judge }: GateCheckOptions): Promise<Check[]> {
  const names = ["rights", "status", "pull-request", "branch"];
  if (!isThere) {
    const why =
      "these can be checked only in a job on the forge: run doctor in a job, or specify a pull request with --pull-request";
    return ["forge", ...names].map((name) => skipped(name, why));
  }
  const opened = await tried(async () => {
    const threads = open();
    return { threads, me: await threads.me(), repository: await threads.repository() };
  });
  if (!opened.ok) {
    const advice = isHidden(opened.error)
      ? adviceOf(opened.error, "Check that the token, or its app, has access to the repository: docs/gate.md")
      : adviceFor(opened.error, "Set the token of the forge: docs/gate.md");
    return [failedWith("forge", opened.error, advice), ...names.map((name) => follows(name, "forge"))];
  }
  const { threads, me, repository } = opened.value;
  const rights = await tried(async () => {
    const right = await (threads.hidesRights?.() ?? threads.mayPush(me));
    if (right instanceof Error) throw right;
  });
  return [
    ok("forge", `${threads.system}, ${repository.name}, as ${me.name}`),
    rights.ok
      ? ok("rights", "the token can see who can push")
      : failedWith("rights", rights.error, rights.error.isRetryable ? "Check again later" : GIVE_RIGHTS),
    await checkStatus(threads),
    await checkPull(judge),
    await checkBranch(threads, repository.defaultBranch),
  ];
}

/** Only `--status` needs this permission. */
async function checkStatus(threads: Threads): Promise<Check> {
  const name = "status";
  const answer = await tried(async () => await threads.mayWrite?.("statuses") ?? null);
  if (!answer.ok) return failedWith(name, answer.error, adviceFor(answer.error, GIVE_RIGHTS));
  if (answer.value === null) {
    return skipped(name, `${threads.system} does not show whether this token can set a status`);
  }
  if (answer.value) return ok(name, "the token can set a status");
  return warning(name, "the token cannot set a status, so --status fails", `${GIVE_RIGHTS}, or leave out --status`);
}

async function checkPull(judge: GateCheckOptions["judge"]): Promise<Check> {
  const name = "pull-request";
  const answer = await tried(judge);
  if (!answer.ok) {
    const advice = answer.error.exit === "usage" ? "Specify one with --pull-request" : GIVE_RIGHTS;
    return failedWith(name, answer.error, adviceFor(answer.error, advice));
  }
  if (answer.value === undefined) return skipped(name, "this job has no pull request: specify one with --pull-request");
  const { url, text, state } = answer.value;
  const finding = `${url}: ${text}`;
  return state === "unknown"
    ? warning(name, finding, `${GIVE_RIGHTS}: until then the gate stays closed`)
    : ok(name, finding);
}
