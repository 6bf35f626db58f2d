/** The rights in SECURITY.md, by use and forge, compared with the rights that the commands name when a token lacks one. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ALL_FORGES } from "../../../lib/forge/all.ts";
import type { TokenNeeds } from "../../../lib/forge/forge.ts";
import { OTEL_FILE } from "../../../lib/cli/options.ts";
import { flagsOf } from "../../../lib/cli/verb.ts";
import { VERBS } from "../../../lib/cli/verbs.ts";
import { world } from "../cli/world.ts";

const textOf = (path: string) => readFileSync(join(import.meta.dir, "../../..", path), "utf8");
const PAGE = textOf("SECURITY.md");

/** Rights in a text: `contents, checks: read`, `contents: read and checks: read`, scopes, roles. */
function rightsIn(text: string): string[] {
  const named = text.replaceAll(
    /((?:[a-z-]+, )*[a-z-]+): (read|write)/g,
    (_, names: string, level: string) => names.split(", ").map((name) => `${name}:${level}`).join(" "),
  );
  return [
    ...new Set(
      named.match(
        /\b(?:[a-z-]+:(?:read|write)|(?:read|write):[a-z]+|read_api|api|Reporter|Developer|administrator)\b/g,
      ),
    ),
  ]
    .filter((right) => right !== "read:organization").sort();
}

/** The cells of the rows in the first table whose head has this cell. */
function tableWith(head: string): string[][] {
  const [table = ""] = PAGE.split("\n\n").filter((block) =>
    block.startsWith("|") && block.split("\n")[0]?.includes(head)
  );
  return table.split("\n").filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
}

/** The permissions of a use, by the variable of their token. */
function cellsOf(use: string): Record<string, string> {
  if (use === "respond") {
    return Object.fromEntries(
      tableWith("Hosts").map((cells) => /^`(\w+)`(.*)/.exec(cells[2] ?? "")?.slice(1) ?? []),
    );
  }
  const [head = [], ...rows] = tableWith("`MOGPLEX_API_KEY`");
  const cells = rows.find(([name = ""]) => name.includes(`\`${use}\``)) ?? [];
  return Object.fromEntries(head.map((name, at) => [/`(\w+)`/.exec(name)?.[1] ?? "", cells[at] ?? ""]));
}

/** What a cell says for a call without the flag of the words in it, or with that flag. */
function withFlag(cell: string, has: boolean): string {
  if (!has) return cell.replace(/; `--status`: .*| \(`--status`: [^)]*\)/, "");
  return cell.replace(/(?:; |)`--status`: /, ", ").replace(/(`?)[\w:]+\1 \(, (\S+)\)/, "$2");
}

const ROWS: readonly (readonly [use: string, needs: keyof TokenNeeds, hasFlag: boolean])[] = [
  ["run", "note", false],
  ["respond", "respond", false],
  ["--fix", "followUp", false],
  ["gate", "gate", false],
  ["gate", "status", true],
];

test("SECURITY.md has the rights that the commands ask for", () => {
  for (const [use, needs, hasFlag] of ROWS) {
    for (const { variable, system, job } of ALL_FORGES) {
      // An administrator is one of two choices of respond on Gitea.
      const [cell = "", choice = ""] = withFlag(cellsOf(use)[variable] ?? "", hasFlag).split("Without named users, ");
      expect(rightsIn(choice)).toEqual(use === "respond" && variable === "GITEA_TOKEN" ? ["administrator"] : []);
      // The commit status of respond is optional.
      const rights = rightsIn(cell).filter((right) => use !== "respond" || right !== "statuses:write");
      expect([use, needs, system, rights]).toEqual([use, needs, system, rightsIn(job?.needs[needs] ?? "")]);
    }
  }
});

test("SECURITY.md gives a gate and a merge no token of Mogplex, and a dashboard only one that reads", () => {
  const uses = ["run", "respond", "gate", "campaign merge", "dashboard"];
  expect(uses.map((use) => cellsOf(use).MOGPLEX_API_KEY?.replace(/^: /, ""))).toEqual([
    "`read`, `write`",
    "`read`, `write`",
    "none",
    "none",
    "`read`",
  ]);
});

test("SECURITY.md lists the hosts of respond with every address set: the service, the forge and the collector of a trace", async () => {
  const env = {
    CI: "true",
    GITHUB_ACTIONS: "true",
    GITHUB_API_URL: "https://api.github.com",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_REPOSITORY: "acme/api",
    GITHUB_TOKEN: "github-token",
    MOGPLEX_GIT_TOKEN: "git-token",
    MOGPLEX_RESULT: "result.json",
    MOGPLEX_CI_URL: "https://downloads.test/mogplex.mjs",
    MOGPLEX_WEBHOOK: "https://hooks.test/campaign",
    OTEL_EXPORTER_OTLP_ENDPOINT: "https://collector.test",
  };
  const { stdout } = await world().cli(["permissions", "--for", "respond", "--json"], { env });
  expect((JSON.parse(stdout) as { net: string[] }).net).toEqual(["mogplex.com", "collector.test", "api.github.com"]);
  const [section = ""] = PAGE.replaceAll("\n", " ").split("## What leaves your network").slice(1);
  expect(section.slice(0, section.indexOf("|"))).toMatch(
    /`respond` contacts only Mogplex, the hosts of its forge, and, if \[traces\]\(docs\/traces\.md\) are turned on, the trace collector\./,
  );
  const hosts = tableWith("Hosts").slice(2).map((
    [name, cell = ""],
  ) => [name, /^`([^`]+)`|^your server/.exec(cell)?.at(1)]);
  expect(hosts).toEqual([
    ["Mogplex", "mogplex.com"],
    ["GitHub", "api.github.com"],
    ["GitLab", "gitlab.com"],
    ["Gitea, Forgejo", undefined],
  ]);
});

test("traces.md names the commands that send a trace", () => {
  // The sentence before the first example.
  const sentence = textOf("docs/traces.md").split("```")[0]?.split(/\.\s/).at(-1) ?? "";
  const names = [...sentence.matchAll(/`([\w-]+)[^`]*`/g)].map(([, name]) => name);
  const traced = VERBS.filter((verb) => verb.name !== "permissions" && flagsOf(verb).includes(OTEL_FILE));
  expect([...new Set(names)].sort()).toEqual([...new Set(traced.map(({ name }) => name.split(" ")[0]))].sort());
});
