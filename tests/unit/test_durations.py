"""Durations as people write them, and what no duration is."""

import pytest

from shared.config import RetentionSettings, load_settings, parse_duration
from shared.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2ms", 0.002),
        ("1.5s", 1.5),
        (" 10 m ", 600.0),
        ("30d", 2_592_000.0),
        (7, 7.0),
        ("7", 7.0),
        (0.1, 0.1),
    ],
)
def test_a_duration_is_read_as_seconds(written: object, seconds: float) -> None:
    assert parse_duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    ["soon", "", True, None, "inf", float("inf"), float("-inf"), "nan", float("nan"), "1e400", 10**400,
     "9" * 400 + "d", "1e300"],
)  # fmt: skip
def test_what_is_no_finite_time_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="is not a duration such as"):
        parse_duration(written)


@pytest.mark.parametrize("field", ["results", "minutes"])
@pytest.mark.parametrize("written", [float("inf"), "inf", "3651d"])
def test_nothing_is_kept_for_ever(field: str, written: object) -> None:
    with pytest.raises(ConfigError, match=rf"retention\.{field}"):
        load_settings(retention={field: written})
    assert RetentionSettings.model_validate({field: "3650d"})
