import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { path } from "../api/path";
import { usePolled } from "../api/polling";
import type { Page } from "../api/wire";
import { Empty, Loading } from "./Loading";
import { Table, type Column } from "./Table";

/** A list of the service, page by page; the first page is kept up to date. */
export function Listed<T extends { id: string }>({
  base,
  query = {},
  caption,
  columns,
  seconds = 10,
  limit = 20,
  empty,
}: {
  base: string;
  query?: Record<string, string | null | undefined>;
  caption: string;
  columns: Column<T>[];
  seconds?: number | null;
  limit?: number;
  empty: ComponentChildren;
}) {
  const [before, setBefore] = useState<(string | null)[]>([]);
  const filter = path("", query);
  useEffect(() => setBefore([]), [base, filter]);
  const after = before.at(-1) ?? null;
  const page = usePolled<Page<T>>(path(base, { ...query, limit, after }), after ? null : seconds);
  return (
    <Loading of={page}>
      {({ data, last_id, has_more }) =>
        data.length === 0 && !after ? (
          <Empty>{empty}</Empty>
        ) : (
          <>
            <Table caption={caption} columns={columns} rows={data} id={(row) => row.id} />
            {(after || has_more) && (
              <nav class="pages" aria-label={`Pages of ${caption}`}>
                <button type="button" disabled={!after} onClick={() => setBefore(before.slice(0, -1))}>
                  Newer
                </button>
                <button type="button" disabled={!has_more} onClick={() => setBefore([...before, last_id])}>
                  Older
                </button>
              </nav>
            )}
          </>
        )
      }
    </Loading>
  );
}
