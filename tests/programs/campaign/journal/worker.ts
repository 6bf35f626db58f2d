/**
 * A process that works on the directory of a campaign. Arguments: what to do, the directory, then numbers.
 *
 * - `work DIRECTORY ROUNDS STEPS`: opens it so many times, whenever no other process has it, and appends two records each time; kills itself at
 *   the given step of the disk (0: never). Prints the numbers of the records that it knows to be on the disk.
 * - `once DIRECTORY`: opens it once, and prints the error or the notices.
 * - `forget DIRECTORY`: opens it, and neither closes it nor does anything else.
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { openDirHome } from "../../../../lib/campaign/journal/dir_home.ts";
import { systemClock } from "../../../../lib/clock.ts";
import { MogplexError } from "../../../../lib/errors.ts";
import { type DurableFiles, processDurableFiles } from "../../../../lib/files/disk.ts";
import { systemProcesses } from "../../../../lib/files/processes.ts";
import { CAMPAIGN, ROUND } from "../../../unit/campaign/journal/sample.ts";

const [what = "", directory = "", rounds = "0", dieAt = "0"] = process.argv.slice(2);

let steps = 0;

/** Kills this process before one step of the disk. */
function mortal(files: DurableFiles): DurableFiles {
  return new Proxy(files, {
    get(target, name: keyof DurableFiles) {
      return (...args: never[]) => {
        if (++steps === Number(dieAt)) process.kill(process.pid, "SIGKILL");
        return (target[name] as (...args: never[]) => unknown)(...args);
      };
    },
  });
}

const options = {
  files: mortal(await processDurableFiles()),
  processes: await systemProcesses(),
  clock: systemClock,
  campaign: CAMPAIGN,
  round: ROUND,
  access: "write" as const,
  onNotice: (notice: unknown) => void writeSync(1, `${JSON.stringify(notice)}\n`),
};

async function round(): Promise<boolean> {
  try {
    const home = await openDirHome(directory, options);
    const text = `${process.pid}`;
    const records = await home.append([{ type: "note", text }, { type: "note", text }]);
    writeSync(1, `${records.map(({ seq }) => seq).join("\n")}\n`);
    await home.close();
    return true;
  } catch (error) {
    if (error instanceof MogplexError && error.exit === "rateLimited") return false;
    throw error;
  }
}

if (what === "work") {
  for (let done = 0; done < Number(rounds);) {
    if (await round()) done++;
    else await systemClock.sleep(Math.random() * 4);
  }
} else if (what === "forget") {
  await openDirHome(directory, options);
} else {
  try {
    const home = await openDirHome(directory, options);
    await home.append([{ type: "note", text: "once" }]);
    await home.close();
    writeSync(1, "done\n");
  } catch (error) {
    if (!(error instanceof MogplexError)) throw error;
    writeSync(1, `${error.exitCode} ${error.message}\n`);
  }
}
