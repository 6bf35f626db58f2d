import { UsageError } from "../errors.ts";
import { addressAt } from "../forge/address.ts";
import type { ForgeUser } from "../forge/findings.ts";
import type { Forge } from "../forge/forge.ts";
import { field, numberOf } from "../forge/payload.ts";
import { type AskEvent, closedWord, type CodeLine, lineOf, type Thread, type ThreadComment } from "../forge/threads.ts";
import { isObject, lookup, parseJson } from "../lookup.ts";

/** The relation of a user to a repository, in GitHub's terms. Users with one of the first three can push. */
export const ASSOCIATIONS = ["owner", "member", "collaborator", "contributor", "none"] as const;
export type Association = typeof ASSOCIATIONS[number];

const mayPush = (association: string) => ["owner", "member", "collaborator"].includes(association.toLowerCase());

/** `deleted`: a user has deleted the comment. `system`: the comment is GitLab's own record of an action. */
type Absence = "deleted" | "system";

export interface Assumed {
  readonly forge: Forge;
  readonly origin: string;
  /** `owner/name`. */
  readonly repository: string;
  readonly defaultBranch: string;
  readonly event: AskEvent;
  readonly thread: Thread;
  readonly asker: ForgeUser;
  readonly comment: ThreadComment | null;
  /** Why the job would not see the comment, or the thread if there is no comment; `null` if the job would see it. */
  readonly absence: Absence | null;
  readonly labels: readonly string[];
  /** Labels that were set before the event. The event does not show who set them. */
  readonly earlierLabels: readonly string[];
  readonly pushers: readonly number[];
  readonly isRightDefault: boolean;
  /** Whether the id of `asker` is the number of a real account. */
  readonly isAskerKnown: boolean;
  /** Whether the author is assumed not to have push access because the event does not contain this information. */
  readonly isAuthorRightHidden: boolean;
  /** Whether users who are not members can see the project; `undefined` if the event does not contain this information. */
  readonly isPublic: boolean | undefined;
  readonly isExample: boolean;
  /** If this is false, `forge` provides only the terms and the form of links. */
  readonly isForgeKnown: boolean;
}

export interface AssumedPlace {
  readonly forge: Forge;
  readonly isForgeKnown: boolean;
  readonly origin: string | undefined;
  readonly repository: string | undefined;
}

