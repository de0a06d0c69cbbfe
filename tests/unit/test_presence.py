"""Everybody is counted once a minute, everywhere and in each zone."""

from services.recorder.presence import EVERYWHERE, MAX_ZONES, Presence, places_of


def test_who_stays_is_told_from_who_arrives() -> None:
    presence = Presence()
    assert presence.see(7, {EVERYWHERE: [1, 2]}) == {EVERYWHERE: {"arrived": 2}}
    assert presence.see(7, {EVERYWHERE: [1, 2]}) == {EVERYWHERE: {}}
    assert presence.see(8, {EVERYWHERE: [2, 3]}) == {EVERYWHERE: {"stayed": 1, "arrived": 1}}
    assert presence.see(8, {EVERYWHERE: [1]}) == {EVERYWHERE: {"stayed": 1}}
    assert presence.see(11, {EVERYWHERE: [1]}) == {EVERYWHERE: {"arrived": 1}}


def test_a_zone_has_its_own_people() -> None:
    presence = Presence()
    assert places_of([4, 5], [["till"], ["till", "door"]]) == {
        EVERYWHERE: [4, 5],
        "till": [4, 5],
        "door": [5],
    }
    assert places_of([], []) == {}
    presence.see(1, {EVERYWHERE: [4]})
    assert presence.see(2, {EVERYWHERE: [4], "till": [4]}) == {
        EVERYWHERE: {"stayed": 1},
        "till": {"arrived": 1},
    }


def test_the_counts_of_a_minute_stay_few() -> None:
    presence = Presence()
    zones = {f"zone{number}": [1] for number in range(MAX_ZONES + 5)}
    assert len(presence.see(1, {EVERYWHERE: [1], **zones})) == MAX_ZONES + 1
    assert presence.see(1, {"zone0": [2], f"zone{MAX_ZONES}": [2]}) == {"zone0": {"arrived": 1}}
