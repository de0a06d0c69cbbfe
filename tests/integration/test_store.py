"""The store on a real server: wanted state, signs of life, reading results, and Redis away, full or odd."""

import json
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
import redis

from shared import keys
from shared.config import CameraSettings, RedisSettings, Settings
from shared.demo import declare_cameras
from shared.errors import ConfigError, StoreError
from shared.records import Advance, CameraState, Facts, Health, Recorded, Wanted
from shared.store import TIDY_SECONDS, Store, redis_url
from shared.timeline import Span, buckets
from tests.valkey import start_valkey

SECOND = 1_000_000_000
COUNTS = {
    "frames": 1, "faces": 1, "seconds:happy": 0.5, "arrived": 1, "zone:till:seconds:happy": 1.0,
    "zone:till:stayed": 1,
}  # fmt: skip


def entry(
    sequence: int, captured_ns: int, camera: str = "door", size: int = 0, keep_seconds: int = 60
) -> Advance:
    ages = {"capture": 2.0, "record": float(sequence)}
    document = {"sequence": sequence, "captured_ns": captured_ns, "ages_ms": ages, "padding": "x" * size}
    return Advance(
        camera=camera,
        run=1,
        live=True,
        result=Recorded(
            sequence=sequence,
            json=json.dumps(document).encode(),
            minute=captured_ns // (60 * SECOND),
            counts={"emotion:happy": 1, "latency:50": 1, **COUNTS},
            hour_counts=COUNTS,
            facts=Facts(captured_ns=captured_ns, emotions={}, stages={}),
            results_seconds=keep_seconds,
            minutes_seconds=600,
        ),
    )


def test_cameras_are_kept_with_who_wants_them(store: Store) -> None:
    store.put_camera("yard", CameraSettings(source="rtsp://user:secret@host/1", fps=5))
    store.replace_config_cameras({"door": CameraSettings(source="0"), "hall": CameraSettings(source="1")})
    store.replace_config_cameras({"door": CameraSettings(source="2")})
    assert store.cameras() == {
        "door": CameraSettings(source="2"),
        "yard": CameraSettings(source="rtsp://user:secret@host/1", fps=5),
    }
    assert {name: wanted.origin for name, wanted in store.wanted_cameras().items()} == {
        "door": "config",
        "yard": "user",
    }
    assert store.remove_camera("yard")
    assert not store.remove_camera("yard")


def test_a_capture_group_declares_its_own_cameras_alone(store: Store) -> None:
    front, back = CameraSettings(source="0", group="front"), CameraSettings(source="1", group="back")
    assert declare_cameras(store, {"door": front, "yard": back}, "front", use_demo=False) == {}
    declare_cameras(store, {"door": front, "yard": back}, "back", use_demo=False)
    declare_cameras(store, {"shed": back}, "back", use_demo=False)
    assert store.cameras() == {"door": front, "shed": back}


def test_demo_cameras_are_wanted_only_where_there_are_no_others(store: Store) -> None:
    assert set(declare_cameras(store, {}, "default", use_demo=True)) == set(store.cameras()) != set()
    door = CameraSettings(source="0")
    store.put_camera("door", door)
    assert declare_cameras(store, {}, "default", use_demo=True) == {}
    assert store.cameras() == {"door": door}


def test_a_malformed_camera_does_not_hide_the_others(store: Store, valkey_url: str) -> None:
    store.put_camera("door", CameraSettings(source="0"))
    with redis.Redis.from_url(valkey_url) as client:
        client.hset(keys.WANTED_CAMERAS, "bad", "{not json")
    assert list(store.cameras()) == ["door"]


def test_wanted_settings_change_one_by_one(store: Store) -> None:
    assert store.wanted() == Wanted()
    store.set_wanted(classifiers=3, model="/models/x", blur=False)
    store.set_wanted(model=None, detectors=2)
    assert store.wanted() == Wanted(classifiers=3, detectors=2, blur=False)
    store.set_wanted(blur=None)
    assert store.wanted().blur
    with pytest.raises(StoreError, match="unknown: colour"):
        store.set_wanted(colour="red")
    with pytest.raises(StoreError, match="int"):
        store.set_wanted(classifiers="many")


