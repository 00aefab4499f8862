import { count } from "../format";

/** Lines that are done and that failed, of all lines. */
export function Progress({ completed, failed, total }: { completed: number; failed: number; total: number }) {
  const share = (lines: number) => `${total === 0 ? 0 : (100 * lines) / total}%`;
  const text = `${count(completed)} done, ${count(failed)} failed of ${count(total)}`;
  return (
    <div class="progress">
      <div class="bar" role="img" aria-label={text}>
        <span class="good" style={{ width: share(completed) }} />
        <span class="bad" style={{ width: share(failed) }} />
      </div>
      <small>{text}</small>
    </div>
  );
}
