import { expect, test } from "bun:test";
import { writeCampaignReports } from "../../../lib/campaign/report/write.ts";
import { hostileView } from "../../unit/campaign/report/sample_view.ts";
import { memoryIo } from "../../unit/report/memory_io.ts";
import { isInstalled, judge } from "../report/programs.ts";
import { CORPUS } from "../../unit/hostile/corpus.ts";

const same = (text: string) => text;

function written(text: string): (name: string) => string {
  const io = memoryIo();
  const command = { program: "mogplex-ci", file: text, flags: ["--dir", text] };
  const options = { files: { outputs: "outputs", summary: "summary" }, command, problem: text };
  expect(writeCampaignReports(hostileView(text), ".", io, same, options)).toEqual([]);
  return (name) => io.files.get(name) ?? io.files.get(`./${name}`) ?? "";
}

test.skipIf(!isInstalled("xmllint"))(
  "report junit of a campaign is well-formed to xmllint, whatever the campaign says",
  () => {
    const suites = CORPUS.map(({ text }) => written(text)("junit.xml").replace(/^<\?xml.*\n/, ""));
    expect(judge("xmllint", ["--noout", "--nonet", "-"], `<all>${suites.join("")}</all>`)).toEqual({
      code: 0,
      said: "",
    });
  },
);