def test_after_a_failover_behind_one_address_the_new_primary_is_written_to(tmp_path: Path) -> None:
    address = tmp_path / "primary.sock"
    with ExitStack() as running:
        old_url, new_url = (
            running.enter_context(start_valkey(make_folder(tmp_path / name))) for name in ("old", "new")
        )
        address.symlink_to(old_url.removeprefix("unix://"))
        store = Store(RedisSettings(url=f"unix://{address}"), tmp_path)
        running.callback(store.close)
        store.apply([entry(1, time.time_ns())])
        old = running.enter_context(redis.Redis.from_url(old_url))
        old.replicaof("127.0.0.1", "9")
        with pytest.raises(StoreError, match="is a replica, which takes no writes"):
            store.apply([entry(2, time.time_ns())])
        address.unlink()
        address.symlink_to(new_url.removeprefix("unix://"))
        store.apply([entry(3, time.time_ns())])
        new = running.enter_context(redis.Redis.from_url(new_url))
        assert new.exists(keys.latest("door"))


def test_what_redis_6_says_of_a_script_on_a_replica_is_understood(store: Store) -> None:
    text = "Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You can't write"
    with pytest.raises(StoreError, match="is a replica"), store._calls():
        raise redis.ResponseError(text)


def make_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_signs_of_life_are_listed_until_they_expire(store: Store, valkey_url: str) -> None:
    sign = Health(
        service="detector", instance="detector-1", host="here", pid=7, started_ns=1, metrics_port=9000,
        state="working", facts={"model": "ab12"},
    )  # fmt: skip
    state = CameraState(camera="door", state="live", since_ns=1, captured=9)
    store.publish_health(sign)
    store.publish_cameras([state])
    assert store.health() == [sign]
    assert store.camera_states() == {"door": state}
    with redis.Redis.from_url(valkey_url) as client:
        assert 0 < client.ttl(keys.health("detector", "detector-1")) <= 5
        client.delete(keys.health("detector", "detector-1"))
    assert store.health() == []


