import { useEffect, useState } from "preact/hooks";

/** The parts of the fragment: `#/batches/batch_1` is `["batches", "batch_1"]`. Ids of models may hold slashes, so parts are encoded. */
export type Route = string[];

export const href = (...parts: string[]): string => "#/" + parts.map(encodeURIComponent).join("/");

const read = (): Route => location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);

export function useRoute(): Route {
  const [route, setRoute] = useState(read);
  useEffect(() => {
    const changed = () => setRoute(read());
    addEventListener("hashchange", changed);
    changed(); // it may have changed before this ran
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

export function go(...parts: string[]): void {
  location.hash = href(...parts);
}
