/**
 * The pictures of the README: a terminal, and the page of a GitLab job. `npm run docs` writes these pictures.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../setup.mjs";
import { linesOf, type Span, textOf } from "./ansi.ts";
import { type RealRun, realRun } from "./real_run.ts";
import { CELL, line, picture, xml } from "./svg.ts";

const MARGIN = 18;
/** Maximum length of a line in the job's log, so that the picture is as wide as on a page. */
const MAX_COLUMNS = 72;
const MAX_LABEL = 27;
const FRAME = '<rect width="100%" height="100%" rx="8" fill="#0d1117"/>';

function widthOf(lines: readonly (readonly Span[])[]): number {
  return Math.ceil(Math.max(...lines.map((each) => textOf(each).length)) * CELL.width);
}

function terminal({ command, output }: RealRun): string {
  const prompt: Span[] = [{ text: "$ ", style: ["dim"] }, { text: command, style: ["bold"] }];
  const lines = [prompt, ...linesOf(output)];
  const top = 40;
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map((fill, index) =>
    `<circle cx="${MARGIN + 6 + index * 20}" cy="18" r="6" fill="${fill}"/>`
  );
  const rows = lines.map((each, index) => line(each, MARGIN, top + (index + 1) * CELL.height - 5));
  const height = top + lines.length * CELL.height + MARGIN;
  return picture("A run in a terminal", widthOf(lines) + 2 * MARGIN, height, [FRAME, ...dots, ...rows]);
}

interface Row {
  spans: Span[];
  section?: { seconds: number; folded: boolean };
}

// deno-lint-ignore no-control-regex
const SECTION = /^(?:\x1b\[0K)?section_(start|end):(\d+):[\w.-]+(\[collapsed=true\])?\r/;

/** Source: GitLab, "Custom collapsible sections". */
function rowsOf(output: string): Row[] {
  const rows: Row[] = [];
  let open: { row: Row; from: number } | undefined;
  for (const text of output.trimEnd().split("\n")) {
    const [, kind, time, folded] = SECTION.exec(text) ?? [];
    const [spans = []] = linesOf(text);
    if (kind === "start") {
      open = { row: { spans, section: { seconds: 0, folded: folded !== undefined } }, from: Number(time) };
      rows.push(open.row);
    } else if (kind === "end") {
      if (open?.row.section !== undefined) open.row.section.seconds = Number(time) - open.from;
      open = undefined;
    } else if (open?.row.section?.folded !== true) rows.push({ spans });
  }
  return rows;
}

/** Wraps a line of a log at {@linkcode MAX_COLUMNS}, as GitLab does. Breaks are at spaces. */
function wrapped(spans: readonly Span[]): Span[][] {
  const first: Span[] = [];
  const lines = [first];
  let [last, column] = [first, 0];
  for (const { text, style } of spans) {
    for (const [word] of text.matchAll(/\S+\s*|\s+/g)) {
      if (column > 0 && column + word.trimEnd().length > MAX_COLUMNS) {
        lines.push(last = []);
        column = 0;
      }
      const before = last.at(-1);
      if (before?.style === style) before.text += word;
      else last.push({ text: word, style });
      column += word.length;
    }
  }
  return lines;
}

/** Links that GitLab shows next to the log. Source: GitLab, "artifacts:reports:annotations". */
function linksOf(files: ReadonlyMap<string, string>): string[] {
  const text = [...files].find(([path]) => path.endsWith("annotations.json"))?.[1] ?? "{}";
  const links = Object.values(JSON.parse(text)).flat() as { external_link?: { label: string } }[];
  return links.flatMap(({ external_link }) => external_link === undefined ? [] : [external_link.label]);
}

function gitlabJob({ output, files }: RealRun): string {
  const rows = rowsOf(output).flatMap(({ spans, section }, index) =>
    (section === undefined ? wrapped(spans) : [spans]).map((each, part) => ({
      spans: each,
      section,
      digits: part === 0 ? String(index + 1).padStart(3) : "",
    }))
  );
  const [top, gutter, side] = [62, 48, 250];
  const width = widthOf(rows.map(({ spans }) => spans)) + gutter + 2 * MARGIN + side;
  const height = top + rows.length * CELL.height + MARGIN;
  const log = width - side;
  const parts = rows.flatMap(({ spans, section, digits }, index) => {
    const y = top + (index + 1) * CELL.height - 5;
    const number: Span[] = [{ text: digits, style: ["dim"] }];
    if (section === undefined) return [line(number, MARGIN, y), line(spans, MARGIN + gutter, y)];
    const minutes = `${String(Math.floor(section.seconds / 60)).padStart(2, "0")}:${
      String(section.seconds % 60).padStart(2, "0")
    }`;
    const heading = [{ text: section.folded ? "▸ " : "▾ ", style: [] }, {
      text: textOf(spans),
      style: ["bold", "cyan"],
    }];
    return [
      line(number, MARGIN, y),
      line(heading, MARGIN + gutter - 16, y),
      line([{ text: minutes, style: ["dim"] }], log - 60, y),
    ];
  });
  const links = linksOf(files).map((label, index) =>
    `<text x="${log + 20}" y="${top + 84 + index * 22}" fill="#58a6ff">${
      xml(label.length > MAX_LABEL ? `${label.slice(0, MAX_LABEL - 1)}…` : label)
    }</text>`
  );
  return picture("The page of a GitLab job", width, height, [
    FRAME,
    `<rect x="${MARGIN}" y="16" width="70" height="24" rx="12" fill="#238636"/>`,
    `<text x="${MARGIN + 14}" y="32" fill="#fff">Passed</text>`,
    `<text x="${MARGIN + 84}" y="32" font-weight="bold">Job mogplex-run</text>`,
    `<line x1="${log}" y1="${top - 8}" x2="${log}" y2="${height}" stroke="#30363d"/>`,
    `<text x="${log + 20}" y="${top + 22}" fill="#8b949e">artifacts: mogplex-ci/</text>`,
    `<text x="${log + 20}" y="${top + 56}" font-weight="bold">External links</text>`,
    ...links,
    ...parts,
  ]);
}

const GITLAB: Readonly<Record<string, string>> = {
  GITLAB_CI: "true",
  CI: "true",
  CI_SERVER_URL: "https://gitlab.example.com",
  CI_PROJECT_ID: "42",
  CI_PIPELINE_ID: "7",
  CI_JOB_NAME: "mogplex-run",
  CI_JOB_ID: "70",
  CI_JOB_URL: "https://gitlab.example.com/acme/web/-/jobs/70",
};

export async function pictures(): Promise<Record<string, string>> {
  return {
    "docs/images/terminal.svg": terminal(await realRun({}, true)),
    "docs/images/gitlab-job.svg": gitlabJob(await realRun(GITLAB, false)),
  };
}

export async function stalePictures(): Promise<Record<string, string>> {
  const textOf = (path: string) => existsSync(join(root, path)) ? readFileSync(join(root, path), "utf8") : "";
  return Object.fromEntries(Object.entries(await pictures()).filter(([path, text]) => textOf(path) !== text));
}
