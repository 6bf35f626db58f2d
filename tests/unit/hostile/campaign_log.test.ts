import { expect, test } from "bun:test";
import { LiveCampaign } from "../../../lib/cli/campaign/live_campaign.ts";
import { statusText } from "../../../lib/cli/campaign/status_text.ts";
import { Writer } from "../../../lib/cli/log/writer.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { detectPlatform } from "../../../lib/ci/detect.ts";
import type { Platform } from "../../../lib/ci/platform.ts";
import { cellWidth } from "../../../lib/text/cells.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { hostileView } from "../campaign/report/sample_view.ts";
import { transientLines } from "../cli/campaign/live_lines.ts";
import { fakeIo } from "../cli/fake_io.ts";
import { combinations } from "../../property_runs.ts";
import { CORPUS } from "./corpus.ts";
import { LOG_PARSERS, terminalCommands } from "./parsers/log_parsers.ts";
import { SYSTEMS } from "./systems.ts";

const PLATFORMS = [...Object.values(SYSTEMS), ""].map((variable) =>
  detectPlatform((name) => name === variable ? "1" : undefined)
);

/** A campaign that is shown in the log of a system, or on a terminal of 21 lines. */
function live(system: Platform, interactive: boolean) {
  const io = fakeIo();
  const clock = virtualClock({ startMs: 0, auto: false });
  const writer = new Writer(io, system, createRedactor());
  const size = () => ({ columns: 80, rows: 21 });
  const campaign = new LiveCampaign({ writer, platform: system, clock, interactive, size });
  return { io, clock, campaign };
}

for (const [index, { name, text }] of CORPUS.entries()) {
  test(`statusText() and LiveCampaign on a terminal print no command of a CI system and none of a terminal: ${name}`, () => {
    const view = hostileView(text);
    const command = { program: "mogplex-ci", file: text.slice(0, 1_000), flags: [] };
    for (const system of combinations(PLATFORMS, index, { name, text }, (system) => system.name)) {
      const options = { width: 80, color: false, escapeLine: (line: string) => system.escapeLine(line), command };
      const status = statusText(view, { ...options, problem: text, all: true });
      const { io, campaign } = live(system, true);
      campaign.update(view);
      const table = transientLines(io.text.stdout);
      campaign.close();
      const log = [...status, ...table].map((line) => `${line}\n`).join("");
      const parsers = LOG_PARSERS[system.name];
      const found = [...parsers === undefined ? Object.values(LOG_PARSERS) : [parsers], terminalCommands]
        .flatMap((parse) => parse(log));
      expect([system.name, found.slice(0, 3)]).toEqual([system.name, []]);
      expect(log.split("\n").length).toBe(status.length + table.length + 1);
      // Commands and addresses stay whole, so that they can be copied.
      const [first, last] = ["Review the pull requests", "To start the other items anyway"].map((words) =>
        status.findIndex((line) => line.includes(words))
      );
      const prose = status.filter((line, at) =>
        !line.includes("mogplex-ci ") && !(at > (first ?? -1) && at < (last ?? -1))
      );
      for (const line of [...prose, ...table]) {
        expect(cellWidth(line)).toBeLessThanOrEqual(80);
      }
      expect(table.length).toBeLessThanOrEqual(20);
      expect(status.length).toBeLessThan(300);
    }
  });

  test(`LiveCampaign in a log prints no command but its own: ${name}`, async () => {
    const view = hostileView(text.slice(0, 20_000));
    for (
      const { section: _, fence: __, ...system } of combinations(
        PLATFORMS,
        index,
        { name, text },
        (system) => system.name,
      )
    ) {
      const { io, campaign, clock } = live(system, false);
      campaign.update({ ...view, items: [] });
      campaign.update(view);
      clock.advance(60_000);
      await new Promise((resolve) => setTimeout(resolve));
      campaign.close();
      const parsers = LOG_PARSERS[system.name];
      const found = [...parsers === undefined ? Object.values(LOG_PARSERS) : [parsers], terminalCommands]
        .flatMap((parse) => parse(io.text.stdout));
      expect([system.name, found.slice(0, 3)]).toEqual([system.name, []]);
      // The state, the items, the heartbeat.
      expect(io.text.stdout.split("\n").length).toBe(view.items.length + 3);
    }
  });
}
