import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, get } from "./client";

export interface Loaded<T> {
  value: T | null;
  error: ApiError | null;
  /** Asks again at once. */
  reload: () => void;
}

const slowest = 30;

/**
 * Keeps the answer of a GET up to date. It asks again after `seconds`, but not before the service's Retry-After, not while the tab is
 * hidden, and more rarely after each failure.
 * @param path null asks nothing.
 * @param seconds null asks once; a function decides by the answer.
 */
export function usePolled<T>(path: string | null, seconds: number | null | ((value: T) => number | null)): Loaded<T> {
  const [state, setState] = useState<{ path: string | null; value: T | null; error: ApiError | null }>({ path, value: null, error: null });
  const [turn, setTurn] = useState(0);
  const interval = useRef(seconds);
  interval.current = seconds;

  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    let timer: number | undefined;
    let failures = 0;
    const next = (wait: number) => {
      timer = window.setTimeout(ask, wait * 1000);
    };
    const ask = async () => {
      if (document.hidden) return next(1);
      try {
        const { value, retryAfter } = await get<T>(path, abort.signal);
        failures = 0;
        setState({ path, value, error: null });
        const wait = typeof interval.current === "function" ? interval.current(value) : interval.current;
        if (wait !== null) next(Math.max(wait, retryAfter ?? 0));
      } catch (failure) {
        if (abort.signal.aborted) return;
        const error = failure instanceof ApiError ? failure : new ApiError(String(failure), 0, null, null);
        setState((before) => ({ path, value: before.path === path ? before.value : null, error }));
        if (error.status === 0 || error.status === 429 || error.status >= 500)
          next(Math.max(error.retryAfter ?? 0, Math.min(2 ** failures++, slowest)));
      }
    };
    void ask();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, turn]);

  const reload = useCallback(() => setTurn((count) => count + 1), []);
  return state.path === path ? { value: state.value, error: state.error, reload } : { value: null, error: null, reload };
}
