import { useEffect, useState } from "preact/hooks";
import { percent } from "../format";
import { Legend, sureness } from "./Fills";
import { canvasAt, lastStep, type Segment } from "./trace";

const speeds = [1, 2, 5, 10];

/** Plays how the masks of an answer became tokens, step by step. */
export function Replay({ segments }: { segments: Segment[] }) {
  const steps = lastStep(segments);
  const [step, setStep] = useState(steps);
  const [isPlaying, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(5);
  useEffect(() => {
    setStep(steps);
    setPlaying(false);
  }, [segments]);
  useEffect(() => {
    if (!isPlaying) return;
    const timer = setInterval(() => setStep((now) => Math.min(now + 1, steps)), 1000 / speed);
    return () => clearInterval(timer);
  }, [isPlaying, speed, segments]);
  useEffect(() => {
    if (step >= steps) setPlaying(false);
  }, [step, segments]);

  const play = () => {
    if (step >= steps) setStep(0);
    setPlaying(!isPlaying);
  };
  const places = canvasAt(segments, step);
  const masks = places.filter((place) => place.text === null).length;
  return (
    <section class="replay" aria-label="How it came about">
      <p class="controls">
        <button type="button" onClick={play}>
          {isPlaying ? "Pause" : "Play"}
        </button>
        <label>
          Step{" "}
          <input
            type="range"
            min={0}
            max={steps}
            value={step}
            onInput={(event) => {
              setPlaying(false);
              setStep(Number(event.currentTarget.value));
            }}
          />
        </label>
        <output>
          {step} of {steps}, {masks} {masks === 1 ? "mask" : "masks"} left
        </output>
        <label>
          Speed{" "}
          <select value={speed} onChange={(event) => setSpeed(Number(event.currentTarget.value))}>
            {speeds.map((value) => (
              <option value={value}>{value} steps a second</option>
            ))}
          </select>
        </label>
      </p>
      <p class="text canvas">
        {places.map((place) =>
          place.text === null ? (
            <span class="mask" role="img" aria-label="mask">
              ▒
            </span>
          ) : place.isGiven ? (
            place.text
          ) : (
            <mark class={`${sureness(place.confidence)}${place.isNew ? " new-token" : ""}`} title={percent(place.confidence)}>
              {place.text}
            </mark>
          ),
        )}
      </p>
      <Legend />
    </section>
  );
}
