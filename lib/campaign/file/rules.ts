/**
 * Globs have their own matcher, because `picomatch` (25 KB) creates regular expressions, which can take exponential time for a user's glob.
 *
 * @module
 */
import { platformVariables } from "../../ci/detect.ts";
import { PERSON_VARIABLES } from "../../ci/platform.ts";
import { UsageError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { checkResultPath } from "../../result/result_path.ts";
import { isUuid, normalizeRoot } from "../../service/contract.ts";
import { branchNameProblem, textProblem } from "../../service/validate.ts";
import { DURATION_FORMS, durationForms, parseDuration } from "../../text/duration.ts";
import { NETWORK_VARIABLES, SECRET_VARIABLES, TRACE_VARIABLES, VARIABLES } from "../../variables.ts";
import { CAMPAIGN_NAME, type StartWindow } from "./campaign_file.ts";

// Globs of repository names: `*` matches any characters within the owner or the name, `**` any characters, and `?` one character except "/".

const MAX_GLOB = 250;

export function globProblem(glob: string): string | undefined {
  const allowed = "it must be a name or a glob of names, as in acme/legacy-* or */docs";
  if (glob === "" || glob.length > MAX_GLOB) return allowed;
  const odd = /[^A-Za-z0-9_./*?-]/u.exec(glob)?.[0];
  if (odd !== undefined) {
    return `${allowed}; the character ${JSON.stringify(odd)} is not allowed, only *, ** and ? are special`;
  }
  if (glob.includes("**")) return undefined;
  if (glob.split("/").length === 2 && !glob.startsWith("/") && !glob.endsWith("/")) return undefined;
  const owner = /^([\w.-]+)\/?$/.exec(glob)?.[1];
  return owner === undefined ? `${allowed}: it needs one "/"` : `${allowed}; for all of ${owner} write "${owner}/*"`;
}

export function matchesGlob(glob: string, name: string): boolean {
  const letters = [...name.toLowerCase()];
  /** Element n says whether the part of the glob that was read so far matches the first n characters of the name. */
  let fits = [true, ...letters.map(() => false)];
  for (const [step] of glob.toLowerCase().matchAll(/\*+|[^*]/gs)) {
    const next = fits.map(() => false);
    for (let count = 0; count < fits.length; count++) {
      const last = letters[count - 1];
      if (step.startsWith("*")) {
        const goesOn = last !== undefined && (step.length > 1 || last !== "/") && next[count - 1] === true;
        next[count] = fits[count] === true || goesOn;
      } else {
        next[count] = fits[count - 1] === true && (step === last || step === "?" && last !== "/");
      }
    }
    fits = next;
  }
  return fits.at(-1) === true;
}

export type Rule = (text: string) => string | undefined;

const RUN_TIMEOUT = { min: 60_000, max: 86_400_000 };

/** Source: GitHub limits names to 100 characters. */
const MAX_NAME = 100;

export const MAX_BRANCH = 200;

export const BUILT_IN_VARIABLES: readonly string[] = [
  "campaign",
  "repository.name",
  "repository.owner",
  "root",
  "round",
];

export function firstProblem(...rules: readonly Rule[]): Rule {
  return (text) => {
    for (const rule of rules) {
      const problem = rule(text);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
}

export function storable(text: string): string | undefined {
  const problem = textProblem(text);
  return problem === undefined ? undefined : `${problem}, which the service cannot store; remove it`;
}

export function ofLength(min: number, max: number): Rule {
  return (text) => {
    if (text.length < min) return min === 1 ? "it is empty" : `it must have at least ${min} characters`;
    return text.length <= max ? undefined : `it has ${text.length} characters; at most ${max} are allowed`;
  };
}

export function notBlank(text: string): string | undefined {
  return text.trim() === "" ? "it is empty; enter text" : undefined;
}

export function oneLine(text: string): string | undefined {
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f\u0085\u2028\u2029]/.test(text)) return "it must be one line without control characters";
  return text === text.trim() ? undefined : "it has leading or trailing spaces; remove them";
}

export function campaignName(text: string): string | undefined {
  if (CAMPAIGN_NAME.test(text)) return undefined;
  const allowed = 'use 1 to 40 lowercase letters, digits and "-", and do not begin with "-"';
  const near = text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
  return near === "" ? allowed : `${allowed}; did you mean "${near}"?`;
}

export function variableName(text: string): string | undefined {
  if (["root", "campaign", "round", "repository"].includes(text)) {
    return `this name is taken: {{ ${text} }} is already defined; choose another`;
  }
  return /^[A-Za-z][A-Za-z0-9_-]{0,39}$/.test(text)
    ? undefined
    : 'the name of a variable has 1 to 40 letters, digits, "_" and "-", and begins with a letter';
}

function environmentName(text: string): string | undefined {
  return /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(text) ? undefined : "it must be the name of an environment variable";
}

const FOREIGN = /^(?:ACTIONS|AWS|AZURE|BITBUCKET|BUILDKITE|CI|GH|GITHUB|GITLAB|GOOGLE|NPM|RUNNER|SYSTEM)_/i;

/** System variables that the toolkit reads, or that Git reads when the toolkit runs it. */
const OF_THE_SYSTEM: readonly string[] = [
  "GIT_SSL_CAINFO",
  "HOME",
  "NODE_ENV",
  "PATH",
  "SSH_AUTH_SOCK",
  "SSL_CERT_DIR",
  "SSL_CERT_FILE",
  "TERM",
  "TMPDIR",
];

function isRead(name: string): boolean {
  const names = [
    ...[...OF_THE_SYSTEM, ...NETWORK_VARIABLES, ...TRACE_VARIABLES, ...PERSON_VARIABLES, ...platformVariables()],
    ...VARIABLES,
  ];
  return name.startsWith("MOGPLEX_") && !WEBHOOK.test(name) || names.some((each) => each.toUpperCase() === name);
}

/**
 * Accepts only an environment variable that no CI system, other service or other part of the toolkit uses, because its value is sent to the webhook's
 * host.
 */
export function freeVariable(text: string): string | undefined {
  const problem = environmentName(text);
  if (problem !== undefined) return problem;
  const name = text.toUpperCase();
  if (FOREIGN.test(text) || SECRET_VARIABLES.includes(name)) {
    return "this variable belongs to a CI system or another service; choose another name";
  }
  return isRead(name) ? "the toolkit reads this variable for something else; choose another name" : undefined;
}

/** Variables whose values can be sent to a webhook without permission from the user. */
const WEBHOOK = /^(?:CAMPAIGN_|MOGPLEX_WEBHOOK)/;

export function webhookVariable(text: string, permitted: string | undefined, permit: string): string | undefined {
  return WEBHOOK.test(text) || text === permitted
    ? undefined
    : "its name must begin with CAMPAIGN_ or MOGPLEX_WEBHOOK, so that a file cannot send any other secret of the job; " +
      `rename it, or allow it with ${permit}`;
}

/** The port must be included unless it is 443. */
export function hostName(text: string): string | undefined {
  const allowed = "it must be only the host of the address, as in hooks.slack.com or chat.example.com:8443";
  const address = /^https?:\/\/([^/?#@]+)/i.exec(text)?.[1];
  if (address !== undefined) return `${allowed}; did you mean "${address}"?`;
  const isHost = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i.test(text) && URL.canParse(`https://${text}`);
  return isHost && new URL(`https://${text}`).host === text.toLowerCase() ? undefined : allowed;
}

export function partsOfAddress(text: string): { host: string; name: string } | undefined {
  const match =
    /^(?:(?:https?|ssh):\/\/(?:[^/@]*@)*([^/:@]+)(?::\d+)?\/|git@([^:/@]+):)([\w.-]+\/[\w.-]+?)(?:\.git)?\/?$/.exec(
      text,
    );
  return match === null ? undefined : { host: (match[1] ?? match[2] ?? "").toLowerCase(), name: match[3] ?? "" };
}

export function repository(text: string): string | undefined {
  if (isUuid(text)) return undefined;
  const allowed = "it must be the owner/name, address or id (a UUID) of a repository";
  const address = partsOfAddress(text);
  if (address !== undefined) return repository(address.name);
  if (/[*?]/.test(text)) {
    return `${allowed}, without * and ?; for several repositories write { query: owner/, exclude: [...] }`;
  }
  const owners = /^[\w.-]+$/.exec(text);
  if (owners !== null) return `${allowed}; for all repositories of an owner write { query: ${text}/ }`;
  const [, repo, branch] = /^([\w.-]+\/[\w.-]+)[@#,:]([\w./-]+)$/.exec(text) ?? [];
  if (repo !== undefined) return `${allowed}; give a branch with { repo: ${repo}, base-branch: ${branch} }`;
  const [owner = "", name = "", ...more] = text.split("/");
  if (more.length > 0) return `${allowed}: there are too many "/"`;
  const isName = (part: string) =>
    /^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/.test(part) && part.length <= MAX_NAME && !part.includes("..") && part !== ".";
  return isName(owner) && isName(name) ? undefined : allowed;
}

export function queryText(text: string): string | undefined {
  if (/[*?]/.test(text)) return "a query is a prefix; use * and ? in exclude only";
  if (/^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]*)?$/.test(text) && text.length <= 2 * MAX_NAME) return undefined;
  return 'it must be a prefix of names, as in acme/ or acme/web-; use letters, digits, "_", ".", "-" and at most one "/"';
}

export function nameGlob(text: string): string | undefined {
  const address = partsOfAddress(text)?.name;
  if (address !== undefined) return `it must be a name or a glob, without an address; did you mean "${address}"?`;
  if (isUuid(text)) return "a glob matches names, not ids; write owner/name";
  return globProblem(text);
}

export function branchName(text: string): string | undefined {
  const problem = branchNameProblem(text);
  return problem === undefined
    ? undefined
    : `${problem}; the service accepts letters, digits, "_", ".", "/" and "-" in a branch`;
}

export function rootDirectory(text: string): string | undefined {
  const control = oneLine(text);
  if (control !== undefined) return control;
  const result = normalizeRoot(text);
  return result.ok ? undefined : `${result.problem}; give a directory inside the repository, as in packages/api`;
}

export function filePath(text: string): string | undefined {
  // deno-lint-ignore no-control-regex
  return /[\x00-\x1f\x7f]/.test(text) ? "a path must not contain control characters" : undefined;
}

/** Without `{id}`, a result file from an earlier, merged pull request would be read as the result of the next run. */
export function resultPath(text: string): string | undefined {
  if (!text.includes("{id}")) return "it must contain {id}, as in .mogplex/result-{id}.json";
  try {
    checkResultPath(text);
    return undefined;
  } catch (error) {
    if (error instanceof UsageError) return [error.why, ...error.advice === null ? [] : [error.advice]].join("; ");
    throw error;
  }
}

/** A campaign file cannot name a Git address, because the job would send its Git token to that address. */
export const FILE_HOME_FORMS =
  "it must be a directory below the working directory, such as mogplex-campaign, or git:origin#BRANCH; give any other address with " +
  "--home or MOGPLEX_CAMPAIGN_HOME";

export function fileHome(text: string): string | undefined {
  if (text.startsWith("git:")) return /^git:origin#\S+$/.test(text) ? undefined : FILE_HOME_FORMS;
  const isBelow = /^[\w.][\w./-]*$/.test(text) && !text.split("/").includes("..");
  return isBelow ? undefined : FILE_HOME_FORMS;
}

export function runTimeout(text: string): string | undefined {
  const ms = parseDuration(text);
  return ms !== undefined && ms >= RUN_TIMEOUT.min && ms <= RUN_TIMEOUT.max ? undefined : RUN_TIMEOUT_FORMS;
}

export const RUN_TIMEOUT_FORMS = `it must be a duration from 1m to 24h: ${durationForms("90s")}`;

export function reviewer(text: string): string | undefined {
  const allowed = "it must be the name of a user, team:NAME or codeowners";
  return /^(?:team:)?[A-Za-z0-9_][\w.-]{0,99}$|^team:[A-Za-z0-9_][\w.-]{0,99}\/[A-Za-z0-9_][\w.-]{0,99}$/.test(text)
    ? undefined
    : allowed;
}

/** GitLab separates labels with commas. */
export function label(text: string): string | undefined {
  return text.includes(",") ? "a label must not contain a comma" : undefined;
}

export const MAX_WAIT_S = 2_592_000;

export const WAIT_FORMS = `it must be a duration of at most 720h: ${DURATION_FORMS}`;

export function waitTime(text: string): string | undefined {
  const ms = parseDuration(text);
  return ms !== undefined && ms <= MAX_WAIT_S * 1_000 ? undefined : WAIT_FORMS;
}

export const THRESHOLD_FORMS = "it must be a number of items, at least 1, or a share from 1% to 100%";

export function percentage(text: string): string | undefined {
  return /^(?:[1-9]\d?|100)%$/.test(text) ? undefined : THRESHOLD_FORMS;
}

const DAYS: readonly string[] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const FORM = 'it must be days, times and a time zone, as in "Mon-Fri 20:00-06:00 Europe/Vienna"';
const DEFAULT_ZONE = "UTC";

type WindowResult = { ok: true; window: StartWindow } | { ok: false; problem: string };

class Problem extends Error {}

function dayNumber(text: string): number {
  const index = DAYS.findIndex((day) => day.toLowerCase() === text.toLowerCase());
  if (index >= 0) return index + 1;
  const near = nearest(text.slice(0, 3), DAYS.filter((day) => day[0]?.toLowerCase() === text[0]?.toLowerCase()));
  const hint = near === undefined ? "" : `; did you mean "${near}"?`;
  throw new Problem(`there is no day ${JSON.stringify(text)}; write ${DAYS.join(", ")}, or daily${hint}`);
}

function daysOf(text: string): number[] {
  if (text.toLowerCase() === "daily") return [1, 2, 3, 4, 5, 6, 7];
  const days = new Set<number>();
  for (const part of text.split(",")) {
    const [first = "", last = first, ...more] = part.split("-");
    if (more.length > 0) throw new Problem(`${FORM}; a range of days has two days`);
    const [from, to] = [dayNumber(first), dayNumber(last)];
    for (let day = from; day !== to; day = day % 7 + 1) days.add(day);
    days.add(to);
  }
  return [...days].sort((a, b) => a - b);
}

function minuteOf(text: string, latest: number): number {
  const [, hours = "", minutes = ""] = /^(\d\d?):(\d\d)$/.exec(text) ?? [];
  const minute = Number(hours) * 60 + Number(minutes);
  if (hours !== "" && Number(minutes) < 60 && minute <= latest) return minute;
  throw new Problem(
    `${JSON.stringify(text)} is not a time of day; write HH:MM, 00:00 to 23:59, and 24:00 for an end at midnight`,
  );
}

function checkZone(zone: string): string {
  try {
    // Offsets such as +02:00 are refused, because Node 20 does not support them and they ignore daylight saving time.
    if (/^[A-Za-z]/.test(zone)) {
      new Intl.DateTimeFormat("en", { timeZone: zone });
      return zone;
    }
  } catch {
    // The zone is unknown, which is reported below.
  }
  const near = nearestZone(zone);
  const hint = near === undefined ? "" : `; did you mean "${near}"?`;
  throw new Problem(`there is no time zone ${JSON.stringify(zone)}; write its name, as in Europe/Vienna or UTC${hint}`);
}

/** A city in the same area with the same first letter. Most other cities with a similar name are in another country. */
function nearestZone(zone: string): string | undefined {
  const city = zone.lastIndexOf("/") + 1;
  const beginning = zone.slice(0, city + 1).toLowerCase();
  const zones = [...Intl.supportedValuesOf("timeZone"), "UTC"];
  const alike = zones.filter((name) => name.toLowerCase().startsWith(beginning));
  const near = nearest(zone.slice(city), alike.map((name) => name.slice(city)));
  return near === undefined
    ? zones.find((name) => name.toLowerCase().endsWith(`/${zone.slice(city).toLowerCase()}`))
    : zone.slice(0, city) + near;
}

function allOf<T extends object>(parts: { [K in keyof T]: () => T[K] }): T {
  const problems: string[] = [];
  const values = Object.entries<() => unknown>(parts).map(([key, read]) => {
    try {
      return [key, read()];
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problems.push(error.message);
      return [key];
    }
  });
  if (problems.length > 0) throw new Problem(problems.join("; "));
  return Object.fromEntries(values);
}

function windowOf(text: string): StartWindow {
  const [days = "", times = "", zone = DEFAULT_ZONE, ...more] = text.trim().split(/\s+/);
  if (/^\d/.test(days)) throw new Problem(`${FORM}; the days are missing (write "daily" for all of them)`);
  if (times === "" || more.length > 0) throw new Problem(FORM);
  const [from = "", to, ...others] = times.split("-");
  if (to === undefined || others.length > 0) throw new Problem(`${FORM}; two times are needed, as in 20:00-06:00`);
  const window = {
    text,
    ...allOf({
      days: () => daysOf(days),
      fromMinute: () => minuteOf(from, 1_439),
      toMinute: () => minuteOf(to, 1_440),
      zone: () => checkZone(zone),
    }),
  };
  if (window.fromMinute === window.toMinute) {
    throw new Problem("it begins and ends at the same time; for a whole day write 00:00-24:00");
  }
  return window;
}

export function parseWindow(text: string): WindowResult {
  if (text.length > 200) return { ok: false, problem: FORM };
  try {
    return { ok: true, window: windowOf(text) };
  } catch (error) {
    if (error instanceof Problem) return { ok: false, problem: error.message };
    throw error;
  }
}
