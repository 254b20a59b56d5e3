import pytest
from flask import Flask

from webapp.accounts.browsers import browser_words

APPLE = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(("told", "words"), [
    (f"Mozilla/5.0 (X11; Linux x86_64) {APPLE} HeadlessChrome/156.0.0.0 Safari/537.36", "Chrome on Linux"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {APPLE} Chrome/130.0.0.0 Safari/537.36 Edg/130.0", "Edge on Windows"),
    ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on macOS"),
    ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 "
     "Mobile/15E148 Safari/604.1", "Safari on iPhone"),
    (f"Mozilla/5.0 (Linux; Android 14) {APPLE} Chrome/130.0.0.0 Mobile Safari/537.36", "Chrome on Android"),
    ("curl/8.5.0", "curl/8.5.0"), ("", "unknown")])
def test_a_browser_is_called_as_people_call_it(app: Flask, told: str, words: str) -> None:
    with app.test_request_context():
        assert browser_words(told) == words
