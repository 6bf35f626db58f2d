import { adviceOf, type Check, failed, failedWith, follows, ok, skipped, tried, unread, warning } from "../check.ts";
import { MogplexError, NetworkError } from "../errors.ts";
import { isHidden } from "./client.ts";
import type { ForgeUser } from "./findings.ts";
import type { OpenForge } from "./open.ts";
import type { ForgeSetup, Threads } from "./threads.ts";

interface ForgeCheckOptions {
  isCi: boolean;
  agent: string;
  open(): OpenForge;
  users(): { readonly allowed: readonly string[] | undefined; readonly from: string };
  label(): string;
}

/** Writes nothing. */
export async function checkForge(
  { isCi, agent, open, users, label }: ForgeCheckOptions,
): Promise<Check[]> {
  const names = ["rights", "notes", "label", "branch", "trigger", "schedule", "trigger-variables"];
  if (!isCi) {
    const why = "these can be checked only in a job on the forge: also run doctor in a job";
    return ["forge", ...names].map((name) => skipped(name, why));
  }
  const opened = await tried(async () => {
    const { threads, workflowFolders } = open();
    return { threads, workflowFolders, me: await threads.me(), repository: await threads.repository() };
  });
  if (!opened.ok) {
    const advice = isHidden(opened.error)
      ? adviceOf(opened.error, "Give the token the permissions in SECURITY.md")
      : adviceFor(opened.error, "Set the token of the forge: docs/ask.md");
    return [failedWith("forge", opened.error, advice), ...names.map((name) => follows(name, "forge"))];
  }
  const { threads, workflowFolders, me, repository } = opened.value;
  const setup = await tried(async () => await threads.setup?.());
  const settings = setup.ok ? setup.value : undefined;
  return [
    ok("forge", `${threads.system}, ${repository.name}, as ${me.name}`),
    await checkRights(users, threads, me),
    await checkNotes(threads),
    await checkLabel(label, threads),
    await checkBranch(threads, repository.defaultBranch),
    ...workflowFolders === undefined
      ? [checkWebhook(settings), checkSchedule(settings?.polls, "only Maintainers can see schedules")]
      : await checkWorkflow(threads, workflowFolders, repository.defaultBranch, agent),
    ...threads.setup === undefined ? [] : [checkVariables(settings)],
  ];
}

export function adviceFor(error: MogplexError, other: string): string {
  if (error instanceof NetworkError) return adviceOf(error, "Check the DNS and the proxy of the runner");
  return adviceOf(error, error.isRetryable ? "Check again later" : other);
}

async function checkRights(
  users: ForgeCheckOptions["users"],
  threads: Threads,
  user: ForgeUser,
): Promise<Check> {
  const name = "rights";
  const list = await tried(users);
  if (!list.ok) return failedWith(name, list.error, adviceOf(list.error, "Correct the names, or remove the list"));
  const { allowed, from } = list.value;
  if (allowed !== undefined) return await checkNames(threads, [...new Set(allowed)], from);
  const check = await tried(async () => {
    const right = await (threads.hidesRights?.() ?? threads.mayPush(user));
    if (right instanceof MogplexError) throw right;
  });
  if (!check.ok) {
    const advice = threads.hidesRights === undefined
      ? "Give the token the permissions in SECURITY.md, or use --allow-users to list the users who can ask"
      : "Use --allow-users to list the users who can ask (recommended), or give the token's user the permissions in docs/ask.md";
    return failedWith(name, check.error, adviceFor(check.error, advice));
  }
  const hint = threads.hidesRights === undefined ? "" : "; listing the users in --allow-users is safer: docs/ask.md";
  return ok(name, `the token can see who can push${hint}`);
}

/** A job does not look up the names, so a name without an account does not affect the other names. */
async function checkNames(threads: Threads, allowed: readonly string[], usersFrom: string): Promise<Check> {
  const name = "rights";
  const accounts: string[] = [];
  const wrong: string[] = [];
  const powerless: string[] = [];
  for (const each of allowed) {
    const [word = "", id] = each.split("=");
    const answer = await tried(async () => {
      const user = await threads.user(word);
      return { user, mayPush: user === null ? null : await threads.mayPush(user) };
    });
    if (!answer.ok) {
      const advice = adviceFor(
        answer.error,
        "Give the token the permissions in SECURITY.md, or check the names yourself",
      );
      return unread(warning(name, failedWith(name, answer.error, advice).finding, advice));
    }
    const { user, mayPush } = answer.value;
    if (user === null) wrong.push(`there is no user "${word}"`);
    else if (id !== undefined && Number(id) !== user.id) wrong.push(`"${word}" is now another account, ${user.id}`);
    else if (user.isBot === true) wrong.push(`"${word}" is a bot`);
    else {
      accounts.push(`${user.name.toLowerCase()}=${user.id}`);
      if (mayPush === false) powerless.push(word);
    }
  }
  const list = accounts.join(",");
  if (accounts.length === 0) {
    const finding = `no user can ask, because no name in ${usersFrom} is valid: ${wrong.join("; ")}`;
    return { ...warning(name, finding, "Correct the names"), isOff: true };
  }
  if (wrong.length > 0) {
    const finding = `${list} can ask, but the other names in ${usersFrom} cannot be used: ${wrong.join("; ")}`;
    return warning(name, finding, "Correct or remove the other names");
  }
  if (powerless.length > 0) {
    const who = `${powerless.join(", ")} ${
      powerless.length === 1 ? "is" : "are"
    } in ${usersFrom} (${list}), but cannot push`;
    return warning(name, who, "They can still start agents: remove the users who should not");
  }
  return ok(
    name,
    `${list} can ask; with these ids in ${usersFrom}, another account that takes over one of the names is rejected`,
  );
}

