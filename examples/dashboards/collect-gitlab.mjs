// deno-lint-ignore-file no-console -- a script writes to the log of its job
// Downloads the histories of the Mogplex jobs of many GitLab projects, from which a dashboard counts their runs.
//
//   node collect-gitlab.mjs projects.txt runs
//
// projects.txt has the path of a project in each line, and # starts a comment. Each job becomes a file, such as runs/acme-web-1234.ndjson, also if it failed or
// was retried. A file that exists is not downloaded again: keep the folder in a cache, because GitLab deletes artifacts. It looks at
// the newest 300 jobs of each project: set PAGES for more. Needs GITLAB_TOKEN, a token with the scope read_api and the role Developer
// in all projects, such as a group access token. Outside GitLab CI, set GITLAB_URL, such as https://gitlab.example.com. Set JOBS
// if your jobs have other names, and HISTORY for another path.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [, , list = "projects.txt", folder = "runs"] = process.argv;
const { CI_API_V4_URL, GITLAB_URL = "https://gitlab.com", GITLAB_TOKEN = "", PAGES = "3" } = process.env;
const { JOBS = "mogplex mogplex-run mogplex-respond", HISTORY = "mogplex-ci/runs.ndjson" } = process.env;
const names = JOBS.split(" ");
const api = `${CI_API_V4_URL ?? `${GITLAB_URL}/api/v4`}/projects/`;

async function get(path) {
  const answer = await fetch(api + path, { headers: { "private-token": GITLAB_TOKEN } });
  const text = await answer.text();
  if (answer.ok) return text;
  throw new Error(
    `HTTP ${answer.status}${text.startsWith("{") ? `: ${JSON.parse(text).message ?? JSON.parse(text).error}` : ""}`,
  );
}

async function collect(project) {
  const id = encodeURIComponent(project);
  let count = 0;
  // The newest 100 jobs on each page.
  for (let page = 1; page <= Number(PAGES); page++) {
    const query = `scope[]=success&scope[]=failed&scope[]=canceled&include_retried=true&per_page=100&page=${page}`;
    const jobs = JSON.parse(await get(`${id}/jobs?${query}`));
    for (
      const job of jobs.filter(({ name, artifacts }) =>
        names.includes(name) && artifacts.some((each) => each.file_type === "archive")
      )
    ) {
      const file = join(folder, `${project.replaceAll(/[^A-Za-z0-9._]/g, "-")}-${job.id}.ndjson`);
      if (existsSync(file)) continue;
      // The job might have ended before it wrote a history.
      const text = await get(`${id}/jobs/${job.id}/artifacts/${HISTORY}`).catch((error) => {
        if (error.message.startsWith("HTTP 404")) return "";
        throw error;
      });
      if (text === "") continue;
      writeFileSync(file, text);
      count++;
    }
    if (jobs.length < 100) break;
  }
  return count;
}

mkdirSync(folder, { recursive: true });
const lines = readFileSync(list, "utf8").split("\n").map((line) => line.trim());
for (const project of lines.filter((line) => line !== "" && !line.startsWith("#"))) {
  try {
    console.log(`${project}: ${await collect(project)} new`);
  } catch (error) {
    console.error(`Cannot collect the runs of ${project}: ${error.message}`);
    process.exitCode = 1;
  }
}
