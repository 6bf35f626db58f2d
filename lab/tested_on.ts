import { table } from "../tools/docs/markdown_table.ts";
import { BY_HAND } from "./by_hand.ts";
import type { Experiment, Finished } from "./experiment.ts";

export const DOCUMENT = "docs/tested-on.md";

const HEAD = ["System", "Version", "What was tried", "Result", "Date"];

function versionOf({ programs: [first] }: Experiment): string {
  if (first === undefined) return "";
  const version = first.version();
  return version === "" ? first.name : `${first.name} ${version.replace(/^v/, "")}`;
}

export function resultOf({ checks }: Finished): string {
  const count = (outcome: string) => checks.filter((check) => check.outcome === outcome).length;
  const skipped = checks.find(({ outcome }) => outcome === "skipped");
  const counts = [`${count("passed")} passed`];
  if (count("failed") > 0) counts.push(`${count("failed")} failed`);
  if (skipped !== undefined) counts.push(`${count("skipped")} skipped: ${skipped.why}`);
  return counts.join(", ");
}

export function fixedColumns({ system, tried }: Experiment): readonly [string, string] {
  return [system, tried];
}

export function renderTestedOn(finished: readonly Finished[], date: string): string {
  const rows = finished.map((each) => {
    const [system, tried] = fixedColumns(each.experiment);
    return [system, versionOf(each.experiment), tried, resultOf(each), date];
  });
  return `# Tested on

We test our recipes, components and scripts with real CI programs, linters and schemas. Jobs talk to the [local emulator](../lib/emulator/README.md). This page lists those tests. \`npm run lab -- --write\` runs
the experiments and writes this page.

## By the lab

${table(HEAD, rows)}

## By hand

The lab cannot run these programs, because they need a server or are not in a package registry.

${table(HEAD, BY_HAND.map(({ system, version, tried, found, date: month }) => [system, version, tried, found, month]))}
`;
}

export function readTables(document: string): string[][][] {
  return document.split(/^## /m).slice(1).map((part) =>
    part.split("\n").filter((line) => line.startsWith("|")).slice(2)
      .map((line) => line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|")))
  );
}
