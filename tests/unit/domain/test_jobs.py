"""The life of a job as a table."""

import pytest

from veilgate.domain.jobs import LEGAL_TRANSITIONS, TERMINAL, JobStatus, sources_of


def test_every_state_is_in_the_table() -> None:
    assert set(LEGAL_TRANSITIONS) == set(JobStatus)


def test_a_completed_job_stays_completed() -> None:
    assert LEGAL_TRANSITIONS[JobStatus.COMPLETED] == frozenset()


def test_an_ended_job_can_at_most_be_submitted_again() -> None:
    for status in TERMINAL:
        assert status.is_terminal
        assert LEGAL_TRANSITIONS[status] <= {JobStatus.SUBMITTED}


def test_only_a_running_job_completes() -> None:
    assert sources_of(JobStatus.COMPLETED) == {JobStatus.PROCESSING}


def test_what_has_not_ended_can_be_cancelled() -> None:
    assert sources_of(JobStatus.CANCELLED) == set(JobStatus) - TERMINAL


@pytest.mark.parametrize("target", JobStatus)
def test_sources_are_the_table_read_backwards(target: JobStatus) -> None:
    expected = {source for source in JobStatus if target in LEGAL_TRANSITIONS[source]}
    assert sources_of(target) == expected
