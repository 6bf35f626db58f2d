import { expect, test } from "bun:test";
import { REPORT_FORMATS } from "../../../lib/report/write.ts";
import { cleanResult } from "../../../lib/run/clean.ts";
import { renderJunit } from "../../../lib/report/junit.ts";
import { renderOpenmetrics } from "../../../lib/report/metrics.ts";
import { readGitlabAnnotations, readGitlabJunit, readGitlabMetrics } from "../report/gitlab_readers.ts";
import { parseOpenmetrics } from "../report/openmetrics_parser.ts";
import { CORPUS } from "./corpus.ts";
import { automationResultOf, resultOf } from "./hostile_result.ts";
import { terminalCommands } from "./parsers/log_parsers.ts";
import { outlineXml } from "./parsers/markup_parsers.ts";

function clean(text: string) {
  return cleanResult(resultOf(text), (each) => each, (text) => text);
}

function cleanAutomation(text: string) {
  return cleanResult(automationResultOf(text), (each) => each, (text) => text);
}

/** Elements but properties, whose number depends on what is known. */
function elementsOf(xml: string): string[] {
  return outlineXml(xml).elements.filter((name) => name !== "property");
}

const BENIGN_ELEMENTS = elementsOf(renderJunit(clean("harmless"), (text) => text));

const BENIGN_SERIES = parseOpenmetrics(renderOpenmetrics(clean("harmless"))).filter(({ name }) =>
  !name.endsWith("_info")
);

const PROPERTIES = ["outcome", "exit_code", "replayed", "requests", "events", "origin"];

for (const { name, text } of CORPUS) {
  test(`renderJunit() has the same cases with the same ends, whatever the run says: ${name}`, () => {
    const xml = renderJunit(clean(text), (text) => text);
    expect(terminalCommands(xml)).toEqual([]);
    expect(elementsOf(xml)).toEqual(BENIGN_ELEMENTS);
    expect(readGitlabJunit(xml).map(({ classname, name, status }) => [classname, name, status])).toEqual([
      ["Mogplex run", "Verdict", "failed"],
      ["Mogplex run", "Phase queue", "success"],
      ["Mogplex run", "Phase prepare", "success"],
      ["Mogplex run", "Phase agent", "skipped"],
    ]);
    const properties = [...xml.matchAll(/^ +<property name="(\w+)" value="[^"<>]+"\/>$/gm)].map((match) => match[1]);
    expect(properties.length).toBe(outlineXml(xml).elements.filter((element) => element === "property").length);
    expect(properties).toEqual(expect.arrayContaining(PROPERTIES));
    expect(xml).toContain(`<property name="outcome" value="failed"/>`);
    // Only in this element GitLab looks for files to offer.
    expect(xml).not.toContain("<system-out");
  });

  test(`report annotations has one list of honest links, whatever the run says: ${name}`, () => {
    const json = REPORT_FORMATS.annotations.render(clean(text), { redact: (each) => each });
    expect(terminalCommands(json)).toEqual([]);
    for (const [list, links] of readGitlabAnnotations(json)) {
      expect(list).toBe("Mogplex");
      for (const { label, url } of links) {
        expect(url).toMatch(/^https?:\/\/[^\s@]+$/);
        expect(label).toMatch(/^(Pull request https?:\/\/|Mogplex \(run )/);
      }
      expect(
        links.filter(({ label }) => label.startsWith("Mogplex")).every(({ url }) => url === "https://mogplex.com/"),
      )
        .toBe(true);
    }
  });

  test(`renderOpenmetrics() has the same series with the same values, whatever the run says: ${name}`, () => {
    const metrics = renderOpenmetrics(clean(text));
    expect(terminalCommands(metrics)).toEqual([]);
    const families = parseOpenmetrics(metrics);
    const [info, ...series] = families;
    expect(series).toEqual(BENIGN_SERIES);
    expect([info?.name, info?.samples.length, info?.samples[0]?.[1]]).toEqual(["mogplex_run_info", 1, 1]);
    const labels = Object.keys(info?.samples[0]?.[0] ?? {});
    expect(labels.filter((label) => !["repository_id", "harness", "status", "failure_code"].includes(label))).toEqual(
      [],
    );
    expect(readGitlabMetrics(metrics).length).toBe(families.flatMap((family) => family.samples).length);
  });
}

const AUTOMATION_ELEMENTS = elementsOf(renderJunit(cleanAutomation("harmless"), (text) => text));

const [, ...AUTOMATION_SERIES] = parseOpenmetrics(renderOpenmetrics(cleanAutomation("harmless")));

for (const { name, text } of CORPUS) {
  test(`the reports for CI pages have the same shape whatever the automation run says: ${name}`, () => {
    const result = cleanAutomation(text);
    const [xml, json, metrics] = [
      renderJunit(result, (text) => text),
      REPORT_FORMATS.annotations.render(result, { redact: (each) => each }),
      renderOpenmetrics(result),
    ];
    expect([xml, json, metrics].flatMap(terminalCommands)).toEqual([]);
    expect(elementsOf(xml)).toEqual(AUTOMATION_ELEMENTS);
    expect(readGitlabJunit(xml).map(({ classname, name, status }) => [classname, name, status])).toEqual([
      ["Mogplex automation run", "Verdict", "failed"],
    ]);
    for (const { label, url } of readGitlabAnnotations(json).flatMap(([, links]) => links)) {
      expect([label.startsWith("Mogplex (automation run "), url]).toEqual([true, "https://mogplex.com/"]);
    }
    const [info, ...series] = parseOpenmetrics(metrics);
    expect(series).toEqual(AUTOMATION_SERIES);
    expect([info?.name, info?.samples.length]).toEqual(["mogplex_automation_run_info", 1]);
    const labels = Object.keys(info?.samples[0]?.[0] ?? {});
    expect(labels.filter((label) => !["automation_id", "repository_id", "status"].includes(label))).toEqual([]);
  });
}
