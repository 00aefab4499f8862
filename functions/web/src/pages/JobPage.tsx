import { download } from "../api/client";
import { usePolled } from "../api/polling";
import type { Checkpoint, FineTuningEvent, FineTuningJob, Page } from "../api/wire";
import { count, duration, now, when } from "../format";
import { href } from "../route";
import { Action } from "../ui/Action";
import { Copy, curl } from "../ui/Copy";
import { Facts } from "../ui/Facts";
import { Empty, Loading } from "../ui/Loading";
import { ObjectPage } from "../ui/ObjectPage";
import { PauseAction } from "../ui/PauseAction";
import { State } from "../ui/State";
import { Table } from "../ui/Table";
import { JobCurves } from "./JobCurves";

const ended = ["succeeded", "failed", "cancelled"];

export function JobPage({ id }: { id: string }) {
  const base = `/v1/fine_tuning/jobs/${id}`;
  return (
    <ObjectPage<FineTuningJob>
      id={id}
      base={base}
      room="fine-tuning"
      all="All jobs"
      seconds={(job) => (ended.includes(job.status) ? null : 2)}
    >
      {(job, { change }) => {
        const isEnded = ended.includes(job.status);
        return (
          <>
            <p>
              <State of={job.status} />
            </p>
            {job.error?.message && <p class="failure">{job.error.message}</p>}
            <p class="actions">
              {!isEnded && <PauseAction isPaused={job.status === "paused"} change={change} />}
              {!isEnded && (
                <Action confirm="Cancel this job? Its checkpoints are kept." run={() => change("cancel")}>
                  Cancel
                </Action>
              )}
              {job.fine_tuned_model && (
                <a class="button main" href={href("try", job.fine_tuned_model)}>
                  Try the result
                </a>
              )}
              {job.result_files.map((file) => (
                <Action run={() => download(`/v1/files/${file}/content`, `${id}-losses.csv`)}>Download the losses</Action>
              ))}
              <Copy label="Copy as curl" text={curl("GET", base)} />
            </p>
            <Facts
              of={[
                ["Model", job.model],
                ["Result", job.fine_tuned_model && <code>{job.fine_tuned_model}</code>],
                ["Method", job.method.type],
                ["Training file", job.training_file && <code>{job.training_file}</code>],
                ["Created", when(job.created_at)],
                ["Ended", job.finished_at ? when(job.finished_at) : null],
                ["Time left", job.estimated_finish && !isEnded ? duration(job.estimated_finish - now()) : null],
                ["Tokens", job.trained_tokens === null ? null : count(job.trained_tokens)],
                ...Object.entries(job.hyperparameters).map(([name, value]): [string, string] => [
                  name.replaceAll("_", " "),
                  typeof value === "object" ? JSON.stringify(value) : String(value),
                ]),
              ]}
            />
            <JobCurves job={job} isEnded={isEnded} />
            <Checkpoints base={base} isEnded={isEnded} />
            <Events base={base} isEnded={isEnded} />
          </>
        );
      }}
    </ObjectPage>
  );
}

function Checkpoints({ base, isEnded }: { base: string; isEnded: boolean }) {
  const loaded = usePolled<Page<Checkpoint>>(`${base}/checkpoints?limit=50`, isEnded ? null : 10);
  return (
    <section aria-label="Checkpoints">
      <h2>Checkpoints</h2>
      <Loading of={loaded}>
        {({ data }) =>
          data.length === 0 ? (
            <Empty>
              <p>The first checkpoint comes after about a tenth of the job.</p>
            </Empty>
          ) : (
            <Table
              caption="Checkpoints"
              rows={data}
              id={(checkpoint) => checkpoint.id}
              columns={[
                { name: "Step", cell: (checkpoint) => count(checkpoint.step_number), isNumber: true },
                { name: "Loss", cell: ({ metrics }) => metrics.train_loss.toFixed(3), isNumber: true },
                {
                  name: "Held-out loss",
                  cell: ({ metrics }) => (metrics.full_valid_loss ?? metrics.valid_loss)?.toFixed(3) ?? "–",
                  isNumber: true,
                },
                ...(data.some(({ metrics }) => metrics.accuracy !== undefined)
                  ? [{ name: "Accuracy", cell: ({ metrics }: Checkpoint) => metrics.accuracy?.toFixed(2) ?? "–", isNumber: true }]
                  : []),
                { name: "Model", cell: (checkpoint) => <code>{checkpoint.fine_tuned_model_checkpoint}</code> },
                { name: "", cell: (checkpoint) => <a href={href("try", checkpoint.fine_tuned_model_checkpoint)}>Use it</a> },
              ]}
            />
          )
        }
      </Loading>
    </section>
  );
}

function Events({ base, isEnded }: { base: string; isEnded: boolean }) {
  const loaded = usePolled<Page<FineTuningEvent>>(`${base}/events?limit=100`, isEnded ? null : 5);
  return (
    <section aria-label="Events">
      <h2>Events</h2>
      <Loading of={loaded}>
        {({ data }) => (
          <ol class="events" tabIndex={0}>
            {data.map((event) => (
              <li key={event.id} class={event.level}>
                <time>{when(event.created_at)}</time> {event.message}
              </li>
            ))}
          </ol>
        )}
      </Loading>
    </section>
  );
}
