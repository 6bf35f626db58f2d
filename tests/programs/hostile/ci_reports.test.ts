import { expect, test } from "bun:test";
import { cleanResult } from "../../../lib/run/clean.ts";
import { renderJunit } from "../../../lib/report/junit.ts";
import { isInstalled, judge } from "../report/programs.ts";
import { CORPUS } from "../../unit/hostile/corpus.ts";
import { automationResultOf, resultOf } from "../../unit/hostile/hostile_result.ts";

function clean(text: string) {
  return cleanResult(resultOf(text), (each) => each, (text) => text);
}

function cleanAutomation(text: string) {
  return cleanResult(automationResultOf(text), (each) => each, (text) => text);
}

test.skipIf(!isInstalled("xmllint"))(
  "renderJunit() is well-formed to xmllint, whatever a run or an automation run says",
  () => {
    const suites = CORPUS.flatMap((
      { text },
    ) => [renderJunit(clean(text), (text) => text), renderJunit(cleanAutomation(text), (text) => text)])
      .map((xml) => xml.replace(/^<\?xml.*\n/, ""));
    expect(judge("xmllint", ["--noout", "--nonet", "-"], `<all>${suites.join("")}</all>`)).toEqual({
      code: 0,
      said: "",
    });
  },
);
