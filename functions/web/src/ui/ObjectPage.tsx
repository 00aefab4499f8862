import type { ComponentChildren } from "preact";
import { send } from "../api/client";
import { usePolled } from "../api/polling";
import { go, href } from "../route";
import { Loading } from "./Loading";

/** What a page can do to its object. */
export interface Verbs {
  /** Has the service do something, such as `cancel`, and shows the object as it is then. */
  change: (verb: string) => Promise<void>;
  /** Deletes the object and goes to the list. */
  remove: () => Promise<void>;
}

/**
 * The page of one object of the service, kept up to date.
 * @param base its address.
 * @param room where the list of such objects is; `all` names the list.
 * @param seconds as for `usePolled`.
 */
export function ObjectPage<T>({
  id,
  base,
  room,
  all,
  seconds,
  children,
}: {
  id: string;
  base: string;
  room: string;
  all: string;
  seconds: number | null | ((value: T) => number | null);
  children: (value: T, verbs: Verbs) => ComponentChildren;
}) {
  const loaded = usePolled<T>(base, seconds);
  const verbs: Verbs = {
    change: async (verb) => {
      await send("POST", `${base}/${verb}`);
      loaded.reload();
    },
    remove: async () => {
      await send("DELETE", base);
      go(room);
    },
  };
  return (
    <>
      <p>
        <a href={href(room)}>{all}</a>
      </p>
      <h1>
        <code>{id}</code>
      </h1>
      <Loading of={loaded}>{(value) => children(value, verbs)}</Loading>
    </>
  );
}
