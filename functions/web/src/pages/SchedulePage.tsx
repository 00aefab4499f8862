import type { Schedule, ScheduleRun } from "../api/wire";
import { when, words } from "../format";
import { href } from "../route";
import { Action } from "../ui/Action";
import { Copy, curl } from "../ui/Copy";
import { Facts } from "../ui/Facts";
import { Listed } from "../ui/Listed";
import { ObjectPage } from "../ui/ObjectPage";
import { PauseAction } from "../ui/PauseAction";
import { State } from "../ui/State";

export function SchedulePage({ id }: { id: string }) {
  const base = `/v1/schedules/${id}`;
  return (
    <>
      <ObjectPage<Schedule> id={id} base={base} room="schedules" all="All schedules" seconds={15}>
        {(schedule, { change, remove }) => (
          <>
            <p>
              <State of={schedule.status} />
            </p>
            <p class="actions">
              <PauseAction isPaused={schedule.status === "paused"} change={change} />
              <Action confirm="Delete this schedule? Its jobs and models stay." run={remove}>
                Delete
              </Action>
              <Copy label="Copy as curl" text={curl("GET", base)} />
            </p>
            <Facts
              of={[
                [
                  "Times",
                  <>
                    <code>{schedule.cron}</code> {schedule.time_zone}
                  </>,
                ],
                ["Next", when(schedule.next_run_at)],
                ["Model", schedule.job.model],
                ["Starts from", words(schedule.start_from)],
                [
                  "Folder",
                  <code>
                    {schedule.training_data.container}/{schedule.training_data.prefix}
                  </code>,
                ],
                ["Takes", schedule.training_data.select === "new" ? "new files only" : "all files"],
                [
                  "Last job",
                  schedule.last_job && (
                    <a href={href("fine-tuning", schedule.last_job)}>
                      <code>{schedule.last_job}</code>
                    </a>
                  ),
                ],
              ]}
            />
          </>
        )}
      </ObjectPage>
      <h2>Runs</h2>
      <Listed<ScheduleRun>
        base={`${base}/runs`}
        caption="Runs"
        seconds={15}
        empty={<p>The first run comes at the next time.</p>}
        columns={[
          { name: "Due", cell: (run) => when(run.due_at) },
          { name: "Outcome", cell: (run) => <State of={run.status} /> },
          { name: "Reason", cell: (run) => run.message ?? (run.reason ? words(run.reason) : "–") },
          {
            name: "Job",
            cell: (run) =>
              run.fine_tuning_job ? (
                <a href={href("fine-tuning", run.fine_tuning_job)}>
                  <code>{run.fine_tuning_job}</code>
                </a>
              ) : (
                "–"
              ),
          },
          { name: "Files", cell: (run) => run.blobs ?? "–", isNumber: true },
        ]}
      />
    </>
  );
}
