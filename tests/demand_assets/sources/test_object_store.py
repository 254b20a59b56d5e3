"""Files in an S3 object store, on a local server that speaks its protocol."""

import pandas as pd
import pytest

from demand_assets.forecasting.contract.source import SourceError
from demand_assets.sources import open_source
from tests.demand_assets.sources.shop import NORTH_7, file_dataset, sales

pytest.importorskip("moto.server", reason="moto is not installed: no local S3 server to read from")

ENVIRONMENT = {"S3_KEY": "testing-key", "S3_SECRET": "testing-secret"}


@pytest.fixture
def s3_url():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def described(s3_url, path):
    return file_dataset(path, options={"key": "${S3_KEY}", "secret": "${S3_SECRET}", "endpoint_url": s3_url})


def store(s3_url):
    import s3fs

    return s3fs.S3FileSystem(key="testing-key", secret="testing-secret", endpoint_url=s3_url)


def test_a_glob_in_a_bucket_is_read_and_followed(s3_url):
    files = store(s3_url)
    files.mkdir("shop")
    with files.open("shop/2024/a.parquet", "wb") as file:
        sales().to_parquet(file)
    source = open_source(described(s3_url, "s3://shop/2024/*.parquet"), environment=ENVIRONMENT)
    before = source.fingerprint()

    assert len(source.read([NORTH_7])) == 4

    with files.open("shop/2024/b.parquet", "wb") as file:
        sales()[::8].assign(day="2024-01-05").to_parquet(file)
    assert source.fingerprint() != before
    assert len(source.read([NORTH_7])) == 5
    assert source.catalogue().last_date == pd.Timestamp("2024-01-05")


@pytest.mark.parametrize("path", ["s3://shop-not-there/a.csv", "s3://shop-not-there/*.csv"])
def test_a_bucket_that_is_not_there(s3_url, path):
    with pytest.raises(SourceError, match="shop-not-there"):
        open_source(described(s3_url, path), environment=ENVIRONMENT).catalogue()


def test_a_store_that_does_not_answer():
    with pytest.raises(SourceError, match="cannot be read") as caught:
        open_source(described("http://127.0.0.1:1", "s3://shop/a.csv"), environment=ENVIRONMENT).catalogue()

    assert "testing-secret" not in str(caught.value)
