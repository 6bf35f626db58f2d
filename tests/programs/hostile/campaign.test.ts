import { expect, test } from "bun:test";
import { writeCampaignReports } from "../../../lib/campaign/report/write.ts";
import { hostileView } from "../../unit/campaign/report/sample_view.ts";
import { memoryIo } from "../../unit/report/memory_io.ts";
import { isInstalled, judge } from "../report/programs.ts";
import { CORPUS } from "../../unit/hostile/corpus.ts";

/** `junit.xml` of a campaign that says `text` everywhere. */
function junit(text: string): string {
  const io = memoryIo();
  expect(
    writeCampaignReports(hostileView(text), ".", io, (each) => each, {
      redactToken: (text) => text,
    }),
  ).toEqual([]);
  return io.files.get("./ci/junit.xml") as string;
}

test.skipIf(!isInstalled("xmllint"))(
  "report junit of a campaign is well-formed to xmllint, whatever the campaign says",
  () => {
    const suites = CORPUS.map(({ text }) => junit(text).replace(/^<\?xml.*\n/, ""));
    expect(judge("xmllint", ["--noout", "--nonet", "-"], `<all>${suites.join("")}</all>`)).toEqual({
      code: 0,
      said: "",
    });
  },
);
