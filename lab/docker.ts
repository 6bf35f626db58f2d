import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { runtimes } from "../tools/setup.mjs";
import type { Bench } from "./bench.ts";
import { NotPossibleError } from "./check.ts";
import { signal } from "./processes.ts";
import { commandPath, DOCKERD } from "./programs.ts";

export interface Docker {
  client: readonly string[];
  env: Readonly<Record<string, string>>;
}

/** Containers use the network of the machine. */
export async function startDocker(bench: Bench): Promise<Docker> {
  if (process.getuid?.() !== 0) throw new NotPossibleError("a Docker daemon needs root");
  const folder = bench.newFolder();
  const host = `unix://${folder}/docker.sock`;
  const daemon = bench.start([
    DOCKERD.provide(),
    ...["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec"), "--pidfile", join(folder, "pid")],
    ...["-H", host, "--bridge=none", "--iptables=false", "--ip6tables=false"],
  ]);
  bench.keep(daemon.pid);
  try {
    await daemon.seen(/API listen on/);
  } catch {
    const reason = /failed to start[^"\n]*|error[^"\n]*|permission denied[^"\n]*/i.exec(daemon.text())?.[0];
    throw new NotPossibleError(`a Docker daemon does not start: ${reason ?? daemon.text().slice(-200)}`);
  }
  bench.atEnd(async () => {
    // The daemon removes its mounts only after SIGTERM, and some of them remain.
    signal(daemon.pid, "SIGTERM");
    await daemon.ended;
    const mounts = readFileSync("/proc/mounts", "utf8").split("\n").map((line) => line.split(" ")[1] ?? "");
    for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse()) spawnSync("umount", [mount]);
  });
  const client = [commandPath("docker") ?? "docker", "-H", host];
  const started = await bench.run([...client, "version"]);
  if (started.code !== 0) {
    throw new NotPossibleError(`the Docker daemon does not answer: ${started.stderr.slice(0, 200)}`);
  }
  return { client, env: { DOCKER_HOST: host } };
}

function copyProgram(top: string, path: string): void {
  const { stdout } = spawnSync("ldd", [path], { encoding: "utf8" });
  const libraries = [...(stdout ?? "").matchAll(/(\/\S+\.so\S*)/g)].map((match) => match[1] as string);
  for (const file of [path, ...libraries]) {
    const to = join(top, file);
    mkdirSync(dirname(to), { recursive: true });
    if (!existsSync(to)) cpSync(realpathSync(file), to, { dereference: true });
  }
}

const TOOLS = [
  "base64",
  "cat",
  "chmod",
  "cp",
  "cut",
  "date",
  "dirname",
  "env",
  "expr",
  "head",
  "id",
  "ln",
  "ls",
  "mkdir",
  "mktemp",
]
  .concat([
    "mv",
    "printf",
    "pwd",
    "rm",
    "sha256sum",
    "sleep",
    "sort",
    "tail",
    "test",
    "touch",
    "tr",
    "true",
    "uname",
    "wc",
  ])
  .concat(["awk", "grep", "gunzip", "gzip", "sed", "tar", "ps"]);

export type ImageKind = "bash" | "busybox";

export function makeImage(bench: Bench, { client }: Docker, kind: ImageKind, name: string): void {
  const top = bench.newFolder();
  for (const folder of ["bin", "etc", "tmp", "usr/bin", "root"]) mkdirSync(join(top, folder), { recursive: true });
  copyProgram(top, runtimes.node);
  if (runtimes.node !== "/usr/bin/node") symlinkSync(runtimes.node, join(top, "usr/bin/node"));
  if (kind === "busybox") {
    const busybox = commandPath("busybox") as string;
    copyProgram(top, busybox);
    for (const applet of execFileSync(busybox, ["--list"], { encoding: "utf8" }).split("\n").filter(Boolean)) {
      if (!existsSync(join(top, "bin", applet))) symlinkSync(busybox, join(top, "bin", applet));
    }
  } else {
    for (const tool of ["bash", ...TOOLS]) {
      const path = commandPath(tool);
      if (path === undefined) continue;
      copyProgram(top, realpathSync(path));
      const link = join(top, "bin", tool);
      if (!existsSync(link)) symlinkSync(realpathSync(path), link);
    }
    symlinkSync(join("/bin", "bash"), join(top, "bin/sh"));
  }
  const archive = spawnSync("tar", ["-C", top, "-c", "."], { maxBuffer: 1024 * 1024 * 1024 });
  const [program = "", ...args] = client;
  const made = spawnSync(program, [...args, "import", "-", name], { input: archive.stdout, encoding: "utf8" });
  if (made.status !== 0) throw new Error(`Cannot make image ${name}: ${made.stderr}`);
}
