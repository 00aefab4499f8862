import { useEffect, useState } from "preact/hooks";
import { percent } from "../format";
import { Legend, sureness } from "./Fills";
import { canvasAt, type Trace } from "./trace";

const speeds = [1, 2, 5, 10];

/** Plays how the masks of an answer became tokens, step by step. */
export function Replay({ trace }: { trace: Trace }) {
  const [step, setStep] = useState(trace.steps);
  const [isPlaying, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(5);
  useEffect(() => { setStep(trace.steps); setPlaying(false); }, [trace]);
  useEffect(() => {
    if (!isPlaying) return;
    const timer = setInterval(() => setStep((now) => Math.min(now + 1, trace.steps)), 1000 / speed);
    return () => clearInterval(timer);
  }, [isPlaying, speed, trace]);
  useEffect(() => { if (step >= trace.steps) setPlaying(false); }, [step, trace]);

  const play = () => {
    if (step >= trace.steps) setStep(0);
    setPlaying(!isPlaying);
  };
  const places = canvasAt(trace, step);
  const masks = places.filter((place) => place.text === null).length;
  return <section class="replay" aria-label="How it came about">
    <p class="controls">
      <button type="button" onClick={play}>{isPlaying ? "Pause" : "Play"}</button>
      <label>Step <input type="range" min={0} max={trace.steps} value={step}
        onInput={(event) => { setPlaying(false); setStep(Number(event.currentTarget.value)); }} /></label>
      <output>{step} of {trace.steps}, {masks} {masks === 1 ? "mask" : "masks"} left</output>
      <label>Speed{" "}
        <select value={speed} onChange={(event) => setSpeed(Number(event.currentTarget.value))}>
          {speeds.map((value) => <option value={value}>{value} steps a second</option>)}
        </select>
      </label>
    </p>
    <p class="text canvas">
      {places.map((place) => place.text === null
        ? <span class="mask" aria-label="mask">▒</span>
        : <mark class={`${sureness(place.confidence)}${place.isNew ? " new-token" : ""}`} title={percent(place.confidence)}>{place.text}</mark>)}
    </p>
    <Legend />
  </section>;
}
