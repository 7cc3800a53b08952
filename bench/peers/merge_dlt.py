"""dlt's ``merge`` of the same rows into a plain table: prints the seconds of the first load and of the second."""

import json
import sys
import tempfile
import time
from pathlib import Path

import dlt


def load(pipeline: "dlt.Pipeline", path: Path) -> float:
    """Merge a file of JSON lines by external id."""
    with path.open() as lines:
        rows = [json.loads(line) for line in lines]
    started = time.perf_counter()
    pipeline.run(rows, table_name="lead", write_disposition="merge", primary_key="external_id")
    return time.perf_counter() - started


def main() -> None:
    """Arguments: database URL, first file, second file."""
    url, first, second = sys.argv[1:]
    url = url.replace("postgres@", "postgres:unused@", 1)  # the server trusts; dlt wants a password all the same
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "peer", destination=dlt.destinations.postgres(url), dataset_name="peer_dlt", pipelines_dir=folder
        )
        print(json.dumps([load(pipeline, Path(first)), load(pipeline, Path(second))]))


if __name__ == "__main__":
    main()
