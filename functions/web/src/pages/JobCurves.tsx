import { useEffect, useState } from "preact/hooks";
import { get } from "../api/client";
import { path } from "../api/path";
import { usePolled } from "../api/polling";
import type { FineTuningEvent, FineTuningJob, Page } from "../api/wire";
import { Chart, type Series } from "../ui/Chart";
import { Empty } from "../ui/Loading";

/** What every method reports besides its losses. */
const common = ["step", "total_steps", "train_loss", "valid_loss", "learning_rate", "gradient_norm"];

/** The losses of a job over its steps, and what its method measures besides, with those of other jobs for comparison. */
export function JobCurves({ job, isEnded }: { job: FineTuningJob; isEnded: boolean }) {
  const jobs = usePolled<Page<FineTuningJob>>("/v1/fine_tuning/jobs?limit=20", null);
  const [others, setOthers] = useState<string[]>([]);
  const [series, setSeries] = useState<Record<string, Curve[]>>({});
  const ids = [job.id, ...others];

  useEffect(() => {
    const abort = new AbortController();
    const load = async () => {
      const loaded = await Promise.all(
        ids.map(async (id) => [id, await curvesOf(id, id === job.id ? "" : ` ${id}`, abort.signal)] as const),
      );
      setSeries(Object.fromEntries(loaded));
    };
    const ask = () => void load().catch(() => undefined); // the job's own errors stand above
    ask();
    const timer = isEnded ? undefined : setInterval(ask, 5000);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [ids.join(), isEnded]);

  const curves = ids.flatMap((id) => series[id] ?? []).filter((curve) => curve.points.length > 0);
  const measures = [...new Set(curves.map((curve) => curve.measure))].filter((measure) => measure !== "loss");
  const comparable = jobs.value?.data.filter((other) => other.id !== job.id) ?? [];
  return (
    <section aria-label="Losses">
      <h2>Losses</h2>
      {curves.length > 0 ? (
        <Chart label="Loss" series={curves.filter((curve) => curve.measure === "loss")} />
      ) : (
        <Empty>
          <p>The losses appear with the first steps.</p>
        </Empty>
      )}
      {measures.map((measure) => (
        <Chart key={measure} label={measure.replaceAll("_", " ")} series={curves.filter((curve) => curve.measure === measure)} />
      ))}
      {comparable.length > 0 && (
        <details>
          <summary>Compare with other jobs</summary>
          {comparable.map(({ id, model }) => (
            <label class="row">
              <input
                type="checkbox"
                checked={others.includes(id)}
                onChange={() => setOthers(others.includes(id) ? others.filter((other) => other !== id) : [...others, id])}
              />{" "}
              <code>{id}</code> {model}
            </label>
          ))}
        </details>
      )}
    </section>
  );
}

/** A line of one chart: that of the losses, or of a measure. */
interface Curve extends Series {
  measure: string;
}

/** Curves from a job's events: about as many points as the service reports, whichever the number of steps. */
async function curvesOf(id: string, suffix: string, signal: AbortSignal): Promise<Curve[]> {
  const events: FineTuningEvent[] = [];
  for (let after: string | null = null, more = true; more;) {
    const page: Page<FineTuningEvent> = (
      await get<Page<FineTuningEvent>>(path(`/v1/fine_tuning/jobs/${id}/events`, { limit: 100, after }), signal)
    ).value;
    events.push(...page.data);
    [after, more] = [page.last_id, page.has_more];
  }
  const steps = events.flatMap(({ data }) => (data?.step == null ? [] : [data])).sort((a, b) => a.step! - b.step!);
  const line = (field: string): [number, number][] => steps.flatMap((data) => (data[field] == null ? [] : [[data.step!, data[field]!]]));
  const measures = [...new Set(steps.flatMap((data) => Object.keys(data)))].filter(
    (field) => !common.includes(field) && !field.startsWith("valid_"),
  );
  return [["loss", "train_loss", "valid_loss"], ...measures.map((measure) => [measure, measure, `valid_${measure}`])].flatMap(
    ([measure, training, heldOut]) => [
      { measure: measure!, name: `training${suffix}`, points: line(training!) },
      { measure: measure!, name: `held-out${suffix}`, points: line(heldOut!) },
    ],
  );
}
