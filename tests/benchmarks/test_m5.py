"""The benchmark of whole M5: what it writes. The whole takes minutes and a package of its own."""

from benchmarks import m5


def test_the_product_is_told_as_a_number_and_every_method_by_name() -> None:
    assert m5.errors([0.68214, 0.87]) == {
        "wrmsse": 0.6821, "wrmsse_by_method": {"product": 0.6821, "seasonal_naive": 0.87}}
