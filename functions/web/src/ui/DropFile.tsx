import { useRef, useState } from "preact/hooks";

/** A place to drop a file on, which is also a button that opens the file dialog. */
export function DropFile({ label, accept, take }: { label: string; accept: string; take: (file: File) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  };
  return (
    <div
      class={over ? "drop over" : "drop"}
      onDrop={drop}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
    >
      <button type="button" onClick={() => input.current!.click()}>
        {label}
      </button>
      <span class="quiet">or drop it here</span>
      <input
        ref={input}
        type="file"
        accept={accept}
        class="hidden"
        tabIndex={-1}
        aria-label={label}
        onChange={() => {
          const file = input.current!.files?.[0];
          input.current!.value = "";
          if (file) take(file);
        }}
      />
    </div>
  );
}