async function checkLabel(read: ForgeCheckOptions["label"], threads: Threads): Promise<Check> {
  const name = "label";
  const answer = await tried(() => {
    const label = read();
    return threads.hasLabel(label).then((isThere) => ({ label: JSON.stringify(label), isThere }));
  });
  if (!answer.ok) {
    const advice = adviceFor(
      answer.error,
      "Give the token permission to read issues, or check yourself whether the label exists",
    );
    return unread(warning(name, failedWith(name, answer.error, advice).finding, advice));
  }
  const { label, isThere } = answer.value;
  if (isThere) return ok(name, `${label} exists`);
  return ok(name, `there is no label ${label}: create it if labels should start agents`);
}

async function checkNotes(threads: Threads): Promise<Check> {
  const name = "notes";
  const answer = await tried(async () => await threads.mayWrite?.("notes") ?? null);
  if (!answer.ok) {
    return failedWith(name, answer.error, adviceFor(answer.error, "Give the token the permissions in SECURITY.md"));
  }
  if (answer.value === null) return skipped(name, `${threads.system} does not show whether this token can write notes`);
  if (answer.value) return ok(name, "the token can write notes");
  return failed(
    name,
    "the token lacks a permission that it needs to write",
    "Give the token the permissions in SECURITY.md",
    "unavailable",
  );
}

export async function checkBranch(threads: Threads, branch: string): Promise<Check> {
  const name = "branch";
  const answer = await tried(() => threads.branch(branch));
  if (!answer.ok) {
    return failedWith(name, answer.error, adviceFor(answer.error, "Give the token permission to read the repository"));
  }
  const quotedName = JSON.stringify(branch);
  if (answer.value === null) return skipped(name, `there is no branch ${quotedName} yet, or the token cannot see it`);
  if (answer.value.isProtected) return ok(name, `${quotedName} is protected`);
  return warning(
    name,
    `the default branch ${quotedName} is not protected; agents do not work on it, but users can change it`,
    "Protect it, so that every change needs a review",
  );
}

