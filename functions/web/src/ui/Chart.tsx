import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";

export interface Series {
  name: string;
  /** Steps and values, in the order of steps. A value that is null leaves the line out there. */
  points: [number, number | null][];
}

const colours = ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5", "--line-6"];

/** Lines over steps: drag to zoom, double click to see all again. */
export function Chart({ series, label }: { series: Series[]; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  const [isLog, setLog] = useState(false);
  const shown = series.filter((one) => one.points.length > 0);

  useEffect(() => {
    const element = place.current!;
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis = { stroke: colour("--text"), grid: { stroke: colour("--edge"), width: 1 }, ticks: { stroke: colour("--edge"), width: 1 } };
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height: 280,
        scales: { x: { time: false }, y: { distr: isLog ? 3 : 1 } },
        axes: [
          { ...axis, label: "step" },
          { ...axis, size: 64 },
        ],
        series: [
          { label: "step" },
          ...shown.map((one, index) => ({
            label: one.name,
            stroke: colour(colours[index % colours.length]!),
            width: 2,
            spanGaps: true,
            dash: index < colours.length ? [] : [6, 4],
            points: { show: one.points.length < 30 },
          })),
        ],
      },
      aligned(shown),
      element,
    );
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: 280 }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      plot.destroy();
    };
  }, [JSON.stringify(shown), isLog]);

  return (
    <figure class="chart">
      <figcaption>
        {label}
        <label>
          <input type="checkbox" checked={isLog} onChange={() => setLog(!isLog)} /> logarithmic
        </label>
        <span class="quiet">Drag to zoom, double click for all</span>
      </figcaption>
      <div ref={place} role="img" aria-label={`${label}: ${shown.map(summary).join("; ")}`} />
    </figure>
  );
}

/** One column of steps for all lines, as uPlot wants it. */
function aligned(series: Series[]): uPlot.AlignedData {
  const steps = [...new Set(series.flatMap((one) => one.points.map(([step]) => step)))].sort((a, b) => a - b);
  const columns = series.map((one) => {
    const values = new Map(one.points);
    return steps.map((step) => values.get(step) ?? null);
  });
  return [steps, ...columns] as uPlot.AlignedData;
}

function summary({ name, points }: Series): string {
  const values = points.filter(([, value]) => value !== null);
  const [first, last] = [values[0]!, values.at(-1)!];
  return `${name} from ${first[1]!.toFixed(2)} at step ${first[0]} to ${last[1]!.toFixed(2)} at step ${last[0]}`;
}