export interface AssumedWishes {
  readonly place: AssumedPlace;
  readonly name: string | undefined;
  readonly association: Association | undefined;
  readonly isForeign: boolean;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

interface Facts {
  origin?: string | undefined;
  repository?: string | undefined;
  defaultBranch?: string | undefined;
  title?: string | undefined;
  text?: string | undefined;
  url?: string | undefined;
  isOpen?: boolean;
  isMerged?: boolean;
  isForeign?: boolean;
  isInternal?: boolean;
  isPublic?: boolean | undefined;
  source?: string | undefined;
  target?: string | undefined;
  asker?: string | undefined;
  askerId?: number | undefined;
  isBot?: boolean;
  association?: string | undefined;
  author?: string | undefined;
  authorAssociation?: string | undefined;
  comment?:
    | { id: number; text: string; isEdited?: boolean; isInternal?: boolean; line?: CodeLine | undefined }
    | undefined;
  labels?: readonly string[];
  earlierLabels?: readonly string[];
  isTextChanged?: boolean;
  absence?: Absence | undefined;
}

const examplePlace = (isPull: boolean) => ({ kind: isPull ? "pull" as const : "issue" as const, number: 1 });

export function assumedText(text: string, isPull: boolean, wishes: AssumedWishes): Assumed {
  const comment = { id: 1, text };
  const place = { kind: "comment" as const, id: comment.id };
  const news = { thread: examplePlace(isPull), comment: place, text, written: text };
  const { origin } = wishes.place;
  return assume(wishes.place, { kind: "ask", news }, { comment, origin }, wishes);
}

export function assumedLabel(label: string, isPull: boolean, wishes: AssumedWishes): Assumed {
  const news = { thread: examplePlace(isPull), comment: null, text: null };
  const { origin } = wishes.place;
  return assume(wishes.place, { kind: "ask", news }, { labels: [label], origin }, wishes);
}

const NO_ASK = "it does not contain a comment or a label on an issue or pull request";
const ASK_ADVICE = "use the event of a comment or a label";

export async function assumedEvent(text: string, forges: readonly Forge[], wishes: AssumedWishes): Promise<Assumed> {
  const attempted = "read the event";
  const body = parseJson(text);
  if (!isObject(body)) throw new UsageError({ attempted, why: "it is not a JSON object" });
  const named = (name: string) => forges.find((each) => each.name === name);
  const isGitlab = typeof field(body, "object_kind") === "string";
  // Gitea and Forgejo send two names of each user. A shortened event may contain no names, so the forge is determined from the current folder.
  const isGitea = typeof field(body, "sender", "username") === "string" ||
    wishes.place.isForgeKnown && wishes.place.forge.name === named("gitea")?.name && !isFromGithub(body);
  const name = isGitlab ? "gitlab" : isGitea ? "gitea" : "github";
  // The event does not distinguish related forges, such as Gitea and Forgejo, but the current folder may.
  const forge = wishes.place.isForgeKnown && wishes.place.forge.name === name ? wishes.place.forge : named(name);
  if (forge?.job === undefined) throw new UsageError({ attempted, why: "it is not from a supported forge" });
  const facts = isGitlab ? gitlabFacts(body) : workflowFacts(body);
  const id = numberOf(body, "repository", "id") ?? numberOf(body, "project", "id") ?? 0;
  const isAsk = isGitlab
    ? ["note", "issue", "work_item", "merge_request"].includes(String(field(body, "object_kind")))
    : ["issue", "pull_request"].some((key) => isObject(field(body, key)));
  if (id === 0 && !isAsk) throw new UsageError({ attempted, why: NO_ASK, advice: ASK_ADVICE });
  if (id === 0) {
    throw new UsageError({
      attempted,
      why: `it has no number in ${isGitlab ? "project" : "repository"}.id`,
      advice: "add the id of the repository",
    });
  }
  const variables: Readonly<Record<string, string>> = {
    CI_PROJECT_ID: String(id),
    GITHUB_EVENT_NAME: workflowName(body),
  };
  const event = await forge.job.event((variable) => lookup(variables, variable), text, () => Promise.resolve(id));
  if (isObject(field(body, "review"))) {
    throw new UsageError({
      attempted,
      why: "the main text of a review is not read, and does not start a job",
      advice:
        "write the mention as a comment; to see the decision, pass the review's text in --text and add --pull-request",
    });
  }
  if (event.kind === "ask") return assume({ forge, isForgeKnown: true }, event, facts, wishes);
  if (isObject(field(body, "comment")) && isObject(field(body, "pull_request"))) {
    throw new UsageError({
      attempted,
      why: "a comment on a line of code does not start a job: only a scheduled check answers it",
      advice: "to see the decision, pass the comment's text in --text and add --pull-request",
    });
  }
  const why = event.kind === "nothing" ? event.reason : NO_ASK;
  throw new UsageError({ attempted, why, advice: ASK_ADVICE });
}

/** Whether the event has fields that Gitea and Forgejo do not send. Source: GitHub, "Webhook events and payloads"; Gitea, modules/structs. */
function isFromGithub(body: unknown): boolean {
  const holders = ["comment", "issue", "pull_request"];
  return typeof field(body, "sender", "node_id") === "string" ||
    holders.some((holder) => typeof field(body, holder, "author_association") === "string");
}

/** Source: GitHub, "Webhook events and payloads". */
function workflowName(body: unknown): string {
  if (isObject(field(body, "comment"))) return "issue_comment";
  return isObject(field(body, "pull_request")) ? "pull_request_target" : "issues";
}

const textAt = (body: unknown, ...path: string[]): string | undefined => {
  const value = field(body, ...path);
  return typeof value === "string" ? value : undefined;
};

function namesIn(labels: unknown, key: string): string[] {
  return Array.isArray(labels) ? labels.flatMap((each) => textAt(each, key) ?? []) : [];
}

/** Source: GitHub, "Webhook events and payloads", `issue_comment`, `issues` and `pull_request`; Gitea and Forgejo send the same fields. */
function workflowFacts(body: unknown): Facts {
  const holder = isObject(field(body, "pull_request")) ? "pull_request" : "issue";
  const at = (...path: string[]) => textAt(body, holder, ...path);
  const id = numberOf(body, "comment", "id");
  const url = at("html_url");
  const branches = [at("head", "repo", "full_name"), at("base", "repo", "full_name")];
  const labels = namesIn(field(body, holder, "labels"), "name");
  const label = textAt(body, "label", "name");
  // A removed label is no longer in the thread's list of labels.
  const newLabels = label === undefined || field(body, "action") === "unlabeled" ? [] : [label];
  return {
    origin: url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined,
    repository: textAt(body, "repository", "full_name"),
    defaultBranch: textAt(body, "repository", "default_branch"),
    title: at("title"),
    text: at("body"),
    url,
    isOpen: at("state") !== "closed",
    // In a comment event, the pull request is part of the issue.
    isMerged: (at("merged_at") ?? at("pull_request", "merged_at")) !== undefined,
    isForeign: branches[0] !== branches[1],
    source: at("head", "ref"),
    target: at("base", "ref"),
    asker: textAt(body, "comment", "user", "login") ?? textAt(body, "sender", "login"),
    askerId: numberOf(body, "comment", "user", "id") ?? numberOf(body, "sender", "id"),
    isBot: (textAt(body, "comment", "user", "type") ?? textAt(body, "sender", "type")) === "Bot",
    association: textAt(body, "comment", "author_association"),
    author: at("user", "login"),
    authorAssociation: at("author_association"),
    comment: id === undefined
      ? undefined
      : { id, text: textAt(body, "comment", "body") ?? "", isEdited: field(body, "action") === "edited" },
    labels: [...newLabels, ...labels],
    earlierLabels: label === undefined ? [] : labels.filter((each) => !newLabels.includes(each)),
    absence: field(body, "action") === "deleted" ? "deleted" : undefined,
  };
}

/** The visibility level of a private project. Internal and public projects have larger numbers. Source: GitLab, "Webhook events". */
const PRIVATE = 0;
const POSITION = ["object_attributes", "position"] as const;

/** These events contain only the author's id, and no permissions. Source: GitLab, "Webhook events", comment, issue and merge request events. */
function gitlabFacts(body: unknown): Facts {
  const isNote = field(body, "object_kind") === "note";
  const holder = !isNote ? "object_attributes" : isObject(field(body, "merge_request")) ? "merge_request" : "issue";
  const at = (...path: string[]) => textAt(body, holder, ...path);
  const url = textAt(body, "project", "web_url");
  const id = isNote ? numberOf(body, "object_attributes", "id") : undefined;
  const asker = textAt(body, "user", "username");
  const authorId = numberOf(body, holder, "author_id");
  const visibility = field(body, "project", "visibility_level");
  const position = (name: string) => textAt(body, ...POSITION, name);
  const labels = namesIn(field(body, "labels"), "title");
  const changes = field(body, "changes", "labels");
  const earlierLabels = isObject(changes) ? namesIn(field(changes, "previous"), "title") : labels;
  const authorName = authorId === numberOf(body, "user", "id") ? asker : `another user (${authorId})`;
  return {
    origin: url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined,
    repository: textAt(body, "project", "path_with_namespace"),
    defaultBranch: textAt(body, "project", "default_branch"),
    title: at("title"),
    text: at("description"),
    url: isNote ? textAt(body, "object_attributes", "url")?.replace(/#.*/, "") : at("url"),
    isOpen: !["closed", "merged", "locked"].includes(at("state") ?? ""),
    isMerged: at("state") === "merged",
    isForeign: numberOf(body, holder, "source_project_id") !== numberOf(body, holder, "target_project_id"),
    isInternal: field(body, holder, "confidential") === true,
    isPublic: typeof visibility === "number" ? visibility > PRIVATE : undefined,
    source: at("source_branch"),
    target: at("target_branch"),
    asker,
    askerId: numberOf(body, "user", "id"),
    author: authorId === undefined ? undefined : authorName,
    comment: id === undefined ? undefined : {
      id,
      text: textAt(body, "object_attributes", "note") ?? "",
      isEdited: textAt(body, "object_attributes", "action") === "update",
      isInternal: field(body, "object_attributes", "internal") === true,
      line: lineOf(
        position("new_path") ?? position("old_path"),
        numberOf(body, ...POSITION, "new_line") ?? numberOf(body, ...POSITION, "old_line"),
        null,
      ),
    },
    labels,
    earlierLabels: !isNote && at("action") === "update" ? earlierLabels.filter((each) => labels.includes(each)) : [],
    isTextChanged: ["title", "description"].some((name) => isObject(field(body, "changes", name))),
    absence: isNote && field(body, "object_attributes", "system") === true ? "system" : undefined,
  };
}

/** The host to which the service delivers branches and pull requests, because its repositories belong to installations of its GitHub app. */
const DELIVERY_HOST = "github.com";

/** If the mention is on another forge, the numbers there are not related to the numbers on the delivery host. */
export function deliveredPull(assumed: Assumed, number: number): string {
  const { forge, origin, repository } = assumed;
  if (!isElsewhere(assumed)) return addressAt(forge.address, origin, repository, number).url;
  return `https://${DELIVERY_HOST}/${/^[^/]+\/[^/]+$/.test(repository) ? repository : "OWNER/NAME"}/pull/NUMBER`;
}

export function isElsewhere({ forge, isForgeKnown }: Assumed): boolean {
  return isForgeKnown && forge.publicHost !== DELIVERY_HOST;
}

const EXAMPLE_HOST = "forge.example";

function assume(
  { forge, isForgeKnown }: Pick<AssumedPlace, "forge" | "isForgeKnown">,
  event: Extract<AskEvent, { kind: "ask" }>,
  facts: Facts,
  { place: { repository: wanted }, name, association, isForeign, nowMs }: AssumedWishes,
): Assumed {
  const at = new Date(nowMs).toISOString();
  const place = event.news.thread;
  const host = isForgeKnown ? forge.publicHost ?? `${forge.system.toLowerCase()}.example` : EXAMPLE_HOST;
  const origin = facts.origin ?? `https://${host}`;
  const repository = facts.repository ?? wanted ?? "acme/web";
  const defaultBranch = facts.defaultBranch ?? "main";
  const askerName = name ?? facts.asker ?? "you";
  const isBot = name === undefined && facts.isBot === true || forge.job?.botNames?.test(askerName) === true;
  const askerId = name === undefined ? facts.askerId : undefined;
  const asker: ForgeUser = { id: askerId ?? 1, name: askerName, isBot };
  const isAuthor = facts.author === undefined || facts.author.toLowerCase() === askerName.toLowerCase();
  const author: ForgeUser = isAuthor ? asker : { id: asker.id + 1, name: facts.author ?? "", isBot: false };
  const pull = addressAt(forge.address, origin, repository, place.number).url;
  const { comment, earlierLabels = [] } = facts;
  const labels = [...new Set(facts.labels)];
  return {
    ...{ forge, isForgeKnown, origin, repository, defaultBranch, event, asker },
    thread: {
      ...place,
      url: facts.url ?? (place.kind === "pull" ? pull : pull.replace(/\w+(?=\/\d+$)/, "issues")),
      isOpen: facts.isOpen ?? true,
      isMerged: facts.isMerged ?? false,
      title: facts.title ?? "An example",
      text: facts.text ?? "The description of the example.",
      author,
      createdAt: at,
      isInternal: facts.isInternal ?? false,
      changes: facts.isTextChanged === true && labels.every((each) => earlierLabels.includes(each))
        ? [{ by: asker, at: new Date(nowMs + 1_000).toISOString() }]
        : [],
      pull: place.kind === "issue" ? null : {
        source: facts.source ?? "feature",
        target: facts.target ?? defaultBranch,
        isForeign: facts.isForeign ?? isForeign,
        commit: null,
      },
    },
    comment: comment === undefined ? null : {
      ...{ kind: "comment", id: comment.id, text: comment.text, author: asker, createdAt: at },
      editedAt: comment.isEdited === true ? at : null,
      isInternal: comment.isInternal === true,
      line: comment.line,
    },
    absence: facts.absence ?? null,
    labels,
    earlierLabels,
    pushers: [
      ...mayPush(association ?? facts.association ?? "owner") ? [asker.id] : [],
      ...!isAuthor && mayPush(facts.authorAssociation ?? "none") ? [author.id] : [],
    ],
    isAskerKnown: askerId !== undefined,
    isAuthorRightHidden: !isAuthor && facts.authorAssociation === undefined,
    isRightDefault: name !== undefined && !isBot && (association ?? facts.association) === undefined,
    isPublic: facts.isPublic,
    isExample: (facts.repository ?? wanted) === undefined,
  };
}

/** The sentences contain untrusted names. */
export function assumptionsOf(assumed: Assumed): string[] {
  const { forge, isForgeKnown, repository, thread, asker, pushers, isExample, isAuthorRightHidden } = assumed;
  const { pull, author } = thread;
  const by = ({ id, name, isBot }: ForgeUser) =>
    `by ${name}, ${isBot === true ? "a bot" : pushers.includes(id) ? "who can push" : "who cannot push"}`;
  const name = (forge.notes?.nameOf(thread) ?? "").replace(/^[a-z]/, (letter) => letter.toUpperCase());
  return [
    `${name} of ${repository}${isForgeKnown ? ` on ${forge.system}` : ""} is ${
      thread.isOpen ? "open" : closedWord(thread)
    }.`,
    ...isExample ? ["The repository is an example. To use yours, add --repo OWNER/NAME."] : [],
    ...isForgeKnown ? [] : [
      "The forge is unknown, so the words and links below may differ. Run `init --respond` first: its job shows the forge.",
    ],
    ...deliveryOf(assumed),
    ...pull === null ? [] : [
      `Its branch is ${pull.source}${
        pull.isForeign ? " in a fork" : ""
      }. A check failed, a review requests changes, and ` +
      "there is a conflict.",
    ],
    ...requestsOf(assumed).map((request) => `${request} ${by(asker)}.${editOf(assumed)}`),
    ...visibilityOf(assumed),
    isAuthorRightHidden
      ? `The title and description are by ${author.name}. The event does not show whether this user can push. Assumed: no.`
      : `The title and description are ${by(author)}.`,
    "There are no earlier runs or comments.",
  ];
}

function editOf({ comment, absence }: Assumed): string {
  if (comment === null || absence !== null) return "";
  return comment.editedAt === null ? " It was not edited." : " It was edited.";
}

function visibilityOf({ thread: { isInternal }, isPublic }: Assumed): string[] {
  if (isInternal !== true) return [];
  if (isPublic !== undefined) return [`It is confidential. The project is ${isPublic ? "not private" : "private"}.`];
  return ["It is confidential. The event does not show whether the project is private. Assumed: yes."];
}

function deliveryOf(assumed: Assumed): string[] {
  const { forge, isForgeKnown, origin, repository, thread: { pull } } = assumed;
  if (isElsewhere(assumed)) {
    return [
      "Mogplex works in the repository that `repos list` shows under this name. It delivers branches and pull requests to " +
      `GitHub, not to ${forge.system}.`,
      ...pull === null ? [] : [
        `Branches are not copied in either direction: push ${pull.source} to GitHub first, and fetch the agent's commits from there.`,
      ],
    ];
  }
  const { host, hostname } = new URL(origin);
  if (!isForgeKnown || hostname === DELIVERY_HOST) return [];
  // The contract of the service does not specify whether it delivers to a self-hosted GitHub.
  return [
    `Mogplex delivers to ${host}. Check this with a first run: Mogplex identifies repositories only by name, and ` +
    `${repository} on ${DELIVERY_HOST} can be a different one.`,
  ];
}

function requestsOf({ comment, labels, absence, earlierLabels }: Assumed): string[] {
  if (absence === "system") return ["This is not a comment, but the forge's record of an action"];
  if (absence === "deleted" && comment === null) return ["The thread was deleted"];
  if (comment !== null) return [absence === "deleted" ? "The comment was deleted. It was" : "The comment is"];
  if (labels.length === 0) return ["The event has no comment and no label. It is"];
  const newLabels = labels.filter((each) => !earlierLabels.includes(each));
  return [
    ...newLabels.length === 0 ? [] : [labelsSet(newLabels)],
    ...earlierLabels.length === 0
      ? []
      : [`${labelsSet(earlierLabels)} before this event, which does not show by whom. Assumed:`],
  ];
}

function labelsSet(labels: readonly string[]): string {
  const names = labels.map((each) => JSON.stringify(each)).join(", ");
  return labels.length === 1 ? `The label ${names} was set` : `The labels ${names} were set`;
}
