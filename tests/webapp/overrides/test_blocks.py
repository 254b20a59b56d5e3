"""Overrides that were made together are one line of their list, which says what they do and opens each."""

from uuid import uuid4

from flask.testing import FlaskClient

from tests.webapp.conftest import KETTLE, ODD, page, post, text_of


def override(client: FlaskClient, *keys: str, **fields: str) -> None:
    plain = {"first": "2026-07-01", "last": "2026-07-04", "way": "percent", "amount": "10", "comment": "a fair",
             "token": uuid4().hex}
    asked = "&".join(f"ri={key}" for key in keys)
    assert post(client, "/overrides", {**plain, **fields, "ri": list(keys)},
                form_on=f"/forecasts?{asked}").status_code == 303


def lines(client: FlaskClient, url: str = "/overrides") -> list[list[str]]:
    """What each line says, without who and when."""
    return [[text_of(cell) for cell in [row.th, *row.select("td")[:3], *row.select("td")[6:]]]
            for row in page(client.get(url)).select("#list tbody tr")]


def test_overrides_made_together_are_one_line_that_is_undone_as_one(client: FlaskClient) -> None:
    override(client, KETTLE.key, ODD.key)
    assert lines(client) == [
        ["2 region-items", "Jul 1, 2026 – Jul 4, 2026", "8", "10 % more", "open", "Undo all 8"]]

    [form] = page(client.get("/overrides")).select("#list form")
    assert post(client, str(form["action"]), {"on": "list"}, form_on="/overrides").location == "/overrides"
    [[name, _dates, count, amounts, state, undo]] = lines(client)
    assert (name, count, amounts, undo) == ("2 region-items", "8", "10 % more", "")
    assert state.startswith("undone")


def test_what_is_left_of_them_stands_beside_what_was_replaced(client: FlaskClient) -> None:
    override(client, KETTLE.key)
    override(client, KETTLE.key, first="2026-07-02", last="2026-07-03", amount="-20", comment="closed")

    assert sorted(line[2:4] + line[5:] for line in lines(client)) == [
        ["2", "10 % more", ""], ["2", "10 % more", "Undo all 2"], ["2", "20 % less", "Undo all 2"]]


def test_units_of_several_region_items_are_told_in_all(client: FlaskClient) -> None:
    override(client, KETTLE.key, ODD.key, way="value", amount="50")

    assert lines(client)[0][2:4] == ["8", "200 units in all"]  # 50 a day
    opened = lines(client, str(page(client.get("/overrides")).select("#list tbody td a")[0]["href"]))
    assert len(opened) == 8


def test_of_a_filtered_list_it_is_told_that_all_of_them_are_undone(client: FlaskClient) -> None:
    override(client, KETTLE.key, ODD.key)

    [line] = lines(client, "/overrides?q=kettle")
    assert (line[0], line[2], line[5]) == ("north · kettle", "4", "Undo all 8")
