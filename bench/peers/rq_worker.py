"""Runs in the peers' environment: enqueues the order read from stdin and works it off in burst mode.

Prints the seconds from the first job enqueued to the last done.
"""

import json
import logging
import sys
import time
from pathlib import Path

import rq_job
from redis import Redis
from rq import Queue, SimpleWorker


def main() -> None:
    order = json.load(sys.stdin)
    redis = Redis(unix_socket_path=order["socket"])
    queue = Queue(connection=redis)
    worker = SimpleWorker([queue], connection=redis)
    more = (order["folder"], order["face_size_px"], order["face_threshold"])
    queue.enqueue(rq_job.veil_photo, order["paths"][0], *more)
    worker.work(burst=True, logging_level=logging.WARNING)
    began_s = time.perf_counter()
    for path in order["paths"]:
        queue.enqueue(rq_job.veil_photo, path, *more)
    worker.work(burst=True, logging_level=logging.WARNING)
    took_s = time.perf_counter() - began_s
    assert queue.failed_job_registry.count == 0, "jobs failed"
    assert len(list(Path(order["folder"]).glob("*.jpg"))) == len(order["paths"])
    print(took_s)


if __name__ == "__main__":
    main()
