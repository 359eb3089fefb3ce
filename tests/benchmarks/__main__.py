"""`make bench`: every row in one run, printed and written to build/bench.json."""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from deploy import local
from tests.benchmarks import batch_file, chain, event_loop, filled, http_reads, quotes, table
from tests.benchmarks.table import Row

OUT = Path("build/bench.json")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--only", default="", help="quotes, loop, batch, http, chain; comma separated")
    chosen = set(filter(None, parser.parse_args().only.split(",")))
    rows: list[Row] = []

    def part(name: str, work: Callable[[], list[Row]]) -> None:
        if not chosen or name in chosen:
            print(f"… {name}", flush=True)
            found = work()
            rows.extend(found)
            print(table.show(found), flush=True)

    part("quotes", quotes.run)
    if chosen != {"quotes"}:
        _with_servers(part, chosen)
    table.write(rows, OUT)
    print("\n" + table.show(rows))
    missed = [row.name for row in rows if not row.reached]
    print(
        f"\n{OUT}: {len(rows)} rows, {len(rows) - len(missed)} reached"
        + (f"; not: {', '.join(missed)}" if missed else "")
    )


def _with_servers(part: Callable[[str, Callable[[], list[Row]]], None], chosen: set[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="ieum-bench-") as folder:
        work = Path(folder)
        kafka, postgres = local.start_kafka(work / "kafka"), local.start_postgres(work / "postgres")
        try:
            for name in ("loop", "batch", "matching", "bare"):
                postgres.create_database(name)
            part("loop", lambda: event_loop.run(kafka.bootstrap, postgres.url_for("loop")))
            part("batch", lambda: batch_file.run(work, postgres.url_for("batch")))
            part("http", lambda: http_reads.run(work, *filled.matching(postgres.url_for("matching"))))
            dsn = postgres.url_for("bare").replace("+asyncpg", "")
            bare = chain.run_bare(kafka.bootstrap, dsn) if not chosen or "chain" in chosen else []
        finally:
            kafka.stop()
            postgres.stop()
        part("chain", lambda: chain.rows(chain.run_ours(work), bare))


if __name__ == "__main__":
    main()
