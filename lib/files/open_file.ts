import { spawn } from "node:child_process";
import { resolve } from "node:path";
import process from "node:process";

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

/** @returns Why the file could not be opened, as a clause; `null` if the program was started. */
export async function openFile(path: string, env: (name: string) => string | undefined): Promise<string | null> {
  const program = OPENERS.get(process.platform) ?? "xdg-open";
  const passed = PASSED_ON.map((name) => [name, env(name)]).filter(([, value]) => value !== undefined);
  try {
    const child = spawn(program, [resolve(path)], {
      detached: true,
      stdio: "ignore",
      env: Object.fromEntries(passed),
    });
    await new Promise<void>((started, failed) => child.on("spawn", started).on("error", failed));
    child.unref();
    return null;
  } catch {
    return `${program} is not installed or not executable`;
  }
}
