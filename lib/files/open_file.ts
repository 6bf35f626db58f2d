import { spawn } from "node:child_process";
import { resolve } from "node:path";
import process from "node:process";
import { type Clock, OVER } from "../clock.ts";

const OPENERS: ReadonlyMap<string, string> = new Map([["darwin", "open"], ["win32", "explorer.exe"]]);

/** Variables that a browser needs on desktop systems. None of them contains a token. */
const PASSED_ON: readonly string[] = [
  "PATH",
  "HOME",
  "USER",
  "LANG",
  "TMPDIR",
  "BROWSER",
  "DISPLAY",
  "WAYLAND_DISPLAY",
  "XAUTHORITY",
  "DBUS_SESSION_BUS_ADDRESS",
  "XDG_RUNTIME_DIR",
  "XDG_CURRENT_DESKTOP",
  "XDG_DATA_DIRS",
  "XDG_CONFIG_DIRS",
  "DESKTOP_SESSION",
  "WSL_DISTRO_NAME",
  "WSL_INTEROP",
  "SystemRoot",
  "USERPROFILE",
  "APPDATA",
  "LOCALAPPDATA",
];

/** A program without a browser fails at once. A program that is still running after this time is showing the file. */
const QUICK_MS = 2_000;

/** @returns Why the file could not be opened, as a clause; `null` if the program has succeeded or is still running. */
export async function openFile(
  path: string,
  env: (name: string) => string | undefined,
  clock: Pick<Clock, "sleep">,
): Promise<string | null> {
  const program = OPENERS.get(process.platform) ?? "xdg-open";
  const passed = PASSED_ON.map((name) => [name, env(name)]).filter(([, value]) => value !== undefined);
  const ended = new AbortController();
  try {
    const child = spawn(program, [resolve(path)], {
      detached: true,
      stdio: "ignore",
      env: Object.fromEntries(passed),
    });
    const exit = new Promise<string | null>((exited) =>
      child.on(
        "exit",
        (code, signal) => exited(code === 0 ? null : `${program} failed (${signal ?? `exit code ${code}`})`),
      )
    );
    await new Promise<void>((started, failed) => child.on("spawn", started).on("error", failed));
    child.unref();
    // The exit code of explorer.exe is 1 even if it has opened the file.
    if (process.platform === "win32") return null;
    const limit = clock.sleep(QUICK_MS, { signal: ended.signal, limit: true }).then(() => null, () => null);
    return await Promise.race([exit, limit]);
  } catch {
    return `${program} is not installed or not executable`;
  } finally {
    ended.abort(OVER);
  }
}
