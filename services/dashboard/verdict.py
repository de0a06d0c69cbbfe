"""How the system does, in words, with what to do about it: a pure function of what was measured."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from services.dashboard import load_rules, presence_rules
from services.dashboard.findings import Evidence, Finding

_RULES: Final[Sequence[Callable[[Evidence], Iterator[Finding]]]] = (
    presence_rules.absent,
    presence_rules.waiting,
    presence_rules.memory,
    load_rules.bottleneck,
    presence_rules.nothing_recorded,
    presence_rules.cameras,
    presence_rules.deaths,
    load_rules.latency,
    load_rules.giving_way,
    load_rules.near_limit,
    presence_rules.clocks,
    presence_rules.slow_cameras,
    presence_rules.advice,
)
"""In the order of importance, among findings of one level."""
_LEVELS: Final = ("bad", "warn", "good")


def judge(evidence: Evidence) -> list[Finding]:
    """Return what there is to say, the most important first; never nothing."""
    found = [finding for rule in _RULES for finding in rule(evidence)]
    if all(finding.level == "good" for finding in found):
        return [_all_is_well(evidence), *found]
    return sorted(found, key=lambda finding: _LEVELS.index(finding.level))


def redis_away(error: Exception) -> Finding:
    """Return the verdict where there is no evidence to be had."""
    return Finding(code="redis_away", level="bad", text=str(error))


def _all_is_well(evidence: Evidence) -> Finding:
    p95 = evidence.status.latency.p95_ms
    if p95 is None:
        return Finding(code="idle", level="good", text="All is well; no frame has come in the last minutes.")
    text = (
        f"All is well: frames are recorded {p95:.0f} ms after capture (p95), within the objective of "
        f"{evidence.objective_ms:.0f} ms. The cameras set the pace."
    )
    return Finding(code="well", level="good", text=text)
