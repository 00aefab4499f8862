import { download, send } from "../api/client";
import type { Batch, Folder } from "../api/wire";
import { count, duration, when, words } from "../format";
import { go, href } from "../route";
import { Action } from "../ui/Action";
import { Copy, curl } from "../ui/Copy";
import { Facts } from "../ui/Facts";
import { ObjectPage } from "../ui/ObjectPage";
import { Progress } from "../ui/Progress";
import { State } from "../ui/State";
import { BatchLines } from "./BatchLines";
import { stateOf, timeLeft } from "./BatchesPage";

const ended = ["completed", "failed", "expired", "cancelled"];

export function BatchPage({ id }: { id: string }) {
  const base = `/v1/batches/${id}`;
  return (
    <ObjectPage<Batch> id={id} base={base} room="batches" all="All batches" seconds={(batch) => (ended.includes(batch.status) ? null : 2)}>
      {(batch, { change, remove }) => {
        const isEnded = ended.includes(batch.status);
        return (
          <>
            <p>
              <State of={stateOf(batch)} />
            </p>
            <Progress {...batch.request_counts} />
            <p class="actions">
              {!isEnded && (
                <Action confirm="Cancel this batch? Its finished lines are kept." run={() => change("cancel")}>
                  Cancel
                </Action>
              )}
              {isEnded && batch.request_counts.failed > 0 && (
                <Action kind="main" run={() => retry(base)}>
                  Retry the failed lines
                </Action>
              )}
              {batch.output_file_id && (
                <Action run={() => download(`/v1/files/${batch.output_file_id}/content`, `${id}-output.jsonl`)}>
                  Download the answers
                </Action>
              )}
              {batch.error_file_id && (
                <Action run={() => download(`/v1/files/${batch.error_file_id}/content`, `${id}-errors.jsonl`)}>Download the errors</Action>
              )}
              {isEnded && (
                <Action confirm="Delete this batch and its results?" run={remove}>
                  Delete
                </Action>
              )}
              <Copy label="Copy as curl" text={curl("GET", base)} />
            </p>
            {batch.errors?.data.map((error) => (
              <p class="failure">
                {error.line === null ? "" : `Line ${error.line}: `}
                {error.message}
              </p>
            ))}
            <Facts of={facts(batch)} />
            <BatchLines batch={batch} isEnded={isEnded} />
          </>
        );
      }}
    </ObjectPage>
  );
}

async function retry(base: string) {
  const batch = await send<Batch>("POST", `${base}/retry`);
  go("batches", batch.id);
}

function facts(batch: Batch): Parameters<typeof Facts>[0]["of"] {
  const progress = batch.progress;
  const end = batch.completed_at ?? batch.failed_at ?? batch.expired_at ?? batch.cancelled_at;
  return [
    ["Endpoint", <code>{batch.endpoint}</code>],
    ["Model", batch.model],
    [
      "Runs again the failed lines of",
      batch.parent_batch_id && (
        <a href={href("batches", batch.parent_batch_id)}>
          <code>{batch.parent_batch_id}</code>
        </a>
      ),
    ],
    ["Input", batch.input_file_id ? <code>{batch.input_file_id}</code> : folder(batch.input_blobs)],
    ["Output folder", folder(batch.output_blobs)],
    ["Priority", batch.priority === "normal" ? null : batch.priority],
    ["Webhook", batch.webhook && `${batch.webhook.url}${batch.webhook.delivery ? `, ${words(batch.webhook.delivery.status)}` : ""}`],
    ["Created", when(batch.created_at)],
    ["Ended", end ? `${when(end)}, after ${duration(end - batch.created_at)}` : null],
    ["Expires", end ? null : when(batch.expires_at)],
    ["Place in the queue", progress?.queue_position],
    ["Lines a minute", progress?.lines_per_minute && count(Math.round(progress.lines_per_minute))],
    ["Time left", end ? null : timeLeft(batch)],
    ["Workers seen", progress?.workers_seen],
    [
      "Tokens",
      progress
        ? `${count(progress.tokens_done)} of about ${count(progress.tokens_estimated)}`
        : `${count(batch.usage.input_tokens)} in, ${count(batch.usage.output_tokens)} out`,
    ],
    ...Object.entries(batch.metadata ?? {}),
  ];
}

const folder = (of: Folder | null | undefined) => (of ? <code>{of.url ?? `${of.container}/${of.prefix ?? ""}`}</code> : null);