function bareWorkflow(text: string): string {
  return text.split(/\r?\n/).map((line) => line.replace(/(^|\s)#.*/, ""))
    .filter((line) => !/^\s*(?:- +)?["']?(?:run-)?name["']?\s*:/.test(line)).join("\n");
}

/** Returns the text after `on` in a workflow, up to the next key at the left margin. */
function eventsOf(bare: string): string {
  return /^(["']?)on\1[ \t]*:.*(?:\n(?:[ \t-].*)?(?=\n|$))*/m.exec(bare)?.[0] ?? "";
}

function answersComments(text: string): boolean {
  const bare = bareWorkflow(text);
  const isCommand = /\bmogplex(?:-ci(?:@[\w.-]+)?|[\w.-]*\.mjs)["']?[\s\\]+respond\b/.test(bare);
  const isAction = /\buses\s*:/.test(bare) && /mogplex/i.test(bare) &&
    /(?:^|[\s{,])["']?respond["']?\s*:\s*["']?true\b/m.test(bare);
  return (isCommand || isAction) && /\bissue_comment\b/.test(eventsOf(bare));
}

/** A comment must contain one of these words to start a job of the workflow. Empty if every comment starts a job. */
function filterWords(bare: string): string[] {
  const calls = /(!\s*)?\b(?:contains|startsWith)\(\s*github\.event\.comment\.body\s*,\s*'([^']*)'\s*\)/g;
  return [...bare.matchAll(calls)].flatMap(([, not, word = ""]) => not === undefined ? [word] : []);
}

/** Only workflows on the default branch start for comments and labels. */
async function checkWorkflow(
  threads: Threads,
  folders: readonly string[],
  branch: string,
  agent: string,
): Promise<Check[]> {
  const name = "trigger";
  const quotedName = JSON.stringify(branch);
  const advice = `Run "init --respond", and commit its workflow to ${quotedName}`;
  const unknown = follows("schedule", name);
  const looked = await tried(() => threads.workflow?.({ folders, first: /mogplex|respond/i, isIt: answersComments }));
  if (!looked.ok) {
    const how = "Give the token permission to read the repository, or check the workflow yourself";
    return [unread(warning(name, looked.error.message, how)), unread(unknown)];
  }
  if (looked.value === undefined) return [skipped(name, `workflows are not checked on ${threads.system}`), unknown];
  const { found, files, unread: unreadFiles } = looked.value;
  if (found === null) {
    const why = unreadFiles > 0
      ? `${unreadFiles} of ${files} workflows on ${quotedName} were not read, and none of the others calls respond for comments`
      : `no workflow on ${quotedName} calls respond for comments`;
    const how = unreadFiles > 0
      ? `If none of the unread workflows does: ${advice.charAt(0).toLowerCase()}${advice.slice(1)}`
      : advice;
    return [{ ...warning(name, why, how), lacksTrigger: true }, unknown];
  }
  const path = JSON.stringify(found.path);
  const bare = bareWorkflow(found.text);
  const events = eventsOf(bare);
  const polls = [...events.matchAll(/\bcron["']?\s*:\s*["']?([^"'}\n]+)/g)].map(([, cron = ""]) => cron);
  const schedule = checkSchedule(polls);
  const mention = `@${agent}`;
  const words = filterWords(bare);
  // GitHub ignores case when it compares these words.
  if (words.length > 0 && !words.some((word) => mention.toLowerCase().includes(word.toLowerCase()))) {
    const why = `the "if" of ${path} needs ${JSON.stringify(words[0])} in a comment, but the name is ${mention}`;
    const how = `Change the "if", or set MOGPLEX_RESPOND_NAME to the same name in the "env" of the job`;
    return [unlessPolled(warning(name, why, how), polls), schedule];
  }
  if (/\bissues\b/.test(events)) {
    return [ok(name, `${path} of ${quotedName} calls respond for comments and labels`), schedule];
  }
  const why = `${path} has no event "issues", so ${withoutLabelEvents(polls)}`;
  return [warning(name, why, 'Add the event, as in the workflow of "init --respond"'), schedule];
}

function unlessPolled(check: Check, polls: ForgeSetup["polls"]): Check {
  return (polls?.length ?? 0) > 0 ? check : { ...check, lacksTrigger: true };
}

function withoutLabelEvents(polls: ForgeSetup["polls"]): string {
  return (polls?.length ?? 0) > 0 ? "a label is found only by the schedule" : "a label does not start a run";
}

function scheduleWord(cron: string): string {
  const fields = cron.trim().split(/\s+/);
  const times = fields.slice(0, 2).map((field) => /^\d+$/.test(field) ? "fixed" : field).join(" ");
  const isEachDay = fields.length === 5 && fields.slice(2).every((field) => field === "*");
  if (isEachDay && times === "fixed *") return "hourly";
  return isEachDay && times === "fixed fixed" ? "daily" : JSON.stringify(cron.trim());
}

function checkSchedule(polls: readonly string[] | null | undefined, hidden = ""): Check {
  const name = "schedule";
  if (polls === null || polls === undefined) return unread(skipped(name, hidden));
  if (polls.length > 0) return ok(name, `a poll looks for missed mentions: ${polls.map(scheduleWord).join(", ")}`);
  return warning(name, "there is no schedule, so nothing picks up missed mentions", "Add a schedule: docs/ask.md");
}

function checkWebhook(setup: ForgeSetup | undefined): Check {
  const name = "trigger";
  if (setup === undefined || setup.webhook === null) {
    return unread(skipped(name, "only Maintainers can see webhooks"));
  }
  const page = "see docs/ask.md";
  if (setup.webhook === "none" || setup.webhook === "no-comments") {
    const check = setup.webhook === "none"
      ? warning(name, "no webhook starts a pipeline", `Add one: ${page}`)
      : warning(name, "the webhook has no Comments events", `Turn them on: ${page}`);
    return unlessPolled(check, setup.polls);
  }
  if (setup.webhook === "no-issues") {
    const why = `the webhook has no Issues events, so ${withoutLabelEvents(setup.polls)}`;
    return warning(name, why, `Turn them on: ${page}`);
  }
  return ok(name, "a webhook for comments and issues starts a pipeline");
}

function checkVariables(setup: ForgeSetup | undefined): Check {
  const name = "trigger-variables";
  const setting = '"No one allowed": docs/ask.md';
  if (setup === undefined || setup.mayHaveVariables === null) {
    return unread(skipped(name, `the token cannot see this setting, which must be ${setting}`));
  }
  if (!setup.mayHaveVariables) return ok(name, "no one can pass variables to pipelines");
  return warning(
    name,
    "anyone with the trigger token can pass variables to pipelines, and use them to run code in the job",
    `Choose ${setting}`,
  );
}
