"""`mien bench --calibrate` with real processes, in two short loads."""

from services.bench.calibrate import Stage, calibrate
from services.planner.coefficients import Costs


def test_every_service_that_touches_frames_costs_something() -> None:
    told: list[str] = []
    stages = (Stage("light", 1, 4.0), Stage("faces", 2, 6.0, is_group=True))
    found = calibrate({"detector": {"width": 320}}, 3.0, lambda what, share: told.append(what), stages)
    costs = {name: found.costs.of(name) for name in Costs.__struct_fields__}
    for service in ("capture", "broker", "detector", "classifier", "recorder"):
        cost = costs[service]
        assert cost.frame_ms + cost.face_ms + cost.idle_ms > 0.01, service
    assert all(cost.memory_mb > 1 for cost in costs.values())
    detector = costs["detector"]
    assert detector.frame_ms + detector.face_ms > costs["broker"].frame_ms
    assert found.gpu == ""
    assert "320" in found.detector
    assert 0.01 < found.jpeg.megabytes < 3
    assert found.jpeg.encode_ms > 0
    assert found.jpeg.decode_ms > 0
    assert told == ["making the clips", "measuring: light", "measuring: faces"]
