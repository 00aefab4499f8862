import { Action } from "./Action";
import type { Verbs } from "./ObjectPage";

/** Pauses what runs, or resumes what is paused. */
export function PauseAction({ isPaused, change }: { isPaused: boolean; change: Verbs["change"] }) {
  return isPaused ? (
    <Action kind="main" run={() => change("resume")}>
      Resume
    </Action>
  ) : (
    <Action run={() => change("pause")}>Pause</Action>
  );
}
