import type { ReportIo } from "../../../lib/report/write.ts";

export interface MemoryIo extends ReportIo {
  /** Text by path. */
  files: Map<string, string>;
}

/** Makes an empty file system; paths that begin with `/readonly` cannot be written, with `/unreadable` not read. */
export function memoryIo(): MemoryIo {
  const files = new Map<string, string>();
  function refuse(path: string) {
    if (path.startsWith("/readonly")) throw new Error("EACCES: permission denied");
  }
  return {
    files,
    readFile(path) {
      if (path.startsWith("/unreadable")) throw new Error("EACCES: permission denied");
      return files.get(path);
    },
    writeFile(path, text) {
      refuse(path);
      files.set(path, text);
    },
    appendFile(path, text) {
      refuse(path);
      files.set(path, `${files.get(path) ?? ""}${text}`);
    },
    removeFile: (path) => void files.delete(path),
  };
}
