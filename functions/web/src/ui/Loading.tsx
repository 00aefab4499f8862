import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/client";
import type { Loaded } from "../api/polling";

/** What loads, what failed, or what is there. A failure behind a value that is already shown stands above it. */
export function Loading<T>({ of, children }: { of: Loaded<T>; children: (value: T) => ComponentChildren }) {
  return (
    <>
      {of.error && <Failure error={of.error} retry={of.reload} />}
      {of.value !== null
        ? children(of.value)
        : !of.error && (
            <p class="quiet" role="status">
              Loading…
            </p>
          )}
    </>
  );
}

/** A failure in the service's words, and what can be done about it. */
export function Failure({ error, retry }: { error: ApiError | Error; retry?: () => void }) {
  const status = "status" in error ? error.status : null;
  return (
    <div class="failure" role="alert">
      <p>{error.message}</p>
      {status === 401 && <p>The key is wrong or was revoked. Use “Change key” at the top of the page.</p>}
      {retry && status !== 401 && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <div class="empty">{children}</div>;
}
