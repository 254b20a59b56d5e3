"""What a loop does less often than it turns waits its time, and longer where it takes long."""

from time import sleep

from webapp.background.pacing import PART, Paced

TOOK = 0.05


def test_what_takes_long_waits_so_much_longer_and_what_does_not_only_its_time() -> None:
    paced = Paced(0.1)

    with paced.within_part():
        sleep(TOOK)
    after_long = paced.seconds_left
    with paced.within_part():
        pass
    after_short = paced.seconds_left

    assert after_long > 0.8 * TOOK / PART
    assert after_short <= 0.1
