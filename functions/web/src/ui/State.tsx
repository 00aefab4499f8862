import { words } from "../format";

const colours: Record<string, string> = {
  completed: "good",
  succeeded: "good",
  active: "good",
  job_created: "good",
  delivered: "good",
  failed: "bad",
  expired: "bad",
  missed: "bad",
  gave_up: "bad",
  cancelled: "quiet",
  skipped: "quiet",
  paused: "quiet",
  pending: "quiet",
};

/** A state in words and colour. */
export function State({ of }: { of: string }) {
  return <span class={`state ${colours[of] ?? "busy"}`}>{words(of)}</span>;
}
