import { useEffect, useState } from "preact/hooks";
import { get } from "../api/client";
import { path } from "../api/path";
import { usePolled } from "../api/polling";
import type { FineTuningEvent, FineTuningJob, Page } from "../api/wire";
import { Chart, type Series } from "../ui/Chart";
import { Empty } from "../ui/Loading";

/** The losses of a job over its steps, with those of other jobs for comparison. */
export function JobCurves({ job, isEnded }: { job: FineTuningJob; isEnded: boolean }) {
  const jobs = usePolled<Page<FineTuningJob>>("/v1/fine_tuning/jobs?limit=20", null);
  const [others, setOthers] = useState<string[]>([]);
  const [series, setSeries] = useState<Record<string, Series[]>>({});
  const ids = [job.id, ...others];

  useEffect(() => {
    const abort = new AbortController();
    const load = async () => {
      const loaded = await Promise.all(ids.map(async (id) => [id, await curvesOf(id, id === job.id ? "" : ` ${id}`, abort.signal)] as const));
      setSeries(Object.fromEntries(loaded));
    };
    const ask = () => void load().catch(() => undefined);     // the job's own errors stand above
    ask();
    const timer = isEnded ? undefined : setInterval(ask, 5000);
    return () => { abort.abort(); clearInterval(timer); };
  }, [ids.join(), isEnded]);

  const shown = ids.flatMap((id) => series[id] ?? []);
  const comparable = jobs.value?.data.filter((other) => other.id !== job.id) ?? [];
  return <section aria-label="Losses">
    <h2>Losses</h2>
    {shown.some((one) => one.points.length > 0)
      ? <Chart label="Loss" series={shown} />
      : <Empty><p>The losses appear with the first steps.</p></Empty>}
    {comparable.length > 0 && <details>
      <summary>Compare with other jobs</summary>
      {comparable.map(({ id, model }) => <label class="row">
        <input type="checkbox" checked={others.includes(id)}
          onChange={() => setOthers(others.includes(id) ? others.filter((other) => other !== id) : [...others, id])} /> <code>{id}</code> {model}
      </label>)}
    </details>}
  </section>;
}

/** Losses from a job's events: about as many as the service reports, whichever the number of steps. */
async function curvesOf(id: string, suffix: string, signal: AbortSignal): Promise<Series[]> {
  const events: FineTuningEvent[] = [];
  for (let after: string | null = null, more = true; more;) {
    const page: Page<FineTuningEvent> =
      (await get<Page<FineTuningEvent>>(path(`/v1/fine_tuning/jobs/${id}/events`, { limit: 100, after }), signal)).value;
    events.push(...page.data);
    [after, more] = [page.last_id, page.has_more];
  }
  const steps = events.flatMap(({ data }) => data?.step === undefined ? [] : [data as { step: number; train_loss?: number; valid_loss?: number | null }])
    .sort((a, b) => a.step - b.step);
  return [
    { name: `training${suffix}`, points: steps.map((data) => [data.step, data.train_loss ?? null]) },
    { name: `held-out${suffix}`, points: steps.flatMap((data): [number, number][] => data.valid_loss == null ? [] : [[data.step, data.valid_loss]]) },
  ];
}
