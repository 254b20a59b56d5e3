import pytest

from deploy.masked_text import masked


@pytest.mark.parametrize(("text", "shown"), [
    ("https://me:se@cret@index.example/a", "https://***@index.example/a"),
    ("https://token@index.example/a b:c@d.example", "https://***@index.example/a ***@d.example"),
    ("https://index.example/simple?token=secret", "https://index.example/simple?***"),
    ("/opt/python@3.11/wheels", "/opt/python@3.11/wheels"),
    ("@own:registry", "@own:registry"),
    ("proxy = 'me:secret@proxy.example:1'", "proxy = '***@proxy.example:1'"),
    ("npm install -g npm@12", "npm install -g npm@12"),
])
def test_masked(text, shown):
    assert masked(text) == shown
