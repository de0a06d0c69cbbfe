"""The classifier's step: crops of several frames in one batch, each frame answered with its own readings."""

import threading

import numpy as np
import pytest

from services.classifier.backend import SleepBackend, load_backend
from services.classifier.follow import ModelFollower
from services.classifier.service import ClassifierService
from shared.codec import decode, encode
from shared.config import ClassifierSettings
from shared.emotions import EMOTIONS
from shared.errors import ArtefactError, StoreError
from shared.messages import Face, Faces, JobId, Message, Result
from shared.work import Reject, Reply, Work

MARKS = tuple(float(value) for value in range(10))


class Brightness:
    """Reads the first emotion from dark crops and the last from bright ones, surer the more extreme."""

    name = "brightness"
    device = "cpu"
    labels = EMOTIONS
    uncertain_threshold = 0.6

    def __init__(self, sha12="abc"):
        self.sha12 = sha12
        self.model_name = "toy"
        self.provisional = False
        self.batches = []

    def predict(self, crops):
        self.batches.append(len(crops))
        bright = crops.mean(axis=(1, 2)) / 255
        out = np.zeros((len(crops), 7), np.float32)
        out[:, 0], out[:, 6] = 1 - bright, bright
        return out


class GivenModels:
    """Gives one backend at the start, and another when told."""

    def __init__(self, backend):
        self.backend, self.fresh = backend, None

    def start(self):
        return self.backend

    def take(self):
        fresh, self.fresh = self.fresh, None
        return fresh


def job(values, number=1, **changes):
    """Return a frame whose crops have these grey values."""
    faces = tuple(Face(box=(value, 0, 30, 30), score=0.9, landmarks=MARKS) for value in values)
    header = {
        "camera": f"camera{number}",
        "run": 1,
        "sequence": number,
        "live": True,
        "captured_ns": 5,
        "width": 640,
        "height": 480,
        "ages": {"capture": 1},
        "media_seconds": 2.5,
        "detector": "given",
        "crop": "fer-box-1",
        "faces": faces,
        "excess": 3,
    }
    crops = np.repeat(np.array(values, np.uint8), 96 * 96).tobytes()
    return Work(JobId(1, number), Message(Faces(**(header | changes)), (crops,)), frozenset(), 0)


def service(backend):
    models = GivenModels(backend)
    facts = {}
    made = ClassifierService(models, facts)
    made.warm_up()
    return made, models, facts


def test_crops_of_several_frames_are_one_batch_and_find_back():
    backend = Brightness()
    made, _, _ = service(backend)
    replies = list(made.step([job([0, 255], 1), job([51], 2), job([255, 153, 0], 3)], 0.0))
    assert backend.batches == [6]
    assert [reply.job.number for reply in replies] == [1, 2, 3]
    read = [[face.emotion for face in reply.header.faces] for reply in replies]
    assert read == [["angry", "surprise"], ["angry"], ["surprise", "surprise", "angry"]]
    assert [face.box[0] for face in replies[2].header.faces] == [255, 153, 0]


def test_a_crowd_is_answered_part_by_part():
    backend = Brightness()
    made, _, _ = service(backend)
    crowd, few = [0] * 40, [255] * 10
    jobs = [job(few, 1), job(few, 2), job(few, 3), job(few, 4), job(crowd, 5), job(few, 6)]
    replies = made.step(jobs, 0.0)
    assert next(replies).job.number == 1
    assert backend.batches == [30]
    assert [reply.job.number for reply in replies] == [2, 3, 4, 5, 6]
    assert backend.batches == [30, 10, 40, 10]


def test_result_says_all_that_is_known():
    made, _, _ = service(Brightness())
    (reply,) = made.step([job([102])], 0.0)
    result = reply.header
    assert isinstance(decode(encode(result)).header, Result)
    assert (result.camera, result.sequence, result.media_seconds, result.ages) == (
        "camera1",
        1,
        2.5,
        {"capture": 1},
    )
    assert (result.detector, result.model, result.backend, result.excess) == ("given", "abc", "brightness", 3)
    assert result.labels == EMOTIONS
    (face,) = result.faces
    assert face.landmarks == MARKS
    assert face.probabilities == (0.6, 0, 0, 0, 0, 0, 0.4)


@pytest.mark.parametrize(
    ("value", "certain"), [(102, True), (103, False), (127, False), (152, False), (154, True)]
)
def test_below_the_threshold_a_face_is_uncertain_but_keeps_its_label(value, certain):
    made, _, _ = service(Brightness())
    (reply,) = made.step([job([value])], 0.0)
    (face,) = reply.header.faces
    assert face.certain is certain
    assert face.emotion == ("angry" if value < 128 else "surprise")


