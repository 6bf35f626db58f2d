// deno-lint-ignore-file no-console -- a script writes to the log of its job
// Downloads the histories of Mogplex jobs in many GitLab projects, for a dashboard that counts their runs.
//
//   node collect-gitlab.mjs projects.txt runs
//
// projects.txt has one project path per line, and # starts a comment. Each job becomes a file, such as
// runs/acme-web-1234.ndjson, even if it failed or was retried. An existing file is not downloaded again: keep the folder in a
// cache, because GitLab deletes artifacts. Needs GITLAB_TOKEN, a token with the read_api scope and the Developer role in all projects,
// such as a group access token. Outside GitLab CI, set GITLAB_URL, such as https://gitlab.example.com. Set JOBS if your jobs have other
// names, separated by spaces, and HISTORY for another path. A name also matches the job's parallel copies, such as
// "mogplex: [acme/web]" and "mogplex 1/3".
//
// For a new project, the script reads all jobs of the last 12 weeks. Once it has collected a run of the project, it reads only jobs
// that are newer than 3 days before the last complete collection. runs/collected.json has the time of that collection. The script
// stops after the newest 3000 jobs of a project: set PAGES for more pages of 100 jobs, or SINCE=2026-11-30 to leave out older jobs.
//
// If you remove a project from projects.txt, the next call deletes the histories that were collected from that project.
// runs/not-collected.ndjson lists the projects that the script cannot read completely, and projects without any collected run. The
// dashboard shows these projects. If the script cannot read projects.txt, it exits with 2. If it cannot read any project, it exits
// with 64 (no token, or GitLab refuses it), 65 (the token cannot read the projects) or 69 (GitLab is down). It stops at once if
// GitLab refuses the token, or if the network fails before GitLab has answered any request.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const [, , list = "projects.txt", folder = "runs"] = process.argv;
const { CI_API_V4_URL, GITLAB_URL = "https://gitlab.com", GITLAB_TOKEN = "", PAGES = "30", SINCE = "" } = process.env;
const { JOBS = "mogplex mogplex-run mogplex-respond mogplex-campaign", HISTORY = "mogplex-ci/runs.ndjson" } =
  process.env;
const names = JOBS.split(" ").filter((name) => name !== "");
const api = `${CI_API_V4_URL ?? `${GITLAB_URL}/api/v4`}/projects/`;

/** Whether any request got an answer. */
let isReached = false;

class GitlabError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Undefined if the text is not JSON. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function get(path) {
  const answer = await fetch(api + path, { headers: { "private-token": GITLAB_TOKEN } }).catch((error) => {
    throw new GitlabError(0, error.cause?.message || error.message);
  });
  isReached = true;
  const text = await answer.text();
  if (answer.ok) return text;
  const { status } = answer;
  const body = parsed(text) ?? {};
  throw new GitlabError(status, [`HTTP ${status}`, ...[body.message ?? body.error ?? []].flat()].join(": "));
}

/** @throws if the answer is not a list in JSON: a proxy or a login page might answer instead of GitLab. */
async function getList(path) {
  const list = parsed(await get(path));
  if (Array.isArray(list) && list.every((each) => each !== null && typeof each === "object")) return list;
  throw new GitlabError(0, `the answer is not a list of jobs; check that ${new URL(api).origin} is GitLab`);
}

const DAY_MS = 86_400_000;

/** GitLab adds ": [acme/web]" or " 1/3" to the names of parallel jobs. */
function isWanted({ name }) {
  return names.includes(name.replace(/: \[.*\]$| \d+\/\d+$/, ""));
}

const prefixOf = (project) => `${project.replaceAll(/[^A-Za-z0-9._]/g, "-")}-`;

/** The files of the project, from this or an earlier collection. */
function historiesOf(project) {
  const prefix = prefixOf(project);
  return readdirSync(folder).filter((file) =>
    file.startsWith(prefix) && /^\d+\.ndjson$/.test(file.slice(prefix.length))
  );
}

const hasHistory = (project) => historiesOf(project).length > 0;

/** Deletes what earlier collections wrote for projects that are no longer listed: the dashboard would still watch them. */
function removeUnlisted(projects, collected) {
  const prefixes = projects.map(prefixOf);
  for (const project of Object.keys(collected).filter((each) => !projects.includes(each))) {
    delete collected[project];
    // "acme/web" and "acme-web" have the same prefix.
    const files = prefixes.includes(prefixOf(project)) ? [] : historiesOf(project);
    for (const file of files) rmSync(join(folder, file));
    console.log(`${project}: no longer in ${list}, ${files.length} removed`);
  }
}

const ANY = new Intl.ListFormat("en", { type: "disjunction" });
const STATUS_WORDS = { success: "succeeded", failed: "failed", canceled: "was cancelled" };

/** @param job The newest job that can have a history; undefined if there is none. */
function whyEmpty(job) {
  if (job === undefined) return `No job named ${ANY.format(names)} has finished. Check the name, or set JOBS.`;
  const { name, status } = job;
  return `The newest job, ${name}, ${STATUS_WORDS[status]}, but left no history. ` +
    `Look at its log, and check that it writes ${HISTORY} and keeps it as an artifact.`;
}

/** Why a project cannot be read, with what to do. */
function whyUnread({ status, message }) {
  switch (status) {
    case 401:
      return `GitLab refuses GITLAB_TOKEN (HTTP 401). Store a token that has not expired.`;
    case 403:
      return `GitLab refuses GITLAB_TOKEN for this project (HTTP 403). Give the token the Developer role there.`;
    // GitLab gives the same answer for a project that the token cannot see.
    case 404:
      return `GitLab finds no such project (HTTP 404). Check its path, and give the token the Developer role there.`;
    default:
      return message;
  }
}

