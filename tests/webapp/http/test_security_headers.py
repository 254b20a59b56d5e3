"""The doors of the app: headers, cookies, forms from elsewhere, uploads, downloads, redirects."""

import csv
import io
import re
import time
import zipfile
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from werkzeug.test import TestResponse

from demand_assets.forecasting.contract.region_item import RegionItem
from demand_assets.forecasting.store.journal import Entry
from tests.webapp.conftest import EMAIL, KETTLE, PASSWORD, Background, demand_of, hidden, page, post, text_of
from tests.webapp.scenario_forms import saved, send
from webapp import create_app
from webapp.http.security_headers import HEADERS
from webapp.pages.download_files import is_formula
from webapp.settings import Settings

EVIL = RegionItem("=cmd|'/C calc'!A0", "@SUM(1+1)")


class TestHeaders:
    @pytest.mark.parametrize(("path", "status"), [
        ("/", 200), ("/sign-in", 302), ("/static/app.css", 200), ("/static/none.css", 404), ("/nowhere", 404),
        ("/retrains?show=x", 422), ("/admin/audit", 403), ("/health", 200), ("/retrains/news", 404),
        ("/forecasts/download?ri=north%7Ckettle&format=csv", 200)])
    def test_every_answer_carries_them(self, client: FlaskClient, path: str, status: int) -> None:
        carries_all(client.get(path), status)

    def test_errors_carry_them_too(self, app: Flask, anonymous: FlaskClient) -> None:
        app.config["PROPAGATE_EXCEPTIONS"] = False
        app.add_url_rule("/broken", view_func=lambda: str(1 // 0))

        carries_all(anonymous.get("/broken"), 500)
        carries_all(anonymous.post("/sign-in", data={}), 400)
        carries_all(anonymous.put("/sign-in"), 405)
        carries_all(anonymous.get("/"), 302)

    @pytest.mark.parametrize("path", ["/", "/sign-in", "/static/app.css", "/api/v1/dataset"])
    def test_nothing_is_traced_and_no_folder_is_listed(self, client: FlaskClient, path: str) -> None:
        assert client.open(path, method="TRACE", headers={"X-Secret": "told"}).status_code == 405
        assert client.get("/static/").status_code == 404

    @pytest.mark.parametrize("path", ["/", "/sign-in", "/api/v1/dataset", "/health", "/static/app.css"])
    def test_no_other_origin_is_let_in_or_told_where_one_was(self, client: FlaskClient, path: str) -> None:
        answer = client.get(path, headers={"Origin": "https://evil.example"})

        assert not [name for name, _ in answer.headers if name.casefold().startswith("access-control")]
        assert answer.headers["Referrer-Policy"] == "same-origin"

    def test_scripts_and_styles_come_from_here_alone(self, client: FlaskClient) -> None:
        policy = dict(part.split(" ", 1) for part in client.get("/").headers["Content-Security-Policy"].split("; "))

        assert policy["default-src"] == policy["object-src"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
        assert "unsafe" not in str(policy)

    def test_behind_https_browsers_stay_on_it(self, settings: Settings, client: FlaskClient) -> None:
        assert "Strict-Transport-Security" not in client.get("/").headers

        secure = create_app(settings.model_copy(update={"web_https": True})).test_client()
        assert secure.get("/sign-in").headers["Strict-Transport-Security"] == "max-age=31536000"
        assert secure.get("/static/app.css").headers["Strict-Transport-Security"] == "max-age=31536000"


def carries_all(response: TestResponse, status: int) -> None:
    assert response.status_code == status
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS


class TestCookies:
    def test_behind_https_they_go_over_https_only(self, settings: Settings) -> None:
        secure = create_app(settings.model_copy(update={"web_https": True})).test_client()
        for cookie in sign_in_cookies(secure, base_url="https://shop.example"):
            assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; ")), cookie

    def test_on_loopback_they_work_without(self, anonymous: FlaskClient) -> None:
        for cookie in sign_in_cookies(anonymous):
            assert {"HttpOnly", "SameSite=Lax"} <= set(cookie.split("; ")), cookie
            assert "Secure" not in cookie.split("; ")


def sign_in_cookies(client: FlaskClient, **more: str) -> list[str]:
    """All that a browser is given by somebody who wants to stay signed in."""
    token = hidden(page(client.get("/sign-in", **more)), "csrf_token")  # type: ignore[arg-type]
    response = client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD, "remember": "y",
                                             "csrf_token": token}, headers={"Referer": "https://shop.example/sign-in"},
                           **more)  # type: ignore[arg-type]
    cookies = response.headers.getlist("Set-Cookie")
    names = {cookie.split("=")[0] for cookie in cookies}
    assert names == {"__Host-demand_shop" if "base_url" in more else "demand_shop"}
    return cookies


class TestFormsFromElsewhere:
    def test_htmx_sends_the_token_in_a_header(self, client: FlaskClient) -> None:
        body = page(client.get("/")).body
        assert body is not None
        assert '"X-CSRFToken"' in str(body["hx-headers"])
        token = hidden(page(client.get("/")), "csrf_token")
        fields = {"ri": KETTLE.key, "horizon": "3"}

        assert client.post("/forecasts", data=fields, headers={"HX-Request": "true"}).status_code == 400
        assert client.post("/forecasts", data=fields, headers={
            "HX-Request": "true", "X-CSRFToken": "made-up"}).status_code == 400
        assert client.post("/forecasts", data=fields, headers={
            "HX-Request": "true", "X-CSRFToken": token}).status_code == 200

    def test_another_persons_token_does_not_do(self, client: FlaskClient, viewer: FlaskClient) -> None:
        token = hidden(page(viewer.get("/")), "csrf_token")
        assert client.post("/retrains/1/cancel", data={"csrf_token": token}).status_code == 400

    def test_behind_https_the_form_must_come_from_here(self, settings: Settings) -> None:
        secure = create_app(settings.model_copy(update={"web_https": True})).test_client()
        token = hidden(page(secure.get("/sign-in", base_url="https://shop.example")), "csrf_token")
        fields = {"email": EMAIL, "password": PASSWORD, "csrf_token": token}

        assert secure.post("/sign-in", data=fields, base_url="https://shop.example", headers={
            "Referer": "https://evil.example/"}).status_code == 400


class TestUploads:
    def test_too_much_at_once_is_said_in_megabytes(self, client: FlaskClient) -> None:
        response = upload(client, b"region,item,date,price\n" + b"x" * 8_100_000, "plan.csv")

        assert response.status_code == 413
        assert "at most 8 MB at once. Nothing was saved." in text_of(page(response))

    @pytest.mark.parametrize(("content", "name", "words"), [
        (b"x" * 5_100_000, "plan.csv", "at most 5 MB are read"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "plan.csv", "neither text nor an Excel file"),
        (b"MZ\0\0", "plan.exe", "neither text nor an Excel file"),
        (b"PK\x03\x04 not a zip", "plan.xlsx", "is no Excel file that can be read"),
        (b"<svg onload=alert(1)>", "<script>alert(1)</script>.csv", "The plan")])
    def test_what_is_no_plan_is_refused_and_nothing_is_stored(self, client: FlaskClient, content: bytes, name: str,
                                                              words: str) -> None:
        response = upload(client, content, name)

        assert response.status_code == 422
        assert words in text_of(page(response))
        assert "<script>alert" not in response.text
        assert "No scenario yet" in client.get("/scenarios").text

    def test_a_file_that_unpacks_to_very_much_is_refused_at_once(self, client: FlaskClient) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bomb:
            bomb.writestr("xl/worksheets/sheet1.xml", b"0" * 300_000_000)
        assert len(packed.getvalue()) < 1_000_000

        started = time.monotonic()
        response = upload(client, packed.getvalue(), "plan.xlsx")

        assert response.status_code == 422
        assert "holds 300 MB once unpacked" in text_of(page(response))
        assert time.monotonic() - started < 10

    def test_a_sheet_that_claims_to_be_endless_is_read_in_bounded_time(self, client: FlaskClient) -> None:
        started = time.monotonic()
        response = upload(client, far_away_cell(), "plan.xlsx")

        assert response.status_code == 422
        assert time.monotonic() - started < 20

    def test_entities_that_grow_are_not_expanded(self, client: FlaskClient) -> None:
        started = time.monotonic()
        response = upload(client, with_entities(), "plan.xlsx")

        assert response.status_code == 422
        assert time.monotonic() - started < 10


def upload(client: FlaskClient, content: bytes, name: str) -> TestResponse:
    return send(client, file=(io.BytesIO(content), name))


def far_away_cell() -> bytes:
    """A sheet with one cell, in the last row and column that Excel knows."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append([WriteOnlyCell(sheet, "region")])
    written = io.BytesIO()
    book.save(written)
    return _with_sheet(written.getvalue(), lambda text: text.replace(
        '</sheetData>', '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>').replace(
        "<sheetData>", '<dimension ref="A1:XFD1048576"/><sheetData>'))


def with_entities() -> bytes:
    book = Workbook()
    book.active.append(["region", "item"])
    written = io.BytesIO()
    book.save(written)
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "0" * 100}">' for n in range(9))
    return _with_sheet(written.getvalue(), lambda text: f"<!DOCTYPE x [{entities}]>{text}".replace(
        "</sheetData>", '<row r="2"><c r="A2"><v>&a8;</v></c></row></sheetData>'))


def _with_sheet(content: bytes, change: Callable[[str], str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for part in before.namelist():
            data = before.read(part)
            after.writestr(part, change(data.decode()) if part.endswith("sheet1.xml") else data)
    return out.getvalue()


class TestDownloads:
    def test_no_cell_of_any_file_computes(self, admin: FlaskClient, background: Background) -> None:
        """Names that are formulas, in every list and file that there is."""
        background.catalogue(EVIL, KETTLE)
        background.services.store.write("demand", EVIL, demand_of(12.0))
        background.make_stored_forecasts()
        path = saved(admin, ri=EVIL.key, name="=1+1", description='=HYPERLINK("http://evil.example")')
        post(admin, "/retrains", {"token": "t" * 32, "ri": EVIL.key, "reason": "=2+2;=3+3"})
        key = {"ri": EVIL.key}
        files = [
            (f"{path}/result.csv", {}), (f"{path}/result.xlsx", {}),
            *((address, {"format": form, **query}) for form in ("csv", "xlsx") for address, query in (
                ("/forecasts/download", {**key, "of": "region-items"}), ("/data/region-items", {}), ("/data", {}),
                ("/data/loads", {}), ("/data/quarantine", key), ("/data/drift", {}), ("/data/freshness", {}),
                ("/data/drift/region-item", key), ("/admin/audit", {})))]
        seen = ""
        for address, query in files:
            response = admin.get(address, query_string=query)
            assert response.status_code == 200, address
            assert "attachment" in response.headers["Content-Disposition"]
            texts = cells_of(response)
            seen += "\n".join(texts)
            assert [text for text in texts if is_formula(text)] == [], address
        assert "=cmd|" in seen
        assert "=1+1" in seen


def cells_of(response: TestResponse) -> list[str]:
    """The texts of a file, those that Excel takes for texts whatever they look like marked by an apostrophe; of CSV as
    those have them to whom a semicolon separates cells, too."""
    if response.mimetype == "text/csv":
        return [part for row in csv.reader(io.StringIO(response.data.decode("utf-8-sig"))) for cell in row
                for part in re.split(r"[;\r\n]", cell)]
    book = load_workbook(io.BytesIO(response.data))
    return [f"'{cell.value}" if cell.data_type == "s" and cell.quotePrefix else str(cell.value)
            for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]


class TestRedirects:
    ELSEWHERE = ("https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
                 "http:evil.example", "javascript:alert(1)", "https:evil.example", " //evil.example",
                 "/models/compare?@evil.example//..//evil.example")

    @pytest.mark.parametrize("target", ELSEWHERE)
    def test_signing_in_leads_nowhere_else(self, anonymous: FlaskClient, target: str) -> None:
        token = hidden(page(anonymous.get("/sign-in", query_string={"next": target})), "csrf_token")
        for where in ({"query_string": {"next": target}}, {}):
            response = anonymous.post("/sign-in", data={
                "email": EMAIL, "password": PASSWORD, "csrf_token": token, "next": target}, **where)  # type: ignore[arg-type]
            stays_here(response)

    def test_nor_does_signing_out(self, client: FlaskClient, viewer: FlaskClient, admin: FlaskClient) -> None:
        for one, target in zip((client, viewer, admin), self.ELSEWHERE, strict=False):
            token = hidden(page(one.get("/account")), "csrf_token")
            stays_here(one.post("/sign-out", query_string={"next": target}, data={
                "csrf_token": token, "next": target}))
            assert one.get("/account").location.startswith("/sign-in")

    @pytest.mark.parametrize("target", ELSEWHERE)
    def test_fetching_a_version_leads_nowhere_else(self, client: FlaskClient, background: Background,
                                                   target: str) -> None:
        background.journal(Entry(KETTLE, "trained", numbers={"version": 1, "wape": 0.2}))
        stays_here(post(client, "/models/fetch", {"token": "t" * 32, "ri": KETTLE.key, "version": "1",
                                                  "back": target}))

    def test_what_looks_like_another_host_is_not_taken_along(self, anonymous: FlaskClient) -> None:
        response = anonymous.get("//evil.example/")
        if response.status_code == 302:
            stays_here(response)


def stays_here(response: TestResponse) -> None:
    assert response.status_code in (200, 302, 303, 400)  # 200: the form again, refused
    if response.location:  # as browsers read it: a backslash is a slash, tabs and spaces around are nothing
        read = re.sub(r"[\t\r\n]", "", response.location.strip()).replace("\\", "/")
        assert urlsplit(urljoin("https://shop.example/sign-in", read))[:2] == ("https", "shop.example")


@pytest.mark.parametrize("path", ["/scenarios/%00", "/forecasts?ri=%00", "/?q=a%00b"])
def test_a_nul_character_is_refused(client: FlaskClient, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 400
    assert "NUL character" in text_of(page(response))
    assert post(client, "/retrains", {"reason": "a\0b", "token": "t" * 32, "ri": KETTLE.key}).status_code == 400


def test_a_number_that_no_database_holds_is_no_adjustment(client: FlaskClient) -> None:
    assert post(client, f"/adjustments/{10**30}/remove", {}).status_code == 404
