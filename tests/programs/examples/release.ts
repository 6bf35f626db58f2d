/** Where people get the released files from, on this machine: what the npm registry and a CDN of it serve, and a shell that reaches them. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { VERSION } from "../../../lib/version.ts";
import { root, runtimes } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { runToEnd } from "../package/runtimes.ts";
import { openTunnel } from "../processes/world/tunnel.ts";

/** What a script did. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The released files, and shells that get them by their real addresses. */
export interface Release {
  /** Folder for everything that the tests make. */
  folder: string;
  /** Text of the command, as it is released. */
  program: string;
  /** Address of the registry alone, in plain HTTP. */
  registryUrl: string;
  /** What the CDN and the registry serve instead of the command's real text; undefined for the real one, null for 404. */
  serve(program: string | null | undefined): void;
  /** Runs a script in a working directory of its own, or in a given one. */
  run(script: string, env?: Record<string, string>, cwd?: string): Promise<Ended>;
  close(): void;
}

const HOSTS = ["unpkg.com", "registry.npmjs.org"];

/** Packs the package with a command of this text, and gives its archive. */
function pack(folder: string, program: string): Uint8Array {
  const top = mkdtempSync(join(folder, "package-"));
  for (const name of ["package.json", "README.md", "LICENSE"]) cpSync(join(root, name), join(top, name));
  cpSync(join(folder, "dist"), join(top, "dist"), { recursive: true });
  writeFileSync(join(top, "dist/mogplex.mjs"), program, { mode: 0o755 });
  const { code, stderr } = runToEnd(["npm", "pack", "--silent", "--ignore-scripts"], { cwd: top });
  if (code !== 0) throw new Error(`Cannot pack: npm ended with ${code}: ${stderr}`);
  return readFileSync(join(top, readdirSync(top).find((name) => name.endsWith(".tgz")) ?? ""));
}

/** What a registry says of the package. Its own checksums fit whatever it serves. */
function packument(archive: Uint8Array, host: string): string {
  const { devDependencies: _, scripts: __, ...fields } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const digest = (algorithm: string, form: "hex" | "base64") => createHash(algorithm).update(archive).digest(form);
  const dist = {
    tarball: `${host}/@mogplex/ci/-/ci-${VERSION}.tgz`,
    integrity: `sha512-${digest("sha512", "base64")}`,
    shasum: digest("sha1", "hex"),
  };
  const versions = { [VERSION]: { ...fields, dist } };
  return JSON.stringify({ name: "@mogplex/ci", "dist-tags": { latest: VERSION }, versions });
}

/** Packs `dist/`, serves it, and opens the way there. */
export async function openRelease(): Promise<Release> {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-release-"));
  cpSync(dirname(built("mogplex.mjs")), join(folder, "dist"), { recursive: true });
  const program = readFileSync(join(folder, "dist/mogplex.mjs"), "utf8");
  let served: string | null = program;
  const archives = new Map<string, Uint8Array>();
  function archiveOf(text: string): Uint8Array {
    const archive = archives.get(text) ?? pack(folder, text);
    archives.set(text, archive);
    return archive;
  }
  let archive = archiveOf(program);

  function answer(path: string, host: string): string | Uint8Array | null {
    if (path === "/@mogplex/ci") {
      return packument(archive, host.startsWith("127.") ? `http://${host}` : `https://${host}`);
    }
    if (path.endsWith(".tgz")) return archive;
    const file = new RegExp(`^/@mogplex/ci@(?:${VERSION})/dist/([\\w.-]+)$`).exec(path)?.[1];
    if (file === "mogplex.mjs") return served;
    return file !== undefined && readdirSync(join(folder, "dist")).includes(file)
      ? readFileSync(join(folder, "dist", file))
      : null;
  }

  const server = createServer((request, reply) => {
    const path = decodeURIComponent(request.url ?? "");
    const body = answer(path, request.headers.host ?? "");
    const type = path.endsWith(".mjs")
      ? "text/javascript"
      : path === "/@mogplex/ci"
      ? "application/json"
      : "text/plain";
    reply.writeHead(body === null ? 404 : 200, { "content-type": type }).end(body ?? "{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const registryUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tunnel = await openTunnel(registryUrl, HOSTS);

  const [bin, home] = [join(folder, "bin"), join(folder, "home")];
  for (const path of [bin, home]) mkdirSync(path);
  symlinkSync(runtimes.node, join(bin, "node"));
  symlinkSync(runtimes.deno, join(bin, "deno"));
  for (const name of ["bun", "bunx"]) symlinkSync(runtimes.bun, join(bin, name));
  const base = {
    PATH: `${bin}:${process.env.PATH ?? ""}`,
    HOME: home,
    NO_COLOR: "1",
    // bunx keeps packages there, by name and version.
    TMPDIR: home,
    HTTPS_PROXY: tunnel.proxyUrl,
    NODE_EXTRA_CA_CERTS: tunnel.authority,
    CURL_CA_BUNDLE: tunnel.authority,
    npm_config_cafile: tunnel.authority,
    npm_config_prefix: join(folder, "global"),
  };

  return {
    folder,
    program,
    registryUrl,
    serve(other) {
      served = other === undefined ? program : other;
      archive = archiveOf(served ?? program);
      rmSync(home, { recursive: true, force: true });
      mkdirSync(home);
    },
    async run(script, env = {}, cwd = mkdtempSync(join(folder, "cwd-"))) {
      const child = spawn("sh", ["-eu", "-c", script], {
        cwd,
        env: { ...base, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const text = { stdout: "", stderr: "" };
      for (const name of ["stdout", "stderr"] as const) {
        child[name].setEncoding("utf8").on("data", (chunk: string) => text[name] += chunk);
      }
      const [code] = await once(child, "close");
      return { code: code as number | null, ...text };
    },
    close() {
      tunnel.close();
      server.close();
      server.closeAllConnections();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
