/** A second account on this machine: what a runner with `--user` gives its jobs to. */
import { spawnSync } from "node:child_process";
import process from "node:process";

function works(line: readonly string[]): boolean {
  return spawnSync(line[0] ?? "", line.slice(1), { stdio: "ignore" }).status === 0;
}

/** Why no account can be made here; undefined when one can. */
export const NO_USER = process.getuid?.() !== 0
  ? "not root"
  : ["su", "useradd", "userdel"].find((name) => !works(["sh", "-c", `command -v ${name}`]));

export interface OtherUser {
  name: string;
  /** Its processes, as `PID COMMAND`. */
  processes(): string[];
  /** Removes it, and what it still runs. */
  remove(): void;
}

/** Makes an account. @throws when that does not work. */
export function makeUser(): OtherUser {
  const name = `mogplex${crypto.randomUUID().slice(0, 8)}`;
  if (!works(["useradd", "--create-home", "--shell", "/bin/bash", name])) throw new Error(`Cannot add user ${name}`);
  const processes = () => {
    const { stdout } = spawnSync("ps", ["-u", name, "-o", "pid=,stat=,args="], { encoding: "utf8" });
    return stdout.split("\n").map((row) => row.trim()).filter((row) => row !== "" && !/^\d+ +Z/.test(row));
  };
  return {
    name,
    processes,
    remove() {
      for (const row of processes()) process.kill(Number.parseInt(row), "SIGKILL");
      spawnSync("userdel", ["--remove", "--force", name], { stdio: "ignore" });
    },
  };
}
