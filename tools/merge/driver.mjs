// Merge driver for files that contain generated values. Git runs it for the paths that .gitattributes names, once the set-up has put it into
// the configuration of the clone (see configure.mjs). Plain JavaScript for Node alone.
//
// `node driver.mjs KIND BASE OURS THEIRS MARKER-SIZE`: writes the merged text into the file OURS, and ends with 0, or with 1 on a conflict.
//
// Source: gitattributes(5), "Defining a custom merge driver".
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { pinsIn, withPins } from "./pin_places.mjs";

/**
 * Merges three versions of a file whose pins differ on each side. The pins take the values of our side first, so that only the rest can
 * conflict; `npm run build` writes the new values.
 * @param {{ base: string, ours: string, theirs: string, markerSize: string }} files Paths of the three versions.
 * @returns {number} 0, or 1 on a conflict.
 */
function mergePins({ base, ours, theirs, markerSize }) {
  const paths = [ours, base, theirs];
  // Latin-1 keeps every byte, whatever the encoding of the file is; pins are ASCII.
  const texts = paths.map((path) => readFileSync(path, "latin1"));
  const [inOurs = {}, inBase, inTheirs] = texts.map(pinsIn);
  const pins = {
    version: inOurs.version ?? inTheirs?.version ?? inBase?.version,
    sha256: inOurs.sha256 ?? inTheirs?.sha256 ?? inBase?.sha256,
  };
  // These are temporary files that Git made for the driver.
  paths.forEach((path, index) => writeFileSync(path, withPins(texts[index] ?? "", pins), "latin1"));
  const labels = ["ours", "base", "theirs"].flatMap((label) => ["-L", label]);
  const { status } = spawnSync("git", ["merge-file", `--marker-size=${markerSize}`, ...labels, ...paths], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  return status === 0 ? 0 : 1;
}

const [kind = "", base = "", ours = "", theirs = "", markerSize = "7"] = process.argv.slice(2);
if (kind === "pins") process.exitCode = mergePins({ base, ours, theirs, markerSize });
// A generated file keeps our version until `npm run build` makes it again.
else if (kind === "generated") process.exitCode = 0;
else {
  process.stderr.write(`error: Cannot merge: unknown kind of file: "${kind}"\n`);
  process.exitCode = 1;
}
