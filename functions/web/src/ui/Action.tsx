import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

/** A button whose work takes a moment. It is off while the work runs, and says what failed. */
export function Action({
  run,
  confirm,
  kind = "",
  children,
}: {
  run: () => Promise<unknown>;
  confirm?: string;
  kind?: string;
  children: ComponentChildren;
}) {
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null });
  const click = async () => {
    if (confirm && !window.confirm(confirm)) return;
    setState({ busy: true, error: null });
    try {
      await run();
      setState({ busy: false, error: null });
    } catch (failure) {
      setState({ busy: false, error: (failure as Error).message });
    }
  };
  return (
    <span class="action">
      <button type="button" class={kind} disabled={state.busy} aria-busy={state.busy} onClick={() => void click()}>
        {children}
      </button>
      {state.error && (
        <span class="failure" role="alert">
          {state.error}
        </span>
      )}
    </span>
  );
}
