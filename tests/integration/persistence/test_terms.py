"""The list of an owner's words is in step with the images that have them, whoever writes at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.persistence.databases import OWNER, Shelf
from veilgate.domain.spelling import may_have_slips, one_left_out
from veilgate.persistence.deadlocks import again_after_deadlock

OTHER = "owner-2"


def say(shelf: Shelf, image_id: str, owner_id: str = OWNER, **words: str) -> None:
    by_source = {source: text.split() for source, text in words.items()}
    with shelf.database.write() as transaction:
        transaction.terms.replace(image_id, by_source, owner_id=owner_id)


def forget(shelf: Shelf, image_id: str) -> None:
    with shelf.database.write() as transaction:
        transaction.terms.forget_image(image_id, OWNER)


def said(shelf: Shelf, image_id: str) -> set[tuple[str, str]]:
    rows = shelf.rows("SELECT source, term FROM image_terms WHERE image_id = :id", id=image_id)
    return {(row["source"], row["term"]) for row in rows}


def assert_in_step(shelf: Shelf) -> set[tuple[str, str]]:
    """The words of all owners, each listed once with its spellings as long as an image has it."""
    used = {(row["owner_id"], row["term"]) for row in shelf.rows("SELECT owner_id, term FROM image_terms")}
    listed = {(row["owner_id"], row["term"]) for row in shelf.rows("SELECT owner_id, term FROM terms")}
    rows = shelf.rows("SELECT owner_id, spelling, term FROM term_spellings")
    spelled = {(row["owner_id"], row["spelling"], row["term"]) for row in rows}
    assert listed == used
    assert spelled == {
        (owner_id, spelling, term)
        for owner_id, term in used
        if may_have_slips(term)
        for spelling in one_left_out(term)
    }
    return used


def test_each_source_says_its_own(shelf: Shelf) -> None:
    shelf.add("a", "b")
    say(shelf, "a", filename="red van", detected="car")
    say(shelf, "b", filename="red")
    say(shelf, "a", detected="truck car", tagged="van")
    detected = {("detected", "truck"), ("detected", "car")}
    assert said(shelf, "a") == {("filename", "red"), ("filename", "van"), ("tagged", "van"), *detected}
    say(shelf, "a", filename="", tagged="")
    assert said(shelf, "a") == detected
    assert assert_in_step(shelf) == {(OWNER, "red"), (OWNER, "truck"), (OWNER, "car")}


def test_a_word_goes_with_its_last_image(shelf: Shelf) -> None:
    shelf.add("a", "b", "c")
    say(shelf, "a", filename="meadow 0042 van")
    say(shelf, "b", filename="van")
    say(shelf, "c", OTHER, filename="meadow")
    forget(shelf, "a")
    assert assert_in_step(shelf) == {(OWNER, "van"), (OTHER, "meadow")}
    forget(shelf, "b")
    forget(shelf, "b")
    assert assert_in_step(shelf) == {(OTHER, "meadow")}


def test_saying_the_same_again_writes_nothing(shelf: Shelf) -> None:
    shelf.add("a")
    say(shelf, "a", filename="red van")
    before = shelf.rows("SELECT * FROM image_terms")
    say(shelf, "a", filename="van red red")
    assert shelf.rows("SELECT * FROM image_terms") == before


@pytest.mark.parametrize("words", ["car van truck bus meadow harbour"])
def test_who_writes_the_same_words_at_once_waits_for_the_other(shelf: Shelf, words: str) -> None:
    images = [f"image-{number}" for number in range(12)]
    shelf.add(*images)
    begin = threading.Barrier(4)

    def work(worker: int) -> None:
        begin.wait(10)
        for number in range(worker, 12, 4):
            order = words.split()[:: 1 if worker % 2 else -1]
            again_after_deadlock(say)(shelf, images[number], filename=" ".join(order))
            if number < 4:
                again_after_deadlock(forget)(shelf, images[number])

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, worker) for worker in range(4)]:
            done.result(60)
    assert assert_in_step(shelf) == {(OWNER, word) for word in words.split()}


def test_a_word_that_somebody_is_about_to_use_stays(mariadb_shelf: Shelf) -> None:
    """Forgotten with its last image while another image with it is not committed yet."""
    shelf = mariadb_shelf
    shelf.add("a", "b")
    say(shelf, "a", filename="meadow")
    with ThreadPoolExecutor(1) as pool:
        with shelf.database.write() as transaction:
            transaction.terms.replace("b", {"filename": ["meadow"]}, owner_id=OWNER)
            forgetting = pool.submit(forget, shelf, "a")
            with pytest.raises(TimeoutError):
                forgetting.result(0.3)
        forgetting.result(10)
    assert assert_in_step(shelf) == {(OWNER, "meadow")}
