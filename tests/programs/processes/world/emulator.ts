/**
 * The emulator as a process that ends with the tests, whatever becomes of them: when its standard input ends. Then it removes the folder of
 * its first argument; the others are flags. Bun tells a test process nothing of its own end.
 */
import { rmSync } from "node:fs";
import process from "node:process";
import { main } from "../../../../lib/emulator/main.ts";
import { processIo } from "../../../../lib/io.ts";

const [folder = "", ...flags] = process.argv.slice(2);
const remove = () => rmSync(folder, { recursive: true, force: true });
process.stdin.resume().on("end", () => {
  remove();
  process.exit(0);
});
process.exitCode = await main(flags, await processIo());
// A signal ended it.
remove();
process.exit();