def test_a_host_whose_clock_is_ahead_strikes_nobody_out(
    store: Store, valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, ahead = (CameraState(camera=name, state="live", since_ns=1) for name in ("door", "yard"))
    store.publish_cameras([here])
    later = time.time() + 3 * TIDY_SECONDS
    monkeypatch.setattr(time, "time", lambda: later)
    other = Store(RedisSettings(url=valkey_url), tmp_path)
    other.publish_cameras([ahead])
    other.close()
    assert store.camera_states() == {"door": here, "yard": ahead}


def test_who_was_not_there_for_long_leaves_the_index(store: Store, valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        long_ago_ms = int((time.time() - 3 * TIDY_SECONDS) * 1000)
        client.zadd(keys.STATE_INDEX, {"gone": long_ago_ms, "quiet": int(time.time() * 1000)})
        store.publish_cameras([CameraState(camera="door", state="live", since_ns=1)])
        assert set(client.zrange(keys.STATE_INDEX, 0, -1)) == {b"door", b"quiet"}


def test_results_are_read_by_time_and_page_by_page(store: Store) -> None:
    now = time.time_ns()
    store.apply([entry(number, now - (500 - number) * SECOND // 100) for number in range(1, 501)])
    assert [one["sequence"] for one in store.results("door")] == list(range(1, 501))
    part = list(store.results("door", since_ns=now - 2 * SECOND, until_ns=now - SECOND))
    assert [one["sequence"] for one in part] == list(range(300, 400))
    assert len(list(store.results("door", since_ns=-SECOND))) == 500  # so long ago that it is before 1970
    first = list(store.results("door", limit=150))
    rest = list(store.results("door", after=first[-1]["id"]))
    assert [one["sequence"] for one in first + rest] == list(range(1, 501))
    latest = store.latest("door")
    assert latest is not None
    assert latest["sequence"] == 500
    assert store.latest("nobody") is None
    assert list(store.results("nobody")) == []


def test_the_newest_frames_of_each_camera_tell_their_ages(store: Store) -> None:
    now = time.time_ns()
    store.apply([entry(number, now + number) for number in range(1, 10)])
    store.apply([entry(number, now + number, camera="yard") for number in range(1, 3)])
    ages = store.newest_ages(["door", "yard", "nowhere"], 4)
    assert [frame.ages_ms["record"] for frame in ages] == [9.0, 8.0, 7.0, 6.0, 2.0, 1.0]
    assert ages[0].captured_ns == now + 9
    assert store.newest_ages([], 4) == []


def test_the_server_tells_its_memory_and_version(store: Store) -> None:
    store.put_camera("door", CameraSettings(source="0"))
    server = store.server()
    assert server.product in ("redis", "valkey")
    assert server.version.count(".") == 2
    assert server.used_bytes > 0
    assert (server.keys, server.clients > 0) == (1, True)


def test_minutes_are_summed_and_found_over_hours(store: Store) -> None:
    hour = 480_000 * 3600 * SECOND
    store.apply([entry(1, hour - SECOND), entry(2, hour), entry(3, hour + 30 * SECOND)])
    before, after = store.minutes("door", 480_000 * 60 - 1, 480_000 * 60 + 1)
    assert (before["minute"], before["frames"]) == (480_000 * 60 - 1, 1)
    assert after == {
        "minute": 480_000 * 60, "frames": 2, "faces": 2, "uncertain": 0, "emotions": {"happy": 2},
        "seconds": {"happy": 1.0}, "latency": {"50": 2}, "arrived": 2, "stayed": 0,
        "zones": {"till": {"faces": 0, "arrived": 0, "stayed": 2, "seconds": {"happy": 2.0}}},
    }  # fmt: skip
    assert store.minutes("door", 480_000 * 60 + 1, 480_000 * 60 + 60) == []
    hours = store.hours("door", 480_000 - 30, 480_001)
    assert [(row["hour"], row["frames"], row["arrived"]) for row in hours] == [
        (479_999, 1, 1),
        (480_000, 2, 2),
    ]


def test_the_first_hour_is_found_among_days(store: Store) -> None:
    assert store.first_hour("door", 479_000, 480_001) is None
    hour = 3600 * SECOND
    store.apply([entry(1, 479_930 * hour), entry(2, 479_999 * hour)])
    assert store.first_hour("door", 479_000, 480_001) == 479_930
    assert store.first_hour("door", 479_931, 480_001) == 479_999


def test_a_timeline_is_read_from_results_minutes_and_hours(store: Store) -> None:
    """The same frames, two a second up to now, read in buckets of three kinds."""
    now = time.time_ns() // SECOND // 2 * 2
    seen = {"track": 5, "emotion": "happy", "certain": True, "smoothed_emotion": "happy", "seconds": 0.5}
    entries = []
    for number in range(16):
        one = entry(number + 1, now * SECOND - (16 - number) * SECOND // 2)
        assert one.result
        document = {"captured_ns": one.result.facts.captured_ns, "faces": [seen]}
        result = msgspec.structs.replace(one.result, json=json.dumps(document).encode())
        entries.append(msgspec.structs.replace(one, result=result))
    store.apply(entries)
    fine = buckets(store, "door", Span(now - 8, now, 2))
    assert [(one.start, one.frames, one.tracks) for one in fine] == [
        (start, 4, 1) for start in range(now - 8, now, 2)
    ]
    assert [one.emotions for one in fine] == [{"happy": 2.0}] * 4
    for step in (60, 3600):
        coarse = buckets(store, "door", Span(now // step * step - step, now // step * step + step, step))
        assert sum(one.frames for one in coarse) == 16
        assert sum(one.emotions["happy"] for one in coarse) == 8.0
        assert sum(one.tracks for one in coarse) == 16  # as the counts of this file's entries say
    assert buckets(store, "door", Span(now - 8, now, 2), "till")[0].emotions == {}


def test_fractions_and_whole_seconds_add_up(store: Store) -> None:
    first, second = entry(1, SECOND), entry(2, SECOND)
    assert second.result
    whole = msgspec.structs.replace(second.result, counts={"seconds:happy": 1.0, "frames": 1})
    store.apply([first, msgspec.structs.replace(second, result=whole)])
    assert store.minutes("door", 0, 60)[0]["seconds"] == {"happy": 1.5}


def test_old_results_are_trimmed_on_writing(store: Store) -> None:
    now = time.time_ns()
    store.apply([entry(number, now, size=1000, keep_seconds=1) for number in range(1, 401)])
    deadline = time.monotonic() + 10
    number = 401
    while len(list(store.results("door"))) > 100 and time.monotonic() < deadline:
        store.apply([entry(number, now, size=1000, keep_seconds=1)])
        number += 1
        time.sleep(0.05)
    assert len(list(store.results("door"))) <= 100


def test_forgetting_a_camera_leaves_the_others_and_foreign_keys(store: Store, valkey_url: str) -> None:
    with redis.Redis.from_url(valkey_url) as client:
        client.set("theirs", "1")
        store.apply([entry(1, time.time_ns()), entry(1, time.time_ns(), camera="yard")])
        store.forget_camera("door")
        left = {key.decode() for key in client.scan_iter()}
    assert not [key for key in left if "{door}" in key]
    assert "theirs" in left
    assert store.latest("yard")


def test_a_flushed_script_is_loaded_again(store: Store, valkey_url: str) -> None:
    store.apply([entry(1, 1)])
    with redis.Redis.from_url(valkey_url) as client:
        client.script_flush()
    assert [applied.recorded for applied in store.apply([entry(2, 1), entry(3, 1)])] == [True, True]


def test_a_host_that_can_have_no_name_is_named(tmp_path: Path) -> None:
    store = Store(RedisSettings(url="redis://me:secret@redis..local"), tmp_path)
    with pytest.raises(StoreError, match=r"^Redis at redis://redis\.\.local: no host can have that name"):
        store.ping()


def test_redis_away_gives_one_line_with_the_remedy_and_comes_back(tmp_path: Path) -> None:
    store = Store(RedisSettings(), tmp_path)
    with pytest.raises(StoreError, match=r"does not answer.*start it"):
        store.ping()
    with start_valkey(tmp_path):
        store.apply([entry(1, 1)])
    with pytest.raises(StoreError, match="does not answer"):
        store.apply([entry(2, 1)])
    with start_valkey(tmp_path):
        assert store.apply([entry(2, 1)])[0].recorded
    store.close()


def test_a_full_redis_refuses_the_whole_entry(tmp_path: Path) -> None:
    with start_valkey(tmp_path, "--maxmemory", "4mb", "--maxmemory-policy", "noeviction") as url:
        store = Store(RedisSettings(url=url), tmp_path)
        written = 0
        with pytest.raises(StoreError, match="is full"):  # noqa: PT012 - which write is refused is not known
            for number in range(1, 10_000):
                written += store.apply([entry(number, 1, size=5000)])[0].recorded
        cursor, ledger = store.cursor("door"), store.ledger("door")
        assert (cursor.sequence, ledger["captured"], ledger["recorded"]) == (written, written, written)
        assert len(list(store.results("door"))) == written > 100
        store.close()


def test_urls_and_passwords(tmp_path: Path) -> None:
    assert redis_url(Settings(run_dir=tmp_path)) == f"unix://{tmp_path}/redis.sock"
    with pytest.raises(ConfigError, match=r"redis\.url"):
        Store(RedisSettings(url="http://nowhere"), tmp_path)
    with pytest.raises(ConfigError, match="password_file"):
        Store(RedisSettings(password_file=tmp_path / "missing"), tmp_path)
    closed = Store(RedisSettings(url="redis://someone:secret@127.0.0.1:1/0"), tmp_path)
    with pytest.raises(StoreError) as caught:
        closed.ping()
    assert "secret" not in str(caught.value)


def test_a_wrong_password_is_named(tmp_path: Path) -> None:
    with start_valkey(tmp_path, "--requirepass", "right") as url:
        (tmp_path / "password").write_text("right\n")
        Store(RedisSettings(url=url, password_file=tmp_path / "password"), tmp_path).ping()
        wrong = Store(RedisSettings.model_validate({"url": url, "password": "wrong"}), tmp_path)
        with pytest.raises(StoreError, match=r"password.*redis\.password"):
            wrong.ping()


def test_who_logged_out_is_told_once_and_forgotten_in_time(store: Store, valkey_url: str) -> None:
    assert store.logins.ended("-") == ({}, "-")
    end = time.time() + 60.25
    store.logins.end("first", end, longest_seconds=60)
    ended, read_to = store.logins.ended("-")
    assert ended == {"first": end}
    assert store.logins.ended(read_to) == ({}, read_to)
    store.logins.end("second", end, longest_seconds=60)
    assert store.logins.ended(read_to)[0] == {"second": end}
    with redis.Redis.from_url(valkey_url) as client:
        assert 0 < client.ttl(keys.ENDED_LOGINS) <= 61
    time.sleep(0.002)  # the clock of the stream's ids has moved on
    store.logins.end("third", end, longest_seconds=0)
    assert store.logins.ended("-")[0] == {"third": end}
