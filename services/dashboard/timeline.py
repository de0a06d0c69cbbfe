"""What was recorded over a stretch of time: results in pages, and the timeline."""

import itertools
import re
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, HTTPException, Query, Request, Response
from msgspec import Struct

from services.dashboard.access import NEED_VIEWER
from services.dashboard.api import CameraPath, StoreParameter, as_json, get_settings
from services.dashboard.finished import FinishedBuckets
from services.dashboard.moments import HELP, moment
from services.dashboard.openapi import answer, errors
from shared.config import Settings
from shared.messages import CAMERA_PATTERN
from shared.store import Store
from shared.timeline import HOUR, Bucket, span_of
from shared.topology import MAX_CAMERAS

MAX_RESULTS: Final = 1000
ALL: Final = "all"
DAY: Final = 86_400

router = APIRouter(dependencies=[NEED_VIEWER])
From = Annotated[str, Query(alias="from", max_length=40, description=HELP)]
FromOrAll = Annotated[
    str, Query(alias="from", max_length=40, description=f"{HELP}; `all`: the oldest that is kept")
]
To = Annotated[str | None, Query(alias="to", max_length=40, description=f"{HELP}; now, if left out")]
Cameras = Annotated[
    str | None,
    Query(
        max_length=MAX_CAMERAS * 41, description=f"up to {MAX_CAMERAS} names with commas; all, if left out"
    ),
]
Zone = Annotated[str, Query(max_length=64, description="count only faces in this zone")]


class CameraBuckets(Struct, frozen=True):
    """One camera's part of the timeline."""

    camera: str
    buckets: list[Bucket]


class Timeline(Struct, frozen=True, kw_only=True):
    """How moods moved; buckets in which no frame was recorded are left out."""

    since: int = msgspec.field(name="from")
    """Seconds since 1970, as `to`."""
    until: int = msgspec.field(name="to")
    step: int
    """Length of a bucket in seconds."""
    full_from: int
    """Seconds since 1970; what was recorded since then can be exported face by face."""
    cameras: list[CameraBuckets]


@router.get("/api/cameras/{name}/results", tags=["results"])
def results(
    name: CameraPath,
    request: Request,
    store: StoreParameter,
    since: From = "1m",
    until: To = None,
    limit: Annotated[int, Query(ge=1, le=MAX_RESULTS)] = 100,
    after: Annotated[
        str | None, Query(pattern=r"^\d{1,15}-\d{1,10}$", description="`next` of the page before")
    ] = None,
) -> Response:
    """Results captured in [from, to) in the order of their recording; `next` is null at the end."""
    now = now_of(request)
    since_ns = int(moment("from", since, now) * 1e9)
    until_ns = None if until is None else int(moment("to", until, now) * 1e9)
    page = store.results(name, since_ns=since_ns, until_ns=until_ns, limit=limit, after=after)
    found = list(itertools.islice(page, limit))
    return as_json({"results": found, "next": found[-1]["id"] if len(found) == limit else None})


_EXAMPLE: Final = Timeline(
    since=1_795_512_300,
    until=1_795_512_600,
    step=300,
    full_from=1_795_509_000,
    cameras=[
        CameraBuckets(
            "door",
            [
                Bucket(
                    start=1_795_512_300, seconds=300, frames=4480, faces=1.42, tracks=11, arrived=9,
                    uncertain=31.5,
                    emotions={"happy": 120.6, "neutral": 260.1, "sad": 9.9},
                )
            ],
        )
    ],
)  # fmt: skip


@router.get(
    "/api/timeline",
    tags=["results"],
    responses={
        **answer(Timeline, _EXAMPLE),
        **errors({422: "From must lie before to"}),
    },
)
def timeline(
    request: Request,
    store: StoreParameter,
    since: FromOrAll = "1h",
    until: To = None,
    cameras: Cameras = None,
    zone: Zone = "",
    step: Annotated[int, Query(ge=0, le=DAY, description="no shorter buckets than this, in seconds")] = 0,
) -> Response:
    """How moods moved: face-seconds by emotion, mean number of faces, and how many people, by time.

    The stretch is widened to whole buckets, about 150 at most: of seconds for up to 10 minutes of which full
    results are kept, else of minutes, hours or days. `emotions` and `uncertain` are face-seconds: a share is
    one of them over the sum of all.
    """
    names = names_of(store, cameras)
    settings, now = get_settings(request), now_of(request)
    span = span_of(
        *range_of(store, settings, names, since, until, now), now, settings.retention.results, step
    )
    finished: FinishedBuckets = request.app.state.finished
    parts = [CameraBuckets(name, finished.buckets(name, span, zone)) for name in names]
    full_from = int(now - settings.retention.results)
    return as_json(
        Timeline(since=span.since, until=span.until, step=span.step, full_from=full_from, cameras=parts)
    )


def names_of(store: Store, cameras: str | None) -> list[str]:
    """Return the cameras that are asked for; without any, all wanted ones."""
    if cameras is None:
        return list(store.cameras())
    names = list(dict.fromkeys(name for name in cameras.split(",") if name))
    unfit = next((name for name in names if not re.fullmatch(CAMERA_PATTERN, name)), None)
    if unfit is not None or not 0 < len(names) <= MAX_CAMERAS:
        reason = f"{unfit[:40]!r} is no camera's name" if unfit else f"give 1 to {MAX_CAMERAS} names"
        raise HTTPException(422, f"cameras: {reason}")
    return names


def now_of(request: Request) -> float:
    """Return the broker's wall clock, with which frames are stamped, in seconds since 1970."""
    wall_ns: Callable[[], int] = request.app.state.wall_ns
    return wall_ns() / 1e9


def range_of(
    store: Store, settings: Settings, names: list[str], since: str, until: str | None, now: float
) -> tuple[float, float]:
    """Return seconds since 1970: within what is kept, and not after now."""
    oldest = now - settings.retention.minutes
    start = _first(store, names, oldest, now) if since == ALL else moment("from", since, now)
    end = now if until is None else min(moment("to", until, now), now)
    if not start < end:
        raise HTTPException(422, "from must lie before to, and not ahead of now")
    if end <= oldest:
        raise HTTPException(422, "to: nothing is kept for so long; see retention.minutes")
    return max(start, oldest), end


def _first(store: Store, names: list[str], oldest: float, now: float) -> float:
    """Return when the first recorded hour begins; an hour ago, if nothing is recorded."""
    hours = [store.first_hour(name, int(oldest // HOUR), int(now // HOUR) + 1) for name in names]
    known: list[Any] = [hour * HOUR for hour in hours if hour is not None]
    return float(max(min(known), oldest)) if known else now - HOUR
