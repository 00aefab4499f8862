import { usePolled } from "../api/polling";
import { path } from "../api/path";
import { count, now } from "../format";
import { Empty, Loading } from "../ui/Loading";
import { Table } from "../ui/Table";

/** A stretch of time of `/v1/usage`, with what each model did in it. */
interface Bucket {
  start_time: number;
  results: { model: string | null; num_model_requests: number; input_tokens: number; output_tokens: number }[];
}

const days = 30;
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

export function UsagePage() {
  const start = Math.floor(now() / 86_400 - days + 1) * 86_400;
  const loaded = usePolled<{ data: Bucket[] }>(path("/v1/usage", { start_time: start, bucket_width: "1d", group_by: "model" }), 60);
  return (
    <>
      <h1>Usage</h1>
      <Loading of={loaded}>
        {({ data }) => {
          const rows = data.flatMap((bucket) => bucket.results.map((result) => ({ ...result, day: bucket.start_time }))).reverse();
          return rows.length === 0 ? (
            <Empty>
              <p>Nothing was counted in the last {days} days. Lines count when their batch has ended.</p>
            </Empty>
          ) : (
            <Table
              caption={`Usage of the last ${days} days, by day and model`}
              rows={rows}
              id={(row) => `${row.day} ${row.model}`}
              columns={[
                { name: "Day", cell: (row) => date.format(row.day * 1000) },
                { name: "Model", cell: (row) => row.model ?? "–" },
                { name: "Lines", cell: (row) => count(row.num_model_requests), isNumber: true },
                { name: "Tokens in", cell: (row) => count(row.input_tokens), isNumber: true },
                { name: "Tokens out", cell: (row) => count(row.output_tokens), isNumber: true },
              ]}
            />
          );
        }}
      </Loading>
    </>
  );
}