/**
 * Downloads the histories of a project.
 * @param fromMs Jobs that are older are ignored. Milliseconds since 1970.
 * @returns How many are new, the newest job that can have a history, and the day of the oldest job if not all jobs were read.
 */
async function collect(project, fromMs) {
  const id = encodeURIComponent(project);
  let count = 0;
  let oldest = "";
  let newest;
  // The newest 100 jobs on each page.
  for (let page = 1; page <= Number(PAGES); page++) {
    const query = `scope[]=success&scope[]=failed&scope[]=canceled&include_retried=true&per_page=100&page=${page}`;
    const jobs = await getList(`${id}/jobs?${query}`);
    const wanted = jobs.filter(isWanted);
    newest ??= wanted[0];
    for (const job of wanted.filter(({ artifacts }) => artifacts?.some((each) => each.file_type === "archive"))) {
      const file = join(folder, `${prefixOf(project)}${job.id}.ndjson`);
      if (existsSync(file)) continue;
      // The job might have ended before it wrote a history.
      const text = await get(`${id}/jobs/${job.id}/artifacts/${HISTORY}`).catch((error) => {
        if (error.status === 404) return "";
        throw error;
      });
      if (text === "") continue;
      writeFileSync(file, text);
      count++;
    }
    oldest = jobs.at(-1)?.created_at ?? "";
    if (jobs.length < 100 || Date.parse(oldest) < fromMs) return { count, newest, cutAt: null };
  }
  return { count, newest, cutAt: oldest.slice(0, 10) };
}

/** When each project was last collected completely; null if it never was. Without the file, or if it is broken, all projects are new. */
function readCollected(file) {
  return existsSync(file) ? parsed(readFileSync(file, "utf8")) ?? {} : {};
}

function readProjects() {
  try {
    const lines = readFileSync(list, "utf8").split("\n").map((line) => line.trim());
    return lines.filter((line) => line !== "" && !line.startsWith("#"));
  } catch (error) {
    console.error(
      `Cannot collect runs because the list of projects cannot be read: "${list}" (${error.code}); give a file with one project path per line`,
    );
    process.exit(2);
  }
}

if (GITLAB_TOKEN === "") {
  console.error(
    "Cannot collect runs: variable GITLAB_TOKEN is empty (protected variables are absent on unprotected refs); store a token with the read_api scope and the Developer role",
  );
  process.exit(64);
}
const projects = readProjects();
mkdirSync(folder, { recursive: true });
/** Why the runs of a project are missing. */
const missing = new Map();
const stateFile = join(folder, "collected.json");
const collected = readCollected(stateFile);
removeUnlisted(projects, collected);
let unread = 0;
let first;
for (const [index, project] of projects.entries()) {
  const now = Date.now();
  // Without a history, JOBS or HISTORY might have been wrong in earlier collections.
  const lastMs = hasHistory(project) ? Date.parse(collected[project] ?? "") : NaN;
  // 3 days earlier, because a job that was running at the last collection was created before it.
  const from = [now - 84 * DAY_MS, lastMs - 3 * DAY_MS, Date.parse(SINCE)].filter((ms) => !Number.isNaN(ms));
  try {
    const { count, newest, cutAt } = await collect(project, Math.max(...from));
    console.log(`${project}: ${count} new`);
    collected[project] ??= null;
    if (cutAt === null) collected[project] = new Date(now).toISOString();
    else {
      const most = `the newest ${100 * Number(PAGES)} jobs only go back to ${cutAt}`;
      missing.set(project, `Not all jobs were read: ${most}; set PAGES to more than ${PAGES}, or SINCE to a later day`);
    }
    // If not all jobs were read, an older job might have one of the names.
    if (!hasHistory(project) && (cutAt === null || newest !== undefined)) missing.set(project, whyEmpty(newest));
    if (missing.has(project)) console.error(`${project}: ${missing.get(project)}`);
  } catch (error) {
    first ??= error;
    // GitLab answers 404 for a project that a token cannot see, and 401 if it refuses the token itself.
    const isRefused = error.status === 401;
    const isLast = isRefused || !isReached;
    const affected = isLast ? projects.slice(index) : [project];
    unread += affected.length;
    const why = whyUnread(error);
    for (const each of affected) missing.set(each, why);
    const isDown = isLast && !isRefused;
    const cause = isDown ? `; ${new URL(api).origin} cannot be reached, so no other project was read` : "";
    console.error(
      `Cannot collect the runs of ${project}: ${why}${cause}${isRefused ? " No other project was read." : ""}`,
    );
    if (isLast) break;
  }
}
writeFileSync(stateFile, `${JSON.stringify(collected, null, 2)}\n`);
// Written on each call, because the folder might have the list of an earlier call.
const report = join(folder, "not-collected.ndjson");
rmSync(report, { force: true });
if (missing.size > 0) {
  const line = ([source, why]) =>
    `${JSON.stringify({ schemaVersion: 1, kind: "problem", source, why, empty: !hasHistory(source) })}\n`;
  writeFileSync(report, [...missing].map(line).join(""));
}
if (projects.length > 0 && unread === projects.length) {
  process.exitCode = { 401: 64, 403: 65, 404: 65 }[first.status] ?? 69;
}
