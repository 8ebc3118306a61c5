"""The one function that work lists name. Its dotted path and its single argument are a wire contract."""


def run_job(job_id: str) -> None:
    """Never called: our workers take jobs in sessions. A stock RQ worker on our queues ends up here."""
    raise RuntimeError(f"job {job_id} must be run by `python worker.py images`, not by a stock RQ worker")
