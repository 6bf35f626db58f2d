import type { ForgeUser } from "../forge/findings.ts";
import { remembered, type ThreadPlace, type Threads } from "../forge/threads.ts";

export interface RememberedThreads {
  readonly threads: Threads;
  /** Call this after something was written in the thread. */
  forget(thread: ThreadPlace): void;
}

const keyOf = ({ kind, number }: ThreadPlace) => `${kind} ${number}`;

/** Failed requests are not cached. */
export function rememberThreads(threads: Threads): RememberedThreads {
  const rights = new Map<number, ReturnType<Threads["mayPush"]>>();
  const places = new Map<string, Pick<Threads, "thread" | "comments">>();
  const ofPlace = (place: ThreadPlace) => {
    const key = keyOf(place);
    const reads = places.get(key) ?? {
      thread: remembered(() => threads.thread(place)),
      comments: remembered(() => threads.comments(place)),
    };
    places.set(key, reads);
    return reads;
  };
  const overrides: Partial<Threads> = {
    repository: remembered(() => threads.repository()),
    thread: (place) => ofPlace(place).thread(place),
    comments: (place) => ofPlace(place).comments(place),
    mayPush(user: ForgeUser) {
      const right = rights.get(user.id) ?? threads.mayPush(user);
      rights.set(user.id, right);
      right.catch(() => rights.delete(user.id));
      return right;
    },
  };
  return {
    threads: new Proxy(threads, {
      get(target, name) {
        const value: unknown = Reflect.get(overrides, name) ?? Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
    forget: (place) => void places.delete(keyOf(place)),
  };
}