def test_probabilities_are_short_and_sum_to_one():
    class Random(Brightness):
        def predict(self, crops):
            logits = np.random.default_rng(0).normal(0, 3, (len(crops), 7))
            powers = np.exp(logits)
            return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)

    made, _, _ = service(Random())
    (reply,) = made.step([job([9] * 60)], 0.0)
    for face in reply.header.faces:
        assert abs(sum(face.probabilities) - 1) < 1e-4
        assert all(value == round(value, 5) for value in face.probabilities)


def test_frame_that_is_not_for_it_is_rejected_and_the_others_answered():
    made, _, _ = service(Brightness())
    (result,) = made.step([job([1])], 0.0)
    wrong = Work(JobId(1, 8), Message(result.header), frozenset(), 0)
    outs = list(made.step([job([0], 1), job([0], 2, crop="other-9"), wrong], 0.0))
    rejected = {out.job.number: out.reason for out in outs if isinstance(out, Reject)}
    assert rejected == {
        2: "crops are framed as other-9, this classifier wants fer-box-1",
        8: "a classifier works on faces, not on Result",
    }
    assert [out.job.number for out in outs if isinstance(out, Reply)] == [1]


def test_model_is_swapped_between_two_batches():
    old, new = Brightness("old"), Brightness("new")
    made, models, facts = service(old)
    about = {"model": "old", "model_name": "toy", "backend": "brightness"}
    assert facts == {**about, "device": "cpu", "provisional": False}
    assert [out.header.model for out in made.step([job([0])], 0.0)] == ["old"]
    models.fresh = new
    assert [out.header.model for out in made.step([job([0], 1), job([0], 2)], 0.0)] == ["new", "new"]
    assert facts["model"] == "new"
    assert old.batches == [1]


class Loader:
    """Loads backends by folder name, in step with the test; a folder named bad can't be loaded."""

    def __init__(self):
        self.loaded = []
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, model):
        assert self.go_on.wait(10)
        self.loaded.append(model.name if model else None)
        if model and model.name == "bad":
            raise ArtefactError("bad has no card")
        if model and model.name == "broken":
            raise RuntimeError("something inside")
        return Brightness(model.name if model else "default")


def follow(follower):
    follower.follow()
    if follower._thread:
        follower._thread.join(10)


def test_wanted_model_is_loaded_beside_the_work(tmp_path):
    wanted, load = [None], Loader()
    follower = ModelFollower(load, lambda: wanted[0])
    assert follower.start().sha12 == "default"
    follow(follower)
    assert follower.take() is None
    load.go_on.clear()
    wanted[0] = str(tmp_path / "new")
    follower.follow()
    follower.follow()  # while it is being loaded
    assert follower.take() is None
    load.go_on.set()
    follow(follower)
    assert follower.take().sha12 == "new"
    assert follower.take() is None
    follow(follower)
    assert load.loaded == [None, "new"]
    wanted[0] = None
    follow(follower)
    assert follower.take().sha12 == "default"


def test_restarted_worker_begins_with_the_wanted_model(tmp_path):
    load = Loader()
    follower = ModelFollower(load, lambda: str(tmp_path / "new"))
    assert follower.start().sha12 == "new"
    follow(follower)
    assert load.loaded == ["new"]


def test_worker_begins_with_the_configured_model_where_the_wanted_one_cannot_be_had(tmp_path):
    load = Loader()
    assert ModelFollower(load, lambda: str(tmp_path / "bad")).start().sha12 == "default"

    def no_redis():
        raise StoreError("Redis is away")

    assert ModelFollower(load, no_redis).start().sha12 == "default"


def test_model_exported_anew_into_the_same_folder_is_loaded_again(tmp_path):
    load = Loader()
    follower = ModelFollower(load, lambda: str(tmp_path))
    follow(follower)
    (tmp_path / "card.json").write_text("{}")
    follow(follower)
    follow(follower)
    assert load.loaded == [tmp_path.name] * 2


@pytest.mark.parametrize("name", ["bad", "broken"])
def test_bad_model_is_logged_once_and_the_old_one_stays(tmp_path, caplog, name):
    load = Loader()
    wanted = [str(tmp_path / name)]
    follower = ModelFollower(load, lambda: wanted[0])
    for _ in range(3):
        follow(follower)
        assert follower.take() is None
    assert load.loaded == [name]
    assert len(caplog.records) == 1
    assert "old one stays" in caplog.text
    wanted[0] = str(tmp_path / "good")
    follow(follower)
    assert follower.take().sha12 == "good"


def test_sleep_backend_gives_uniform_probabilities():
    backend = load_backend(ClassifierSettings(backend="sleep", sleep="1ms"), None, None)
    assert isinstance(backend, SleepBackend)
    made, _, _ = service(backend)
    (reply,) = made.step([job([0, 9])], 0.0)
    assert [face.probabilities for face in reply.header.faces] == [(0.14286,) * 7] * 2
    assert made.idle(0.0) == ()
