import { useState } from "preact/hooks";

/** Copies a text, a command for instance. */
export function Copy({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), 2000);
  };
  return (
    <button type="button" class="plain" onClick={() => void copy()}>
      <span aria-live="polite">{done ? "Copied" : label}</span>
    </button>
  );
}

/** A call of the service as a shell command. The key stays out of it: the shell's own variable is named. */
export function curl(method: string, path: string, body?: unknown): string {
  const data = body === undefined ? "" : ` \\\n  -H 'Content-Type: application/json' -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`;
  return `curl -sS -X ${method} "${location.origin}${path}" -H "Authorization: Bearer $LLADA_API_KEY"${data}`;
}
