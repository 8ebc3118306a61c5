"""Texts as words: what is written in many ways is found in all of them."""

import pytest

from veilgate.domain.words import LONGEST_WORD, MOST_WORDS, findable_words, words_of, words_of_labels


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Red  VAN, red!", ["red", "van"]),
        ("Škoda straße Ünal naïve", ["skoda", "strasse", "unal", "naive"]),
        ("a_b-c.d/e", ["a", "b", "c", "d", "e"]),
        ("写真 Лада 한국", ["写真", "лада", "한국"]),
        ("photo.JPG", ["photo"]),
        ("v1.png.jpeg", ["v1"]),
        ("jpg of a png", ["jpg", "of", "a", "png"]),
        ("½ ﬁne", ["12", "fine"]),
        ("\N{GRINNING FACE} ... __ --", []),
        ("", []),
    ],
)
def test_a_text_is_its_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("DSC0042.jpg", ["dsc0042", "dsc", "0042"]),
        ("IMG20240115_101112.jpg", ["img20240115", "img", "20240115", "101112"]),
        ("RedVanFront.jpg", ["redvanfront", "red", "van", "front"]),
        ("HTTPServer2", ["httpserver2", "http", "server"]),
        ("ÄpfelUndBirnen", ["apfelundbirnen", "apfel", "und", "birnen"]),
        ("A4", ["a4"]),
        ("VAN", ["van"]),
    ],
)
def test_what_is_written_together_is_found_by_its_parts(text: str, words: list[str]) -> None:
    assert findable_words(text) == words


def test_words_of_labels_come_once() -> None:
    assert words_of_labels(["traffic light", "Light", "car"]) == ["traffic", "light", "car"]


def test_however_a_letter_is_composed_it_is_the_same_word() -> None:
    assert words_of("caf\N{LATIN SMALL LETTER E WITH ACUTE}") == words_of("cafe\N{COMBINING ACUTE ACCENT}")


def test_long_texts_are_bounded() -> None:
    assert words_of("x" * 300) == ["x" * LONGEST_WORD]
    assert len(findable_words(" ".join(f"w{number}" for number in range(5_000)))) == MOST_WORDS
    assert all(
        len(word) <= LONGEST_WORD for word in words_of("\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 9)
    )
